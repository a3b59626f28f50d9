"""How many frames of what: budgets, rounds, curricula."""

from pathlib import Path

import pytest
import torch

from dyna.running import run as running
from dyna.running.checkpoint import Checkpoints, load
from tests.dyna.loop.runs import rows, tiny


def test_arms_of_one_seed_meet_the_same_real_episodes(tmp_path: Path) -> None:
    replays = []
    for model in ("rigid", "cut_paste"):
        running.run(tiny(tmp_path / model, f"world_model={model}", "imagined_frames=20"))
        path = Checkpoints(tmp_path / model / "checkpoints", {}).paths()[-1]
        replays.append(load(path)["replay"]["episodes"]["frame"])
    assert torch.equal(*replays)


def test_no_world_model_is_fitted_if_nothing_is_imagined(tmp_path: Path) -> None:
    for model in ("none", "cut_paste"):
        running.run(tiny(tmp_path / model, f"world_model={model}", "imagined_frames=0"))
    assert rows(tmp_path / "cut_paste") == rows(tmp_path / "none")


def test_rounds_split_the_budgets(tmp_path: Path) -> None:
    running.run(tiny(tmp_path, "world_model=rigid", "rounds=2", "evaluations=0"))
    fits = [row for row in rows(tmp_path) if "world_model/episodes" in row]
    assert [(row["real_frames"], row["imagined_frames"]) for row in fits] == [(70, 0), (140, 80)]
    assert [row["world_model/episodes"] for row in fits] == [7, 14]


def test_a_budget_that_the_horizon_does_not_divide_is_met_exactly(tmp_path: Path) -> None:
    config = ["world_model=rigid", "real_frames=27", "imagined_frames=33", "evaluations=0"]
    summary = running.run(tiny(tmp_path, *config))
    assert (summary["real_frames"], summary["imagined_frames"]) == (27, 33)


@pytest.mark.parametrize(("agent", "learner"), [("hart_ppo", "agent"), ("hart", "agent.rewards")])
def test_model_free_training_follows_the_agents_curriculum(
    tmp_path: Path, agent: str, learner: str
) -> None:
    stages = f"{learner}.horizons=[[60,5],[null,null]]"
    running.run(tiny(tmp_path, "world_model=none", f"agent={agent}", stages, "evaluations=0"))
    assert [row["real_frames"] for row in rows(tmp_path)] == [20, 40, 60, 100, 140]


@pytest.mark.parametrize("real", [40, 120])
def test_more_real_frames_do_not_shorten_what_dreams_teach(tmp_path: Path, real: int) -> None:
    """The curriculum and the schedules of a pupil of dreams begin where its dreams do."""
    config = ["world_model=oracle", "agent=hart_supervised", f"real_frames={real}"]
    running.run(tiny(tmp_path, *config, "evaluations=0"))
    dreamed = [row for row in rows(tmp_path) if row["imagined_frames"] > 0]
    assert [row["imagined_frames"] for row in dreamed] == [20, 40, 60, 100, 140, 160]
    fall = [1 - 0.97 * n / 160 for n in (0, 20, 40, 60, 100, 140)]
    assert [row["agent/lr"] / 2e-3 for row in dreamed] == pytest.approx(fall)
