"""Several trackers on the same episodes: who is best, how sure that is, and what is written."""

import json
from pathlib import Path

import hydra
import pytest
from omegaconf import DictConfig

from agents.last_box import LastBox
from agents.oracle import Oracle
from dyna.evaluation.heldout import Outcome, observe, speed
from dyna.reporting import blocks, comparison
from dyna.running import compare
from dyna.scores import results
from envs.tracking import Tracking
from tests.dyna.running.test_evaluate import trained
from tests.scenes import MovingPatch


def compose(*overrides: str) -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose("compare", overrides=list(overrides))


def rows(seeds: int = 2, shift: float = 0.0) -> list[results.Row]:
    """Of a learned tracker with seeds and of one without; four episodes of three steps."""
    found = []
    for seed in range(seeds):
        found.append(row("HART", seed, [0.7, 0.6, 0.8, 0.7], 0.7 + 0.02 * seed))
    return [*found, row("kcf", None, [0.5 + shift, 0.5, 0.5, 0.5], 0.5 + shift / 4)]


def row(tracker: str, seed: int | None, iou_by_episode: list[float], iou: float) -> results.Row:
    metrics = {f"{name}_3": 0.5 for name in ("success_auc", "success_0.5", "losses", "refound")}
    return {
        "tracker": tracker, "seed": seed, "checkpoint": None if seed is None else f"run{seed}",
        "episodes": 4, "iou_3": iou, "iou_se_3": 0.01, "fps_cpu": 300.0, **metrics,
        "iou_by_step": [1.0, iou, iou], "se_by_step": [0.0, 0.1, None],
        "iou_by_episode": iou_by_episode,
    }  # fmt: skip


def test_the_best_comes_first_with_an_interval_over_its_seeds() -> None:
    header, body = comparison.cells(rows(), [3])
    assert [line[0] for line in body] == ["HART", "KCF"]
    cells = dict(zip(header, body[0], strict=True))
    assert cells["IoU, 3 steps"] == "0.710 ± 0.127"  # Student: 12.7 * .0141 / sqrt 2
    assert cells["seeds"] == "2"
    cells = dict(zip(header, body[1], strict=True))
    assert cells["IoU, 3 steps"] == "0.500 ± 0.020"
    assert cells["within 20 px"] == cells["seeds"] == ""
    assert comparison.as_text(rows(), [3]).count("\n") == 3
    assert comparison.as_markdown(rows(), [3]).count("|") == 4 * (len(header) + 1)


def test_differences_are_taken_episode_by_episode() -> None:
    mean, low, high = comparison.difference(rows()[:2], rows()[2:])
    assert mean == pytest.approx(0.2)
    assert 0.1 <= low <= mean <= high <= 0.3
    assert comparison.sentences(rows())[0].startswith("HART is above KCF: +0.200 IoU")
    assert "not told apart" in comparison.sentences(rows(shift=0.7))[0]


def test_what_learned_is_also_compared_seed_by_seed() -> None:
    worse = [row("RATM", seed, [0.6, 0.5, 0.7, 0.6], 0.6 + 0.02 * seed) for seed in range(2)]
    said = comparison.sentences([*worse, *rows()])
    assert said[0].startswith("HART is above RATM: +0.100 IoU")
    assert "over 2 seeds +0.100 ± 0.000" in said[0]
    worse[1]["iou_3"] = 0.5  # the seeds differ in what they say
    assert "HART is not told apart from RATM" in comparison.sentences([*worse, *rows()])[0]
    assert comparison.over_seeds(rows(), rows()[:1]) is None


def test_how_a_tracker_was_trained_is_said_once_for_all_its_seeds(tmp_path: Path) -> None:
    run = tmp_path / "seed=0"
    (run / "checkpoints").mkdir(parents=True)
    summary = {
        "command": "python -m dyna agent=hart seed=0 env.tier=easy", "commit": "abc123", "seed": 0,
        "real_frames": 2000, "imagined_frames": 500, "time/cpu_seconds": 61.2,
    }  # fmt: skip
    (run / "summary.json").write_text(json.dumps(summary))
    known = results.training(run / "checkpoints" / "checkpoint-1.pt")
    assert known == results.training(run)
    assert results.training(tmp_path) is None
    trained = [{**x, "training": known if x["tracker"] == "HART" else None} for x in rows()]
    command = "`python -m dyna agent=hart env.tier=easy seed=0,1`"
    said = [f"HART: 2,500 frames, 61 CPU s, {command} at abc123"]
    assert comparison.trainings(trained) == said
    assert comparison.trainings(rows()) == []


