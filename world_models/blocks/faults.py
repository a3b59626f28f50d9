"""Errors that a model may make, put into what a scene truly shows; one function each."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int, UInt8
from torch import Tensor

from world_models.blocks.blur import blur


def soften(frame: UInt8[Tensor, "B C H W"], sigma: float) -> UInt8[Tensor, "B C H W"]:
    """Frames blurred by ``sigma`` pixels; edges go on as they end."""
    reach = math.ceil(3 * sigma)
    wide = F.pad(frame.float(), [reach] * 4, mode="replicate")
    soft = F.pad(blur(wide, sigma), [-reach] * 4)
    return soft.round().clamp(0, 255).to(torch.uint8)


def swap(
    holds: Int[Tensor, "B K"], there: Bool[Tensor, "B K"], chance: float, rng: torch.Generator
) -> Int[Tensor, "B K"]:
    """Two objects that are there, drawn evenly, exchange what they hold, in a share of scenes.

    Args:
        holds: What each slot holds.
        there: Where there is an object.
        chance: That it happens in a scene with two objects or more.
        rng: Draws scenes and objects.
    """
    device = holds.device
    if holds.shape[1] < 2:
        return holds
    drawn = torch.rand(holds.shape, generator=rng, device=device) + there
    one, other = drawn.topk(2, -1).indices.split(1, -1)
    happens = torch.rand(len(holds), 1, generator=rng, device=device) < chance
    happens &= there.sum(-1, keepdim=True) >= 2
    changed = holds.scatter(1, one, holds.gather(1, other))
    changed = changed.scatter(1, other, holds.gather(1, one))
    return torch.where(happens, changed, holds)
