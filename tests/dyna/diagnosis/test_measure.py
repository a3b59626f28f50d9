"""Diagnostics of models whose figures are known beforehand."""

import dataclasses
import math

import pytest
import torch

from agents.last_box import LastBox
from agents.random_actions import RandomActions
from dyna.diagnosis.extrapolation import coast
from dyna.diagnosis.matching import match
from dyna.diagnosis.measure import diagnose
from dyna.diagnosis.occlusion import spells
from dyna.diagnosis.perception import perception
from dyna.diagnosis.protocol import Protocol
from dyna.loop.rollout import rollout
from envs.digits import make
from envs.trajectory import Trajectory, Truth
from tests.dyna.seeing import Seer
from world_models.base import Posterior


def episodes(tier: str = "plain", horizon: int = 16, number: int = 30) -> Trajectory:
    env = make(tier=tier, split="test", batch_size=number, horizon=horizon, seed=0)
    agent = RandomActions() if tier == "active" else LastBox()
    return rollout(env, agent, explore=False)


@pytest.fixture(scope="module")
def plain() -> Trajectory:
    return episodes()


def test_who_knows_all_is_never_wrong(plain: Trajectory) -> None:
    found = diagnose(Seer(plain), plain)
    seen, target, last = found["perception"], found["target"], found["rollout"][-1]
    assert seen["count_accuracy"] == seen["count_accuracy_2"] == 1
    assert seen["box_iou"] == pytest.approx(1)
    assert seen["switches"] == seen["false_objects"] == seen["reconstruction_mse"] == 0
    assert target["target_iou"] == pytest.approx(1)
    assert target["target_lost"] == 0
    assert last["step"] == len(found["rollout"]) == 10
    wrong = [last[name] for name in ("error", "target_error", "reward_error", "spread")]
    assert wrong == pytest.approx([0, 0, 0, 0], abs=1e-4)
    assert last["presence"] == last["count_accuracy"] == 1
    assert found["trust"]["trust_horizon"] == 11
    assert found["trust"]["copy_trust_horizon"] < found["trust"]["oracle_trust_horizon"]
    assert last["oracle_error"] < last["copy_error"]
    assert last["copy_reward_error"] > 0.05


def test_gaussian_wander_is_well_calibrated(plain: Trajectory) -> None:
    protocol = Protocol(samples=16, ahead=3)
    row = diagnose(Seer(plain, wander=2 / 48), plain, protocol=protocol)["rollout"][-1]
    # One sample is a Rayleigh variable away from the truth, two are sqrt(2) of that apart.
    assert row["sample_error"] == pytest.approx(2 * math.sqrt(math.pi / 2), rel=0.05)
    assert row["spread"] == pytest.approx(2 * math.sqrt(math.pi), rel=0.05)
    assert row["error"] < row["sample_error"] / 3


def test_hidden_objects_are_refound_or_not() -> None:
    hard = episodes("hard", horizon=30)
    kept = diagnose(Seer(hard), hard)["occlusion"]
    assert kept["occlusions_1_5"] > 5
    assert kept["refound_1_5"] == kept["predicted_1_5"] == kept["filtered_1_5"] == 1
    assert kept["held_6_up"] < kept["extrapolated_6_up"]
    lost = diagnose(Seer(hard, forget=True), hard)["occlusion"]
    assert lost["occlusions_1_5"] == kept["occlusions_1_5"]
    assert lost["refound_1_5"] == lost["predicted_1_5"] == 0


def test_spells_end_within_the_episode_and_were_followed() -> None:
    visible = torch.tensor([[1.0, 1, 0, 0, 1, 0]])[..., None]
    box = torch.tensor([0.5, 0.5, 0.2, 0.2]).expand(1, 6, 1, 4)
    identity = torch.zeros(1, 6, 1, dtype=torch.long)
    truth = Truth(torch.zeros(1, dtype=torch.long), box, visible, identity)
    posterior = Posterior([], box, visible, identity + 7, _frames(6), torch.zeros(1, 6))
    found = dataclasses.astuple(spells(match(posterior, truth), truth.id >= 0))
    assert [x.tolist() for x in found] == [[0], [0], [1], [4], [7]]
    unseen = dataclasses.replace(posterior, visible=torch.zeros(1, 6, 1))
    assert len(spells(match(unseen, truth), truth.id >= 0).last) == 0


