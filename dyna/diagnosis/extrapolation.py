"""Constant velocity: what a world model's predictions must beat, from tracked or true boxes."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dyna.loop.following import pick, slot_of
from envs.trajectory import Trajectory, Truth
from world_models.base import Posterior

SLOPE = 3
"""Frames over which a velocity is measured from tracked boxes."""


def camera_path(episodes: Trajectory) -> Float[Tensor, "B T 2"] | None:
    """How the view moved after each step; None where the task never moved it."""
    return episodes.camera if bool(episodes.camera.any()) else None


def coast(
    box: Float[Tensor, "B O 4"],
    velocity: Float[Tensor, "B O 2"],
    steps: int,
    camera: Float[Tensor, "B S 2"] | None = None,
    margin: float = 0.0,
) -> Float[Tensor, "B S O 4"]:
    """Constant velocity; bounces where the box would leave the frame by more than ``margin``.

    If the ``camera`` moves, velocities are those in the world, the view moves as it did, and
    nothing bounces: the walls are out of sight.
    """
    centre, size = box[..., :2], box[..., 2:]
    low, room = size / 2 - margin, (1 + 2 * margin - size).clamp(min=1e-6)
    moved = None if camera is None else camera.cumsum(1)
    path = []
    for h in range(1, steps + 1):
        place = centre + h * velocity
        if moved is None:
            phase = (place - low) % (2 * room)
            place = low + torch.where(phase > room, 2 * room - phase, phase)
        else:
            place = place - moved[:, h - 1, None]
        path.append(torch.cat([place, size], -1))
    return torch.stack(path, 1)


def wall_margin(truth: Truth) -> float:
    """How far beyond the frame the walls stand: as far as 19 of 20 true boxes stay within.

    Not as far as any reaches: boxes that turn stick out of the discs that the walls reflect.
    """
    beyond = ((truth.box[..., :2] - 0.5).abs() + truth.box[..., 2:] / 2 - 0.5).amax(-1)
    known = beyond[truth.id >= 0].clamp(min=0)
    return known.quantile(0.95).item() if len(known) else 0.0


def true_velocity(truth: Truth, camera: Float[Tensor, "B T 2"] | None) -> Float[Tensor, "B T O 2"]:
    """How the true boxes moved into each frame, in the world; 0 in the first frame."""
    velocity = torch.zeros_like(truth.box[..., :2])
    velocity[:, 1:] = (truth.box[:, 1:] - truth.box[:, :-1])[..., :2]
    if camera is not None:
        velocity[:, 1:] += camera[:, :-1, None]
    return velocity


def tracked_velocity(
    posterior: Posterior,
    camera: Float[Tensor, "B T 2"] | None,
    now: int,
    slot: Int[Tensor, "B O"],
) -> Float[Tensor, "B O 2"]:
    """Mean velocity of tracked boxes in the last `SLOPE` frames, 0 for those just found."""
    first = max(0, now - SLOPE)
    identity = posterior.id[:, now].gather(-1, slot)
    before, known = slot_of(posterior, first, identity)
    moved = pick(posterior.box[:, now], slot) - pick(posterior.box[:, first], before)
    velocity = moved[..., :2]
    if camera is not None:
        velocity = velocity + camera[:, first:now].sum(1)[:, None]
    return torch.where(known[..., None], velocity / max(1, now - first), 0.0)
