"""Whether the view moves, and whether flat bars stand in front of everything: told by frames."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from world_models.air.background.canvas import MOST_PRECISION
from world_models.air.background.occluders import occluder
from world_models.air.background.registration import register
from world_models.blocks.fixed_order import median
from world_models.blocks.noise import estimate_noise

MOST_EPISODES = 32
MOST_PAIRS = 128
LAG = 2
"""Frames that lie between two that are compared; slow cameras show more in two than in one."""
PART = 1 / 3
"""Size of the two parts of the frame that are looked at apart, as a share of the frame."""
SURE = 0.05
"""Variance of a displacement (px^2) beyond which its weight falls."""
TOGETHER = 0.35
"""Correlation of what far parts do above which it is the view that moves."""
LEAST_MOVE = 0.05
"""Nor is it the view if it is less than this (px^2)."""
BARS = (0.08, 0.5)
"""Bars cover at least and at most this share of the view."""
STILL = 0.05
"""In front of bars nothing passes: they change at most this share of what the rest changes."""
CHANGED = 4.0
"""Change of a pixel, in scales of its noise, that noise does not make."""


@torch.no_grad()
def view_moves(frames: UInt8[Tensor, "B T C H W"]) -> bool:
    """Whether far parts of the frame move together, as they do if it is the view that moves.

    Objects move each in its own way: between two opposite edges of the frame the displacements of
    a still view do not correlate, whatever moves there.
    """
    frames = frames[:MOST_EPISODES]
    if frames.shape[1] <= LAG:
        return False
    before, after = frames[:, :-LAG:LAG].flatten(0, 1), frames[:, LAG::LAG].flatten(0, 1)
    stride = -(-len(before) // MOST_PAIRS)
    pair = torch.stack([before[::stride], after[::stride]]).float() / 255
    products = torch.zeros(3, device=frames.device)
    for axis in (-1, -2):
        one, other = (_moved(pair, axis, end) for end in (0, 1))
        weight = 1 / (one[1] ** 2 + other[1] ** 2 + SURE)
        for i, (a, b) in enumerate(((one, other), (one, one), (other, other))):
            products[i] += (weight * a[0] * b[0]).sum() / weight.sum()
    together = products[0] / (products[1] * products[2]).sqrt().clamp(min=1e-9)
    return bool(together > TOGETHER and products[0] / 2 > LEAST_MOVE)


def _moved(pair: Float[Tensor, "2 N C H W"], axis: int, end: int) -> tuple[Tensor, Tensor]:
    """How far one edge of the frame seems to have moved (N 2, px), and how sure that is."""
    size = max(1, int(PART * pair.shape[axis]))
    before, after = pair.narrow(axis, 0 if end == 0 else pair.shape[axis] - size, size)
    clear = torch.ones_like(before[:, 0])
    found = register(before, clear, after, clear, before.new_zeros(len(before), 2))
    return found.loc, found.scale


@torch.no_grad()
def bars_hide(frames: UInt8[Tensor, "B T C H W"]) -> bool:
    """Whether most episodes have something flat in which nothing is ever seen to pass.

    A flat background is flat, too, but objects pass before it.

    Args:
        frames: Of a view that stands still.
    """
    frames = frames[:MOST_EPISODES]
    if frames.shape[1] <= LAG:
        return False
    x = frames.float() / 255
    usual = median(x, 1)
    looks = min(float(frames.shape[1]), MOST_PRECISION)
    flat = occluder(usual, torch.full_like(usual[:, 0], looks))
    noise = max(estimate_noise(frames.flatten(0, 1)[::8]), 1 / 255)
    changed = ((x - usual[:, None]).square().mean(2) > (CHANGED * noise) ** 2).float().mean(1)
    inside = (changed * flat).sum((-1, -2)) / flat.sum((-1, -2)).clamp(min=1e-6)
    outside = (changed * (1 - flat)).sum((-1, -2)) / (1 - flat).sum((-1, -2)).clamp(min=1e-6)
    share = flat.mean((-1, -2))
    bars = (share > BARS[0]) & (share < BARS[1]) & (inside < STILL * outside)
    return bool(bars.float().mean() > 0.5)