def test_camera_that_acts_is_given_to_rivals() -> None:
    active = episodes("active", horizon=12)
    row = diagnose(Seer(active), active)["rollout"][3]
    assert row["error"] == pytest.approx(0, abs=1e-4)
    assert row["oracle_error"] < row["view_error"] / 2
    assert row["bounce_iou"] == pytest.approx(row["oracle_iou"], abs=0.2)
    assert "no_action_iou" in row


def test_coasting_meets_the_walls_and_the_moving_view() -> None:
    box = torch.tensor([[[0.8, 0.5, 0.2, 0.2]]])
    velocity = torch.tensor([[[0.1, 0.0]]])
    still = coast(box, velocity, 3)[0, :, 0, 0].tolist()
    assert still == pytest.approx([0.9, 0.8, 0.7])
    camera = torch.tensor([[[0.1, 0.0]] * 3])
    moved = coast(box, velocity, 3, camera)[0, :, 0, 0].tolist()
    assert moved == pytest.approx([0.8, 0.8, 0.8])


def test_one_slot_for_the_target_is_not_asked_to_count(plain: Trajectory) -> None:
    assert plain.truth is not None
    truth = plain.truth
    alone = Truth(
        torch.zeros_like(truth.target),
        truth.target_box[:, :, None],
        truth.target_visible[:, :, None],
        torch.zeros_like(truth.id[..., :1]),
    )
    found = diagnose(Seer(dataclasses.replace(plain, truth=alone)), plain)
    assert "count_accuracy" not in found["perception"]
    assert found["target"]["target_iou"] == pytest.approx(1)
    assert found["rollout"][4]["target_error"] == pytest.approx(0, abs=1e-4)


def test_single_images_have_no_rollout() -> None:
    still = episodes(horizon=1)
    found = diagnose(Seer(still), still, protocol=Protocol(settled=0))
    assert found["rollout"] == []
    assert found["trust"] == {}
    assert found["perception"]["count_accuracy"] == 1
    with pytest.raises(ValueError, match="settled=2"):
        diagnose(Seer(still), still)


def _frames(horizon: int) -> torch.Tensor:
    return torch.zeros(1, horizon, 1, 4, 4, dtype=torch.uint8)


def test_counting_where_objects_overlap_is_told_apart() -> None:
    """Two objects meet in frames 0 to 2 of 4; a third slot sits on them in frames 0, 1 and 3."""
    box = torch.tensor([0.5, 0.5, 0.2, 0.2]).repeat(1, 4, 3, 1)
    box[0, :, 1, 0] = torch.tensor([0.6, 0.6, 0.65, 0.7])  # they share .5, .5, .25 and 0
    there = torch.tensor([1.0, 1, 0]).expand(1, 4, 3)
    identity = torch.where(there > 0, torch.arange(3), -1)
    seen = there.clone()
    seen[0, [0, 1, 3], 2] = 1.0
    truth = Truth(torch.zeros(1, dtype=torch.long), box, there, identity)
    posterior = Posterior([], box, seen, identity, _frames(4), torch.zeros(1, 4))

    def figures(settled: int) -> dict[str, float]:
        return perception(posterior, truth, match(posterior, truth), settled)

    later = figures(1)
    assert later["count_accuracy"] == later["count_accuracy_2"] == pytest.approx(1 / 3)
    assert later["too_many"] == pytest.approx(2 / 3)
    assert later["count_accuracy_overlap"] == later["too_many_overlap"] == 0.5
    assert later["count_accuracy_overlap_start"] == 0
    assert figures(2)["count_accuracy_overlap_start"] == 1
    assert "count_accuracy_overlap" not in figures(3)  # no such frame
    assert figures(3)["count_accuracy_overlap_start"] == 0
