"""Boxes and what is measured on them.

A **box** is ``(x, y, w, h)``: centre and size as fractions of the frame, x to the right, y down.
Corners are named: ``box_xyxy`` is ``(left, top, right, bottom)`` in the same fractions.
"""

import torch
from jaxtyping import Float, Int
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


def spans(
    low: Float[Tensor, "N 2"], high: Float[Tensor, "N 2"], whole: tuple[int, int], wait: bool
) -> tuple[tuple[int, int], Int[Tensor, " N"], Int[Tensor, " N"]]:
    """Parts of pictures, equally large, each of which holds what lies between two corners.

    Args:
        low: First pixels that matter (x, y); they need not lie in the picture, nor be numbers.
        high: Last pixels that matter.
        whole: (H, W) of the pictures.
        wait: Whether parts may be smaller than the whole; a GPU would have to wait for sizes.

    Returns:
        (h, w) of the parts, and the pixels at which they begin: rows, and columns.
    """
    low, high = low.detach().nan_to_num(), high.detach().nan_to_num()
    tall, wide = whole
    if len(low) and wait:
        across, down = (high - low).amax(0).clamp(max=max(whole)).tolist()
        tall, wide = min(int(down) + 3, tall), min(int(across) + 3, wide)
    left = low[:, 0].floor().clamp(0, whole[1] - wide).long()
    return (tall, wide), low[:, 1].floor().clamp(0, whole[0] - tall).long(), left


def pixels(
    top: Int[Tensor, " N"], left: Int[Tensor, " N"], size: tuple[int, int], width: int
) -> Int[Tensor, "N hw"]:
    """Where the pixels of parts of (h, w) stand in pictures of ``width`` that are laid flat."""
    row = top[:, None] + torch.arange(size[0], device=top.device)
    column = left[:, None] + torch.arange(size[1], device=top.device)
    return (row[:, :, None] * width + column[:, None]).flatten(1)


def cut(
    frame: Tensor, low: Float[Tensor, "N 2"], high: Float[Tensor, "N 2"]
) -> tuple[Tensor, Int[Tensor, " N"], Int[Tensor, " N"]]:
    """The parts of frames that hold what lies between two corners (`spans`).

    Frames that learn stay whole, and so do those on a GPU.

    Args:
        frame: Pictures, ``N C H W``.
        low: First pixels that matter (x, y).
        high: Last pixels that matter.

    Returns:
        The parts, ``N C h w``, and the pixels at which they begin: rows, and columns.
    """
    whole = (frame.shape[-2], frame.shape[-1])
    wait = frame.device.type == "cpu" and not frame.requires_grad
    size, top, left = spans(low, high, whole, wait)
    if size == whole:
        return frame, top, left
    place = pixels(top, left, size, whole[1])
    part = frame.flatten(2).gather(2, place[:, None].expand(-1, frame.shape[1], -1))
    return part.unflatten(2, size), top, left
