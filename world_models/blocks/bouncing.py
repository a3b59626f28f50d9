"""A law of motion written by hand, the same on every tier: fly straight, shake a little, bounce.

It is what anybody would guess who has watched a few episodes, and is shared by the world models
that learn nothing. Numbers are fractions of the frame, so they hold for every frame size.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

SPEED = 0.042
"""Mean speed per frame: 2 of 48 pixels. Each object flies at .5 to 1.5 times this."""
JITTER = 0.004
"""Standard deviation of the change of velocity per frame and axis: 0.2 of 48 pixels."""


def launch(shape: tuple[int, ...], rng: torch.Generator) -> Float[Tensor, "*n 2"]:
    """Velocities in all directions."""
    angle = 2 * math.pi * torch.rand(shape, generator=rng, device=rng.device)
    speed = SPEED * (0.5 + torch.rand(shape, generator=rng, device=rng.device))
    return speed[..., None] * torch.stack([angle.cos(), angle.sin()], -1)


def fly(
    box: Float[Tensor, "*n 4"], velocity: Float[Tensor, "*n 2"], rng: torch.Generator
) -> tuple[Float[Tensor, "*n 4"], Float[Tensor, "*n 2"]]:
    """Moves boxes by one frame; one that would leave the frame is mirrored back.

    Returns:
        The boxes and velocities one frame later. A box wider than the frame stays in its middle.
    """
    jitter = torch.randn(velocity.shape, generator=rng, device=rng.device)
    velocity = velocity + JITTER * jitter
    size = box[..., 2:]
    low = (size / 2).clamp(max=0.5)
    high = 1 - low
    centre = box[..., :2] + velocity
    under, over = centre < low, centre > high
    centre = torch.where(under, 2 * low - centre, centre)
    centre = torch.where(over, 2 * high - centre, centre)
    velocity = torch.where(under, velocity.abs(), velocity)
    velocity = torch.where(over, -velocity.abs(), velocity)
    return torch.cat([centre.clamp(low, high), size], -1), velocity
