"""Targets of monoliths: what rewards say of their boxes; how they are pasted and mirrored."""

import pytest
import torch

from agents.random_actions import RandomActions
from dyna.loop.rollout import rollout
from envs import digits
from envs.boxes import iou
from tests.world_models.monolith.test_monolith import episodes
from world_models.monolith import target
from world_models.monolith.latent_objective import draw_clips


@pytest.mark.parametrize("tier", ["plain", "active"])
def test_rewards_score_the_box_that_is_said_to_be_scored(tier: str) -> None:
    real = rollout(digits.make(tier=tier, batch_size=8, horizon=6), RandomActions(seed=0))
    assert real.truth is not None
    overlap = iou(target.scored_box(real), real.truth.target_box)
    assert torch.allclose(overlap, real.reward, atol=1e-4)
    right = target.reward_error(real.truth.target_box, target.scored_box(real), real.reward)
    wrong = target.reward_error(real.truth.target_box + 0.1, target.scored_box(real), real.reward)
    assert right.max() < 1e-4 < wrong.mean()


def test_a_lost_box_is_pulled_to_where_a_reward_was_had() -> None:
    scored = torch.tensor([0.5, 0.5, 0.2, 0.2])
    predicted = torch.tensor([0.1, 0.9, 0.2, 0.2], requires_grad=True)
    target.reward_error(predicted, scored, torch.tensor(0.6)).backward()
    assert predicted.grad is not None
    assert predicted.grad[0] < 0 < predicted.grad[1]


def test_a_pasted_patch_is_where_its_box_is(rng: torch.Generator) -> None:
    frame = 0.5 * torch.rand(3, 5, 1, 48, 48, generator=rng)
    patch = torch.zeros(3, 1, 48, 48)
    patch[:, :, 10:20, 20:34] = 1.0
    box = torch.tensor([[27.0, 15.0, 14.0, 10.0]]).expand(3, 4) / 48
    pasted, placed = target.paste(frame, patch, box, target.fly(box, 5, rng))
    for picture, where, before in zip(
        pasted.flatten(0, 2), placed.flatten(0, 1), frame.flatten(0, 2), strict=True
    ):
        left, top = ((where[:2] - where[2:] / 2) * 48).round().long().tolist()
        assert (picture[top : top + 10, left : left + 14] == 1).all()
        far = torch.ones(48, 48, dtype=torch.bool)
        far[max(top - 2, 0) : top + 12, max(left - 2, 0) : left + 16] = False
        assert torch.equal(picture[far], before[far])


def test_a_mirrored_clip_keeps_its_target_in_its_box(rng: torch.Generator) -> None:
    real = episodes()
    assert real.truth is not None
    moved = False
    for _ in range(6):
        frame, (box,), _ = target.mirror(
            real.frame.float(), [real.truth.target_box], real.camera, rng
        )
        moved |= not torch.equal(frame, real.frame.float())
        left, top = ((box[..., :2] - box[..., 2:] / 2) * 48).round().long().unbind(-1)
        for i, t in [(0, 0), (1, 3), (5, 7)]:
            outside = frame[i, t, 0].clone()
            outside[top[i, t] : top[i, t] + 14, left[i, t] : left[i, t] + 14] = 0
            assert not outside.any()
    assert moved


def test_the_pasted_target_is_cut_out_of_its_first_frame(rng: torch.Generator) -> None:
    real = episodes(batch=8)
    clips = draw_clips(real.without_truth(), 6, 6, rng)
    pixel = (torch.arange(48) + 0.5) / 48
    for t in (0, 3):
        box = clips.path[:, t]
        across, down = (
            (pixel - box[:, i : i + 1]).abs() < box[:, i + 2 : i + 3] / 2 for i in (0, 1)
        )
        inside = (down[:, :, None] & across[:, None, :])[:, None]
        area = inside.sum((1, 2, 3))
        # The patch is bright noise; what it was cut out of is black.
        assert ((clips.pasted[:, t] > 0.02) & inside).sum((1, 2, 3)).div(area).min() > 0.6
