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
    shared = _intersection(a, b)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - shared
    return shared / union.clamp(min=1e-9)


def overlap(a: Float[Tensor, "*#n 4"], b: Float[Tensor, "*#n 4"]) -> Float[Tensor, "*#n"]:
    """Intersection over the smaller box, pair by pair: 1 where one lies inside the other.

    Example:
        >>> overlap(torch.tensor([0.5, 0.5, 0.2, 0.2]), torch.tensor([0.5, 0.6, 0.4, 0.2]))
        tensor(0.5000)
    """
    smaller = torch.minimum(a[..., 2:].prod(-1), b[..., 2:].prod(-1))
    return _intersection(a, b) / smaller.clamp(min=1e-9)


def _intersection(a: Float[Tensor, "*#n 4"], b: Float[Tensor, "*#n 4"]) -> Float[Tensor, "*#n"]:
    a_xyxy, b_xyxy = to_xyxy(a), to_xyxy(b)
    low = torch.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
    high = torch.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    return (high - low).clamp(min=0).prod(-1)
