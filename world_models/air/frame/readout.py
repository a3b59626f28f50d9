"""Tight boxes from windows and masks.

A window is loose; the box is the extent of the object's alpha mask inside it.
"""

import warnings

import torch
from jaxtyping import Float
from torch import Tensor

ALPHA_THRESHOLD = 0.25
"""Masks are soft: this makes boxes as large as pixels say (`world_models.air.outlines`)."""
FITTING_SIDES = (0.5, 1.2)
"""Larger sides of boxes that windows can follow well, as shares of the typical side."""


def mask_extent(
    alpha: Float[Tensor, "*n g g"], threshold: float = ALPHA_THRESHOLD
) -> Float[Tensor, "*n 4"]:
    """Where masks cross the threshold, with sub-sample precision.

    Returns:
        (left, top, right, bottom) as fractions of the window; the whole window if the mask is
        faint.
    """
    left, right = _crossings(alpha.amax(-2), threshold)
    top, bottom = _crossings(alpha.amax(-1), threshold)
    return torch.stack([left, top, right, bottom], -1)


def _crossings(profile: Float[Tensor, "*n g"], threshold: float) -> tuple[Tensor, Tensor]:
    """First and last crossing of the threshold, as fractions of the axis."""
    size = profile.shape[-1]
    low = _first_crossing(profile, threshold)
    high = size - _first_crossing(profile.flip(-1), threshold)
    faint = profile.amax(-1) <= threshold
    return (low / size).masked_fill(faint, 0.0), (high / size).masked_fill(faint, 1.0)


def _first_crossing(profile: Float[Tensor, "*n g"], threshold: float) -> Float[Tensor, "*n"]:
    """Position (in samples, 0 = outer edge of the first) where the profile first rises above."""
    above = profile > threshold
    first = above.float().argmax(-1, keepdim=True)
    inside = profile.gather(-1, first)
    outside = profile.gather(-1, (first - 1).clamp(min=0))
    share = (threshold - outside) / (inside - outside).clamp(min=1e-6)
    position = torch.where(first > 0, first - 0.5 + share.clamp(0, 1), first.float())
    return position[..., 0]


def check_windows(
    first_box: Float[Tensor, "B 4"], frame_size: tuple[int, int], typical_side: float
) -> None:
    """Warns if windows are made for objects of another size than the targets have.

    Args:
        first_box: The given boxes of real episodes.
        frame_size: (H, W), pixels.
        typical_side: What the windows are made for, pixels.
    """
    height, width = frame_size
    sides = (first_box[:, 2:] * first_box.new_tensor([width, height])).amax(-1)
    large = sides.quantile(0.95).item()
    low, high = (share * typical_side for share in FITTING_SIDES)
    if not low <= large <= high:
        warnings.warn(
            f"targets are up to {large:.0f} px long, but objects are looked for with "
            f"typical_side={typical_side:g}: give world_model.typical_side={large:.0f} "
            f"world_model.window={1.55 * large:.0f}",
            stacklevel=2,
        )
