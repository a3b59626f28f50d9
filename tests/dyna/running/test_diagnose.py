"""The command that measures world models on their own."""

import json
import types
from pathlib import Path

import hydra
import pytest
from omegaconf import DictConfig

from dyna.running import checkpoint, diagnose


def compose(*overrides: str) -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose("diagnose", overrides=list(overrides))


def test_no_episodes_are_refused() -> None:
    with pytest.raises(ValueError, match="episodes must be at least 1, got 0"):
        diagnose.run(compose("episodes=0"), [])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("world_model=none", "world_model=none is nothing to measure"),
        ("seeds=3", "seeds must be a filled list"),
        ("seeds=[-1]", "an entry of seeds must be at least 0, got -1"),
        ("samples=0", "samples must be at least 1, got 0"),
        ("settled=0.5", "settled=0.5 is not a whole number"),
        ("generalise=3", "generalise=3: give factors"),
    ],
)
def test_bad_values_are_named_before_any_work(override: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        diagnose.run(compose(override), [])


def test_models_that_cannot_see_are_refused() -> None:
    with pytest.raises(ValueError, match="choose world_model=air"):
        diagnose.run(compose("world_model=rigid"), [])


def test_figures_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "figures.json"
    small = {"background": 60, "static": 40, "sequence": 2, "motion": 2}
    steps = [f"world_model.{stage}_steps={number}" for stage, number in small.items()]
    brief = [
        "episodes=20",
        "test_episodes=6",
        "seeds=[3]",
        "samples=2",
        "ahead=10",
        "pictures=false",
    ]
    brief += ["pictures=false", f"folder={tmp_path}/pictures"]
    more = "generalise={min_objects: 4, max_objects: 5}"
    models = tmp_path / "models"
    config = compose(*brief, f"output={output}", f"save={models}", more, *steps)
    diagnose.run(config, ["seeds=[3]"])
    document = json.loads(output.read_text())
    row, harder = document["rows"]
    assert row["seed"] == 3
    assert 0 <= row["box_iou"] < 1
    assert [step["step"] for step in row["steps"]] == list(range(1, 11))
    assert row["steps"][9]["error"] == row["error_at_10"]
    assert harder["test_factors"] == {"min_objects": 4, "max_objects": 5}
    assert harder["test_slots"] == 6
    assert document["command"] == "python -m dyna.diagnose 'seeds=[3]'"
    for how in ("model", "truth"):
        assert row[f"beside/{how}/objects/real"] > 0
        assert row[f"beside/{how}/speed_19/ratio"] > 0  # as long as training, not as the test
        assert f"beside/{how}/speed_30/ratio" not in row
    assert not any(name.startswith("beside/") for name in harder)
    printed = capsys.readouterr().out
    assert f"box IoU {row['box_iou']:.3f}" in printed
    assert printed.count("Dreams beside reality") == 1
    (again,) = diagnose.run(
        compose(*brief, f"output={output}", f"load={models}", *steps),
        [],
    )
    same = ("box_iou", "error_at_10", "cpu_seconds", "elbo", "beside/model/speed/dreamed")
    assert [again[name] for name in same] == pytest.approx([row[name] for name in same], rel=1e-4)
    with pytest.raises(ValueError, match="another world model"):
        diagnose.run(compose(*brief, f"load={models}", "world_model.what_dim=8"), [])
    checkpoint.save(models / "seed-3.pt", {"agent": {}})
    with pytest.raises(ValueError, match="or none that save"):
        diagnose.run(compose(*brief, f"load={models}"), [])


def test_published_files_are_written_only_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"seed": 0, "cpu_seconds": 0.0, "target_iou": 0.0, "target_found": 0.0}
    row |= {"target_lost": 0.0, "reconstruction_mse": 0.0, "steps": [], "episodes": 1}
    found = types.SimpleNamespace(row=row, model=None, episodes=None, dreams=None)
    monkeypatch.setattr(diagnose, "probe", lambda cfg, seed: [found])
    place = Path("world_model_plain.json")
    diagnose.run(compose("seeds=[0]", "pictures=false"), [])
    assert (tmp_path / "outputs" / "diagnose" / place).exists()
    assert not (tmp_path / "results").exists()
    diagnose.run(compose("seeds=[0]", "pictures=false", "publish=true"), [])
    assert (tmp_path / "results" / place).exists()


def test_the_simulator_foresees_what_is_not_random() -> None:
    factors = "env.factors={velocity_jitter: 0}"
    for tier in ("interaction", "active"):
        config = compose(
            f"env.tier={tier}", factors, "agent=random_actions", "test_episodes=8", "ahead=5"
        )
        real = diagnose._held_out(config, config.env, 0)
        boxes = diagnose._foreseen(config, 0, real)
        assert real.truth is not None
        assert boxes is not None
        there = real.truth.id[:, 6:11] >= 0
        assert (boxes - real.truth.box[:, 6:11])[there].abs().max() < 1e-4


def test_scenes_that_may_be_empty_are_watched() -> None:
    config = compose("env.factors={min_objects: 0}")
    env = hydra.utils.instantiate(config.env, batch_size=20, seed=0, horizon=3)
    seen = diagnose.episodes_of(config, env, seed=0)
    assert seen.truth is not None
    assert bool((seen.truth.id < 0).all(-1).any())
    assert diagnose.test_horizon(1, 6, 30) == 1
    assert diagnose.test_horizon(20, 6, 30) == 36
