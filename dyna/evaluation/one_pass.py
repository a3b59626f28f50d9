"""What the tracking field measures, of overlaps and distances alone: curves, and getting lost.

One-pass evaluation of Wu, Lim and Yang, "Object Tracking Benchmark", TPAMI 2015: a tracker is
started on the true box of the first frame and never helped again. The conventions are those of
the toolkit of GOT-10k (a test holds them against it): success is an IoU strictly above the
threshold, precision a distance not above it.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

OVERLAPS = torch.linspace(0.0, 1.0, 21, dtype=torch.float64)
"""Thresholds of the success curve; the area below it is the mean over them."""
DISTANCES = torch.arange(51, dtype=torch.float64)
"""Thresholds of the precision curve, pixels."""
PRECISION = 20.0
"""The distance, in pixels, whose precision stands in tables."""
LOST = 0.05
"""An IoU below this is a miss."""
LOST_FRAMES = 5
"""So many misses in a row (steps that do not count are passed over), and the target is lost."""
FOUND = 0.3
"""A lost target is found again by an IoU of this or more."""


def mean(value: Float[Tensor, "B T"], where: Bool[Tensor, "B T"]) -> Float[Tensor, " B"]:
    """Mean of each row over the chosen steps; NaN where there are none."""
    return torch.where(where, value, 0.0).sum(-1) / where.sum(-1)


def success_curve(iou: Float[Tensor, "B T"], counts: Bool[Tensor, "B T"]) -> Float[Tensor, "B 21"]:
    """Share of the steps that count whose IoU is above each of ``OVERLAPS``; NaN without any."""
    above = (iou[..., None] > OVERLAPS.to(iou)) & counts[..., None]
    return above.sum(1) / counts.sum(-1, keepdim=True)


def precision_curve(
    error: Float[Tensor, "B T"], counts: Bool[Tensor, "B T"]
) -> Float[Tensor, "B 51"]:
    """Share of the steps that count whose centres are within each of ``DISTANCES``.

    Args:
        error: Distance of the centres in pixels.
        counts: Which steps count; NaN where none does.
    """
    within = (error[..., None] <= DISTANCES.to(error)) & counts[..., None]
    return within.sum(1) / counts.sum(-1, keepdim=True)


def by_step(
    iou: Float[Tensor, "B T"], counts: Bool[Tensor, "B T"]
) -> tuple[Float[Tensor, " T"], Float[Tensor, " T"]]:
    """Mean IoU at each step over the episodes that count there, and its standard error.

    The mean is NaN at steps where no episode counts, the error where fewer than two do.
    """
    chosen = counts.T
    iou = iou.double()
    centre = mean(iou.T, chosen)
    number = chosen.sum(-1)
    squares = torch.where(chosen, (iou.T - centre[:, None]).square(), 0.0).sum(-1)
    error = (squares / (number - 1).clamp(min=0) / number).sqrt()
    return centre, error


def losses(
    iou: Float[Tensor, "B T"], counts: Bool[Tensor, "B T"]
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """How often each episode's target was lost, and the share of the losses made good again.

    A loss is ``LOST_FRAMES`` steps that count, one after the other, with an IoU below ``LOST``;
    it ends, if ever, with an IoU of ``FOUND`` or more. The share is NaN where nothing was lost.
    """
    missed = torch.zeros_like(iou[:, 0], dtype=torch.long)
    is_lost = torch.zeros_like(missed, dtype=torch.bool)
    lost, found = torch.zeros_like(missed), torch.zeros_like(missed)
    for overlap, here in zip(iou.T, counts.T, strict=True):
        missed = torch.where(here, torch.where(overlap < LOST, missed + 1, 0), missed)
        gone = ~is_lost & (missed >= LOST_FRAMES)
        back = is_lost & here & (overlap >= FOUND)
        lost, found = lost + gone, found + back
        is_lost = (is_lost | gone) & ~back
    return lost.to(iou.dtype), found / lost
