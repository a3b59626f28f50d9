"""The work of ``python -m dyna.evaluate``: references and checkpoints, scored and written down."""

import json
from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from dyna.running import checkpoint, subject
from dyna.running.build import build
from dyna.running.evaluate import run


def compose(*overrides: str, config_name: str = "evaluate") -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose(config_name, overrides=list(overrides))


def test_the_command_scores_a_reference_and_writes_it_down(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    cfg = compose("agent=ncc", "env.tier=easy", "episodes=4", "horizon=6", f"folder={tmp_path}")
    document = run(cfg, [])
    assert document["horizon"] == 6
    assert document["env"]["tier"] == "easy"
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert written["metrics"] == document["metrics"]
    iou = document["metrics"]["eval/iou"]
    assert f"{iou:.4g}" in capsys.readouterr().out


def trained(path: Path, *overrides: str) -> torch.Tensor:
    """Writes the checkpoint of a run that has just begun; gives a weight of its agent."""
    cfg = compose("folder=x", *overrides, config_name="train")
    config = OmegaConf.to_container(cfg, resolve=True)
    dyna = build(cfg)
    with torch.no_grad():
        weight = next(iter(dyna.agent.policy.parameters()))  # type: ignore[attr-defined]
        weight.fill_(0.123)
    checkpoint.save(path, {"config": config, **dyna.state_dict()})
    return weight


def test_a_checkpoint_gives_the_agent_back_and_the_env_may_differ(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    weight = trained(path, "world_model=none", "env.tier=plain")
    overrides = [f"checkpoint={path}", "env.tier=easy", "env.factors={noise: 0.1}", "episodes=3"]
    found = subject.from_checkpoint(compose(*overrides), overrides)
    assert found.env.factors == {"noise": 0.1}
    assert found.env.tier == "easy"
    assert found.model is None
    restored = next(iter(found.agent.policy.parameters()))  # type: ignore[attr-defined]
    assert torch.equal(restored, weight)
    cfg = compose(*overrides, f"folder={tmp_path}")
    assert "eval/iou" in run(cfg, overrides)["metrics"]


def test_dreams_of_a_checkpoint_are_put_beside_reality(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "checkpoint.pt"
    trained(path, "world_model=oracle", "env.tier=easy", "env.horizon=6")
    overrides = [f"checkpoint={path}", "episodes=8"]
    document = run(compose(*overrides, f"folder={tmp_path}"), overrides)
    assert document["beside"]["beside/truth/speed_5/ratio"] > 0
    assert "truth ratio" in capsys.readouterr().out


def test_a_checkpoint_meets_frames_of_its_own_channels_only(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    trained(path, "world_model=none", "env.tier=plain")
    cfg = compose(f"checkpoint={path}", "env.tier=medium", f"folder={tmp_path}")
    with pytest.raises(ValueError, match="1 channel"):
        run(cfg, ["env.tier=medium"])


def test_another_agent_does_not_go_with_a_checkpoint() -> None:
    overrides = ["checkpoint=no.pt", "agent=ncc"]
    with pytest.raises(ValueError, match=r"agent=... does not go with checkpoint"):
        subject.from_checkpoint(compose(*overrides), overrides)


def test_what_has_learned_nothing_is_not_scored(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"agent=.* has learned nothing yet: give checkpoint="):
        run(compose("agent=hart", f"folder={tmp_path}/x"), [])


def test_no_work_is_done_for_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"folder=.*: no file can be written there"):
        run(compose("episodes=2", f"folder={tmp_path}/file/x"), [])


def test_a_missing_checkpoint_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at no\.pt"):
        subject.from_checkpoint(compose("checkpoint=no.pt"), ["checkpoint=no.pt"])


@pytest.mark.parametrize("override", ["episodes=0", "horizon=1", "threads=0", "device=abacus"])
def test_bad_values_fail_before_any_work(override: str) -> None:
    with pytest.raises(ValueError, match=override.partition("=")[0]):
        run(compose(override, "folder=x"), [override])
