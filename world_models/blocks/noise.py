"""The camera's noise: how strong it is, and a table to draw it from quickly."""

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import conv2d

from world_models.blocks.fixed_order import median

TABLE_SIZE = 1 << 21


def estimate_noise(frames: UInt8[Tensor, "N C H W"]) -> float:
    """Standard deviation of the pixel noise, in units of a frame in [0, 1].

    Source:
        Immerkaer (1996), "Fast noise variance estimation"; the median over frames, since edges of
        objects raise the estimate.
    """
    kernel = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]], device=frames.device)
    x = frames.float().flatten(0, 1)[:, None] / 255
    response = conv2d(x, kernel[None, None]).abs().flatten(1)
    # For Gaussian noise the median of |response| is .6745 times its scale, which is 6 sigma.
    return (median(median(response, -1), 0) / (0.6745 * 6)).item() if frames.numel() else math.nan


def noise_table(seed: int = 0) -> Float[Tensor, " n"]:
    """A fixed table of standard normal numbers; slices of it stand in for fresh draws."""
    return torch.randn(TABLE_SIZE, generator=torch.Generator().manual_seed(seed))


def noise_slice(table: Float[Tensor, " n"], start: int, length: int) -> Float[Tensor, " length"]:
    """``length`` numbers of the table from ``start`` on, beginning again at its end."""
    if start + length <= len(table):
        return table[start : start + length]
    times = (start + length - 1) // len(table)
    return torch.cat([table[start:], *[table] * times])[:length]
