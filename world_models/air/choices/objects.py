"""How large objects are, and how much there is of them to explain: told by first boxes."""

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from world_models.air.background.linear import LinearBackground
from world_models.air.frame.discovery import CHANNEL_WEIGHT

USUAL = 0.95
"""Windows are made for the objects that only this share of all are smaller than."""
MOST_SPREAD = 1.5
"""They are not made larger than so many median objects: small ones must be seen in them, too."""
ROOM = 1.55
"""Sides of the window to look in, in sides of an object: there must be room to be off."""
LEAST_EXPLAINED = 0.012
"""Share of what a usual object explains that a slot must explain to be worth its while."""
MOST_PRIOR = 1e-8
LEAST_PRIOR = 1e-40


def choose_windows(
    first_box: Float[Tensor, "B 4"], frame_size: tuple[int, int]
) -> dict[str, float]:
    """Sides of windows in whole pixels; nothing where no box is known.

    Args:
        first_box: The given boxes of real episodes; of no size where there is no target.
        frame_size: (H, W), pixels.
    """
    height, width = frame_size
    sides = (first_box[:, 2:] * first_box.new_tensor([width, height])).amax(-1)
    sides = sides[sides > 0]
    if len(sides) == 0:
        return {}
    large, median = sides.quantile(sides.new_tensor([USUAL, 0.5])).tolist()
    side = float(max(1, round(min(large, MOST_SPREAD * median))))
    return {"typical_side": side, "window": float(round(ROOM * side))}


def choose_presence_prior(
    first_frame: UInt8[Tensor, "B C H W"], first_box: Float[Tensor, "B 4"], sigma: float
) -> dict[str, float]:
    """The prior that objects are dear enough not to be drawn as two.

    Drawing one object as two gains a small share of what there is to explain in all, so its price,
    ``-log(presence_prior)``, must be that share of what objects in first boxes explain.

    Args:
        first_frame: First frames of real episodes.
        first_box: The given boxes; of no size where there is no target.
        sigma: Scale of the Gaussian likelihood of a pixel.
    """
    known = first_box[:, 2] > 0
    if not bool(known.any()):
        return {}
    frame, box = first_frame[known].float() / 255, first_box[known]
    channels, height, width = frame.shape[1:]
    with torch.random.fork_rng(devices=[]):  # it draws weights that it does not need
        smooth = LinearBackground((channels, height, width)).to(frame.device)
    background = smooth.decode(smooth.posterior(frame)[0])
    nats = (frame - background).square().mean(1) / (2 * sigma**2) * channels**CHANNEL_WEIGHT
    y = (torch.arange(height, device=frame.device) + 0.5) / height
    x = (torch.arange(width, device=frame.device) + 0.5) / width
    rows = (y - box[:, 1, None]).abs() < box[:, 3, None] / 2
    columns = (x - box[:, 0, None]).abs() < box[:, 2, None] / 2
    explained = (nats * rows[:, :, None] * columns[:, None]).sum((1, 2)).quantile(0.5).item()
    prior = math.exp(-min(LEAST_EXPLAINED * explained, 600.0))
    return {"presence_prior": min(max(prior, LEAST_PRIOR), MOST_PRIOR)}
