"""Which slot of a world model holds which true object.

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
