"""Where the edges of boxes are, told by what an agent may know: first boxes and rewards.

Masks are a little too wide or narrow as a whole, and windows a little beside the object: one ratio
and one shift mend both. First boxes say them directly. Rewards say them, too: a box that the agent
has moved near the target, and its IoU, tell where the target's edges are. Sizes are not regressed
on sizes: measured ones are noisy, so that small boxes would come out too large, large ones too
small.
"""

import dataclasses
import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from envs.boxes import iou
from envs.trajectory import Trajectory
from world_models.base import Posterior

MATCH_IOU = 0.4
"""A slot holds the target if it overlaps the first box by this."""
LEAST_BOXES = 5
"""First boxes without which nothing is calibrated."""
CLEAR = 0.6
"""Share of the target that must be seen for its first box or a reward to count."""
LEAST_REWARD = 0.1
"""Smaller ones hardly change with the target's edges."""
SIZE_SCALE, PLACE_SCALE, REWARD_SCALE = 0.1, 0.05, 0.05
"""Errors that count as usual: of logarithms of sizes, of centres in sizes of the box, of IoUs."""
STEPS = 200
LEARNING_RATE = 0.01


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Sizes of boxes times ``ratio``; centres moved by the shift (fractions of the frame)."""

    ratio: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def __call__(self, box: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
        """Calibrated boxes."""
        return _mended(box, self.ratio, box.new_tensor([self.shift_x, self.shift_y]))

    def undo(self, box: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
        """The boxes that were calibrated."""
        return _mended(box, 1 / self.ratio, -box.new_tensor([self.shift_x, self.shift_y]))


def _mended(
    box: Float[Tensor, "*n 4"], ratio: float | Float[Tensor, ""], shift: Float[Tensor, " 2"]
) -> Float[Tensor, "*n 4"]:
    return torch.cat([box[..., :2] + shift, ratio * box[..., 2:]], -1)


def calibrate(uncalibrated: Posterior, real: Trajectory) -> tuple[Calibration, dict[str, float]]:
    """The calibration under which first boxes and rewards are most likely.

    Errors count robustly (Geman and McClure): a slot may hold another object.

    Args:
        uncalibrated: What the model sees in the episodes, boxes as masks have them.
        real: The episodes.

    Returns:
        The calibration, and how well first boxes are found before and after it.
    """
    given = real.box[:, 0]
    box, there, overlap = _target(uncalibrated, given)
    matched = (overlap > MATCH_IOU) & there[:, 0]
    metrics = {
        "first_box_found": (overlap > MATCH_IOU).float().mean().item(),
        "first_box_iou": overlap.mean().item(),
    }
    if int(matched.sum()) < LEAST_BOXES:
        return Calibration(), metrics
    first, goal = box[matched, 0], given[matched]
    # The box that was scored: in the view that the agent saw, before the camera moved.
    moved = real.box[:, 1:].clone()
    moved[..., :2] += real.camera
    told = matched[:, None] & there & (real.reward > LEAST_REWARD)
    told[:, 0] = False  # the first box says it already
    seen, scored, reward = box[told], moved[told], real.reward[told]
    with torch.enable_grad():
        found = torch.zeros(3, requires_grad=True, device=box.device)
        optimiser = torch.optim.Adam([found], LEARNING_RATE)
        for _ in range(STEPS):
            guess, other = (_mended(x, found[0].exp(), found[1:]) for x in (first, seen))
            loss = _robust((guess[:, 2:] / goal[:, 2:]).log() / SIZE_SCALE)
            loss = loss + _robust((guess - goal)[:, :2] / goal[:, 2:] / PLACE_SCALE)
            loss = loss + _robust((iou(scored, other) - reward) / REWARD_SCALE)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    log_ratio, *shift = found.tolist()
    calibration = Calibration(math.exp(log_ratio), *shift)
    after = torch.where(overlap > 0, iou(calibration(box[:, 0]), given), 0.0)
    metrics |= {
        "first_box_iou_calibrated": after.mean().item(),
        "rewards_used": float(len(reward)),
        "box_ratio": calibration.ratio,
    }
    return calibration, metrics


def _target(
    posterior: Posterior, given: Float[Tensor, "B 4"]
) -> tuple[Float[Tensor, "B T 4"], Bool[Tensor, "B T"], Float[Tensor, " B"]]:
    """The target's box through time, where it is well seen, and how its first box fits."""
    box, identity = posterior.box, posterior.id
    known = (identity[:, 0] >= 0).float()
    overlap, slot = (iou(box[:, 0], given[:, None].expand_as(box[:, 0])) * known).max(-1)
    wanted = identity[:, 0].gather(-1, slot[:, None])[:, :, None]
    same = identity == wanted
    place = same.int().argmax(-1)
    path = box.gather(2, place[..., None, None].expand(-1, -1, 1, 4))[:, :, 0]
    return path, (same & (posterior.visible > CLEAR)).any(-1), overlap


def _robust(error: Float[Tensor, "*n"]) -> Float[Tensor, ""]:
    square = error.square()
    return (square / (1 + square)).sum()