def test_the_figure_has_a_curve_for_each_tracker() -> None:
    svg = comparison.figure(rows())
    assert svg.startswith("<svg")
    assert "HART" in svg
    assert "KCF" in svg
    assert "currentColor" in svg


def test_shorter_horizons_are_cut_from_the_same_episodes() -> None:
    env = Tracking(MovingPatch(), batch_size=1, horizon=8)
    whole, short = observe(LastBox(), env, 5), observe(LastBox(), env, 5, horizon=4)
    assert isinstance(whole, Outcome)
    assert whole.first(4).iou.tolist() == short.iou.tolist()
    assert whole.curves()["iou_by_step"][0] == pytest.approx(1.0)
    assert len(whole.curves()["precision_curve"]) == 51
    assert set(speed(Oracle(), env)) == {"fps", "fps_cpu"}


def test_an_agent_is_not_scored_where_its_actions_do_something_else(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "checkpoint-00000001.pt"
    path.parent.mkdir()
    trained(path, "world_model=none", "env.tier=plain")
    checkpoints = f"checkpoints={{HART: '{tmp_path}'}}"
    collage = ["env=collage", "env.horizon=5", "env.channels=1"]
    given = [*collage, "agents=[]", "horizons=[3,5]", checkpoints, f"output={tmp_path}/out.json"]
    with pytest.raises(ValueError, match=r"centre_gain of 0\.5, but the env has 1"):
        compare.run(compose(*given), given)


def test_the_command_scores_checkpoints_and_agents(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for seed in (0, 1):
        (tmp_path / f"seed={seed}" / "checkpoints").mkdir(parents=True)
        path = tmp_path / f"seed={seed}" / "checkpoints" / "checkpoint-00000001.pt"
        trained(path, "world_model=none", "env.tier=plain", f"seed={seed}")
    overrides = [
        "env.tier=plain", "agents=[last_box,ncc]", "horizons=[3,5]", "episodes=4",
        f"checkpoints={{HART: '{tmp_path}/seed=*'}}", f"output={tmp_path}/out.json",
    ]  # fmt: skip
    found = compare.run(compose(*overrides), overrides)
    assert [(x["tracker"], x["seed"]) for x in found] == [
        ("HART", 0), ("HART", 1), ("last_box", None), ("ncc", None),
    ]  # fmt: skip
    document = results.load(tmp_path / "out.json")
    assert document["kind"] == comparison.KIND
    assert len(document["rows"][0]["iou_by_step"]) == 5
    assert document["rows"][3]["iou_5"] > document["rows"][2]["iou_5"]
    assert (tmp_path / "out.svg").read_text().startswith("<svg")
    text = comparison.block(document, "out", "")
    assert 'src="results/out.svg"' in text
    assert "| HART |" in text
    assert "<details>" in text
    assert document["command"] in text
    assert blocks.block(tmp_path / "out.json", "") == text
    assert "interval over 4 episodes" in capsys.readouterr().out
    again = compare.run(compose(*overrides, "reuse=true"), overrides)
    assert again[2] == document["rows"][2]


def test_published_files_are_written_only_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    published = tmp_path / "results" / "comparison_plain.json"
    published.parent.mkdir()
    published.write_text("published")
    short = ["agents=[last_box]", "horizons=[3]", "episodes=2"]
    compare.run(compose(*short), [])
    assert published.read_text() == "published"
    assert results.load(tmp_path / "outputs" / "compare" / "comparison_plain.json")
    compare.run(compose(*short, "publish=true"), [])
    assert results.load(published)["rows"]
    assert published.with_suffix(".svg").exists()
    with pytest.raises(ValueError, match=r"publish=true writes .* give one of them"):
        compare.run(compose(*short, "publish=true", "output=x.json"), [])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("horizons=[20,5]", "rising"),
        ("horizons=60", "horizons must be a filled list, got 60"),
        ("episodes=0", "episodes must be at least 1, got 0"),
        ("checkpoints=[a]", "must name folders"),
        ("agents=[]", "nobody to compare"),
        ("agents=3", "agents must be a filled list"),
        ("agents=[3]", "entry of agents=3 is not a text"),
        ("agents=[hart]", "has learned nothing"),
        ("checkpoints={HART: [nowhere]}", "no checkpoint at nowhere"),
        ("checkpoints={HART: 'nowhere*'}", "no checkpoint at nowhere"),
    ],
)
def test_bad_values_fail_before_any_work(override: str, says: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=says.replace("*", r"\*")):
        compare.run(compose(f"output={tmp_path}/out.json", override), [])
