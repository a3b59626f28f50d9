"""Two slots on one object: which one is superfluous?"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from world_models.air.frame.discovery import gain
from world_models.air.objects.depth import blend, blend_others

DISTANCE_PX = 6.0
"""Slots nearer to each other than this may sit on one object."""
MIN_KEEP_GAIN = 120.0
"""Nats that a slot must explain to be kept beside another on the same spot."""


def is_double(
    where: Float[Tensor, "*b K w"], alive: Float[Tensor, "*b K"], age: Float[Tensor, "*b K"]
) -> Bool[Tensor, "*b K"]:
    """Whether a slot sits on an older one: then both may explain one object."""
    distance = (where[..., :, None, :2] - where[..., None, :, :2]).norm(dim=-1)
    index = torch.arange(alive.shape[-1], device=alive.device)
    here, there = age[..., :, None], age[..., None, :]
    older = (there > here) | ((there == here) & (index[None, :] < index[:, None]))
    return ((distance < DISTANCE_PX) & older & (alive[..., None, :] > 0)).any(-1)


@torch.no_grad()
def redundant(
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    layers: Float[Tensor, "B K c H W"],
    where: Float[Tensor, "B K w"],
    alive: Float[Tensor, "B K"],
    age: Float[Tensor, "B K"],
    front: Float[Tensor, "B K K"],
    sigma: float,
) -> Bool[Tensor, "B K"]:
    """Whether a slot sits on an older one and the frame is explained as well without it."""
    double = is_double(where, alive, age)
    if not bool(double.any()):
        return double
    drawn = blend(background, layers, alive, front)[:, None]
    others, _ = blend_others(background, layers, alive, front)
    return double & (gain(frame[:, None], others, drawn, sigma) < MIN_KEEP_GAIN)
