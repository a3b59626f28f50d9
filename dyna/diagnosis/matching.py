"""Which slot of a world model holds which true object, and which one holds the target.

Truth is read here to measure, and for nothing else.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from envs.boxes import iou
from envs.trajectory import VISIBLE, Truth
from world_models.base import Posterior

MATCH_IOU = 0.3
"""An object is followed by the slot it is matched with if their IoU is above this."""


@dataclasses.dataclass(frozen=True)
class Matches:
    """What became of each true object, frame by frame.

    Attributes:
        slot: The slot that it is matched with; -1: none.
        iou: IoU of the two boxes; 0 without a match.
        identity: Identity in that slot if it follows the object (IoU above `MATCH_IOU`), or -1.
        present: Whether the object can be seen (more than `VISIBLE` of it).
    """

    slot: Int[Tensor, "B T O"]
    iou: Float[Tensor, "B T O"]
    identity: Int[Tensor, "B T O"]
    present: Bool[Tensor, "B T O"]


def match(posterior: Posterior, truth: Truth) -> Matches:
    """Pairs true objects with slots frame by frame, best pairs first (greedily)."""
    overlap = (
        iou(truth.box[:, :, :, None], posterior.box[:, :, None])
        * (posterior.visible > VISIBLE)[:, :, None]
    )
    present = (truth.id >= 0) & (truth.visible > VISIBLE)
    overlap = torch.where(present[..., None], overlap, 0.0)  # boxes of empty slots may be anything
    shape = overlap.shape
    flat = overlap.flatten(0, 1).clone()
    slot = torch.full(flat.shape[:2], -1, device=flat.device)
    best = torch.zeros(flat.shape[:2], device=flat.device)
    rows = torch.arange(len(flat), device=flat.device)
    for _ in range(min(shape[2:])):
        value, index = flat.flatten(1).max(-1)
        obj, slt = index // shape[3], index % shape[3]
        good = value > 0
        slot[rows[good], obj[good]] = slt[good]
        best[rows[good], obj[good]] = value[good]
        flat[rows, obj] = 0.0
        flat[rows, :, slt] = 0.0
    slot, best = slot.view(shape[:3]), best.view(shape[:3])
    held = posterior.id.gather(-1, slot.clamp(min=0))
    identity = torch.where((slot >= 0) & (best > MATCH_IOU), held, -1)
    return Matches(slot, best, identity, present)


def slot_of(
    posterior: Posterior, t: int, identity: Int[Tensor, "B O"]
) -> tuple[Int[Tensor, "B O"], Bool[Tensor, "B O"]]:
    """Where identities are after frame ``t``: their slots, and whether they are there at all."""
    same = (posterior.id[:, t, None] == identity[..., None]) & (identity >= 0)[..., None]
    return same.int().argmax(-1), same.any(-1)


def pick(value: Float[Tensor, "*n B K d"], slot: Int[Tensor, "B O"]) -> Float[Tensor, "*n B O d"]:
    """What stands in the chosen slots."""
    index = slot[..., None].expand(*value.shape[:-2], -1, value.shape[-1])
    return value.gather(-2, index)


@dataclasses.dataclass(frozen=True)
class Target:
    """The target as a model follows it from the box that is given in the first frame.

    Attributes:
        identity: The identity whose box fitted the given one best; -1: none did.
        box: Its box through time. Where the identity is gone its last box is held, as a tracker
            would that has to answer.
    """

    identity: Int[Tensor, " B"]
    box: Float[Tensor, "B T 4"]


def follow_target(posterior: Posterior, given: Float[Tensor, "B 4"]) -> Target:
    """Follows the target from its first box, which is the one thing a tracker is told."""
    fit = iou(given[:, None], posterior.box[:, 0]) * (posterior.id[:, 0] >= 0)
    value, slot = fit.max(-1)
    identity = posterior.id[:, 0].gather(-1, slot[:, None])[:, 0]
    identity = torch.where(value > 0, identity, -1)
    path, now = [], given
    for t in range(posterior.box.shape[1]):
        place, there = slot_of(posterior, t, identity[:, None])
        now = torch.where(there, pick(posterior.box[:, t], place)[:, 0], now)
        path.append(now)
    return Target(identity, torch.stack(path, 1))
