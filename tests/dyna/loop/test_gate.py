"""A model that foretells nothing is given up; one that does is used; warm-up waits."""

import dataclasses
from pathlib import Path

import pytest
import torch

from agents.random_actions import RandomActions
from dyna.loop import trust
from dyna.loop.rollout import rollout
from dyna.running import run as running
from dyna.train import validate
from envs.digits import make
from envs.trajectory import Trajectory
from tests.dyna.loop.runs import rows, tiny, weights
from tests.dyna.seeing import Seer

GATED = ["env.tier=plain", "world_model=vae_rnn", "real_frames=200", "env.horizon=10"]


def _skills(folder: Path) -> list[float]:
    return [row["world_model/skill"] for row in rows(folder) if "world_model/skill" in row]


def test_a_model_that_fails_is_given_up_and_the_rest_is_model_free(tmp_path: Path) -> None:
    cfg = tiny(tmp_path, *GATED, "gate=0.99", "agent.rewards.horizons=[[null,5]]")
    summary = running.run(cfg)
    assert (summary["real_frames"], summary["imagined_frames"]) == (200, 0)
    assert len(_skills(tmp_path)) == 1
    assert not [row for row in rows(tmp_path) if "imagined/reward" in row]
    learned = [row for row in rows(tmp_path) if "agent/lr" in row]
    assert learned[0]["real_frames"] > 20  # the agent waits until the model was asked
    # As a model-free run that begins there: the step size falls to its end with the real frames.
    assert learned[-1]["agent/lr"] < 0.2 * learned[0]["agent/lr"]
    assert "eval/iou" in rows(tmp_path)[-1]


def test_a_model_that_passes_is_used(tmp_path: Path) -> None:
    summary = running.run(tiny(tmp_path, *GATED, "gate=-100"))
    assert (summary["real_frames"], summary["imagined_frames"]) == (200, 160)
    assert len(_skills(tmp_path)) == 1


def test_a_gated_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    running.run(tiny(whole, *GATED, "gate=0.99"))

    class Stopped(Exception):
        pass

    class Short(running.Run):
        def _save(self) -> None:
            super()._save()
            if self.dyna.skill is not None and self.dyna.real > 40:
                raise Stopped

    cfg = tiny(part, *GATED, "gate=0.99")
    part.mkdir()
    with pytest.raises(Stopped):
        Short(cfg).go()
    running.run(cfg)
    assert rows(part) == rows(whole)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(part)[name])


def test_warm_up_leaves_the_imagination_to_later_rounds(tmp_path: Path) -> None:
    running.run(tiny(tmp_path, "world_model=rigid", "rounds=2", "warmup=100"))
    first = next(row for row in rows(tmp_path) if "imagined/reward" in row)
    assert first["real_frames"] == 140
    assert rows(tmp_path)[-1]["imagined_frames"] == 160


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["warmup=141"], "warmup=141 real frames never come: real_frames=140"),
        (["gate=2"], "gate must be at most 1, got 2"),
        (["gate=abc"], "gate=abc is not a number"),
    ],
)
def test_bad_values_are_named(overrides: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        validate(tiny(tmp_path, *overrides))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["world_model=rigid"], "gate=0.5 asks the model.*rigid cannot look.*gate=null"),
        (["world_model=vae_rnn", "real_frames=20"], "two more for the gate: give 30 or more"),
    ],
)
def test_a_gate_that_cannot_be_asked_is_named(
    overrides: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        running.run(tiny(tmp_path, "gate=0.5", *overrides))


@pytest.fixture(scope="module")
def wandering() -> Trajectory:
    return rollout(make(tier="medium", batch_size=32, seed=0, horizon=8), RandomActions(seed=1))


def test_skill_is_one_for_who_knows_and_low_for_who_thinks_that_nothing_moves(
    wandering: Trajectory,
) -> None:
    rng = torch.Generator().manual_seed(0)
    assert trust.skill(Seer(wandering), wandering, rng) == pytest.approx(1, abs=1e-3)
    truth = wandering.truth
    assert truth is not None
    frozen = Seer(wandering)
    frozen.truth = dataclasses.replace(truth, box=truth.box[:, :1].expand_as(truth.box))
    assert trust.skill(frozen, wandering, rng) == pytest.approx(0, abs=0.05)
