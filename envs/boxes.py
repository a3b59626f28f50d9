"""Boxes and what is measured on them.

A **box** is ``(x, y, w, h)``: centre and size as fractions of the frame, x to the right, y down.
Corners are named: ``box_xyxy`` is ``(left, top, right, bottom)`` in the same fractions.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def to_xyxy(box: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Corners (left, top, right, bottom) of boxes given by centre and size."""
    centre, half = box[..., :2], box[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def from_xyxy(box_xyxy: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Centre and size of boxes given by their corners."""
    low, high = box_xyxy[..., :2], box_xyxy[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def inside_share(box: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n"]:
    """Share of each box that lies inside the frame."""
    return clip_to_frame(box)[..., 2:].prod(-1) / box[..., 2:].prod(-1)


def clip_to_frame(box: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """The part of each box that lies inside the frame; of size 0 if none does."""
    return from_xyxy(to_xyxy(box).clamp(0.0, 1.0))


def iou(a: Float[Tensor, "*#n 4"], b: Float[Tensor, "*#n 4"]) -> Float[Tensor, "*#n"]:
    """Intersection over union of boxes, pair by pair; 0 where both are empty.

    Example:
        >>> iou(torch.tensor([0.5, 0.5, 0.2, 0.2]), torch.tensor([0.6, 0.5, 0.2, 0.2]))
        tensor(0.3333)
    """
    a_xyxy, b_xyxy = to_xyxy(a), to_xyxy(b)
    low = torch.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
    high = torch.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    intersection = (high - low).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - intersection
    return intersection / union.clamp(min=1e-9)


def move(
    box: Float[Tensor, "*n 4"],
    action: Float[Tensor, "*n 4"],
    centre_gain: float,
    size_gain: float,
    min_size: float = 0.06,
    max_size: float = 0.6,
) -> Float[Tensor, "*n 4"]:
    """Moves boxes by actions in [-1, 1]; actions beyond are clipped.

    The centre moves by ``centre_gain * action[..., :2]`` box sizes, the logarithm of the size by
    ``size_gain * action[..., 2:]``. The centre stays inside the frame and the size between
    ``min_size`` and ``max_size`` (fractions of the frame).
    """
    action = action.clamp(-1.0, 1.0)
    centre = box[..., :2] + centre_gain * box[..., 2:] * action[..., :2]
    size = box[..., 2:] * torch.exp(size_gain * action[..., 2:])
    return torch.cat([centre.clamp(0.0, 1.0), size.clamp(min_size, max_size)], dim=-1)


def action_to(
    box: Float[Tensor, "*n 4"],
    goal: Float[Tensor, "*n 4"],
    centre_gain: float,
    size_gain: float,
) -> Float[Tensor, "*n 4"]:
    """The action in [-1, 1] that moves ``box`` to ``goal``, or as near as one action can.

    The inverse of ``move`` with the same gains; with a ``size_gain`` of 0 the size stays.
    """
    size = box[..., 2:]
    centre = (goal[..., :2] - box[..., :2]) / (centre_gain * size)
    growth = torch.zeros_like(centre)
    if size_gain > 0:
        growth = torch.log(goal[..., 2:].clamp(min=1e-6) / size) / size_gain
    return torch.cat([centre, growth], dim=-1).clamp(-1.0, 1.0)
