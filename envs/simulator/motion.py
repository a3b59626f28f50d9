"""How bodies move: jitter, acceleration, walls and elastic collisions. Lengths in pixels."""

import dataclasses
import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

TRIES = {"no": 1, "circles": 12, "squares": 48}
"""Draws of places until nobody overlaps another."""


@dataclasses.dataclass
class Bodies:
    """K round bodies in each of B worlds.

    Attributes:
        position: Centres in the world (px, x right, y down).
        velocity: Pixels per frame.
        acceleration: Pixels per frame and frame.
        radius: Half the size of each body (px).
        present: Whether there is a body in the slot at all.
    """

    position: Float[Tensor, "B K 2"]
    velocity: Float[Tensor, "B K 2"]
    acceleration: Float[Tensor, "B K 2"]
    radius: Float[Tensor, "B K"]
    present: Bool[Tensor, "B K"]


def heading(
    speed: float, shape: tuple[int, ...], rng: torch.Generator
) -> Float[Tensor, "*shape 2"]:
    """Velocities of ``speed`` +-50 % in any direction."""
    draw = torch.rand(*shape, 2, generator=rng, device=rng.device)
    pace, angle = speed * (0.5 + draw[..., 0]), draw[..., 1] * (2 * torch.pi)
    return torch.stack([pace * angle.cos(), pace * angle.sin()], -1)


def scatter(
    radius: Float[Tensor, "B K"],
    present: Bool[Tensor, "B K"],
    low: float,
    high: float,
    apart: str,
    rng: torch.Generator,
) -> Float[Tensor, "B K 2"]:
    """Places bodies evenly between two walls.

    Args:
        radius: Of each body (px).
        present: Whether there is a body in the slot at all.
        low: Where the walls stand at the left and on top.
        high: Where they stand at the right and below.
        apart: Whether the ``circles`` or the ``squares`` around bodies may not overlap; ``no``
            allows it. Of some draws per world the first without overlap is taken, or the one with
            the least.
        rng: Source of randomness.
    """
    num, slots = radius.shape
    tries = TRIES[apart] if slots > 1 else 1
    draw = torch.rand(tries, num, slots, 2, generator=rng, device=rng.device)
    position = low + radius[..., None] + draw * (high - low - 2 * radius[..., None])
    if tries == 1:
        return position[0]
    i, j = torch.triu_indices(slots, slots, 1, device=radius.device)
    order = math.inf if apart == "squares" else 2
    gap = torch.linalg.vector_norm(position[:, :, i] - position[:, :, j], order, -1)
    gap = gap - (radius[:, i] + radius[:, j])
    gap = torch.where(present[:, i] & present[:, j], gap, 1.0).amin(-1).clamp(max=0.0)
    # The small slope prefers the earlier of two good draws.
    rank = gap - 1e-4 * torch.arange(tries, device=radius.device)[:, None]
    return position[rank.argmax(0), torch.arange(num, device=radius.device)]


def push(
    bodies: Bodies, jitter: float, acceleration: float, speed: float, rng: torch.Generator
) -> None:
    """Changes velocities at random: white jitter, and an acceleration that lasts some frames."""
    shape = bodies.velocity.shape
    if jitter > 0:
        kick = torch.randn(shape, generator=rng, device=rng.device)
        bodies.velocity = bodies.velocity.add(kick, alpha=jitter)
    if acceleration > 0:
        kick = torch.randn(shape, generator=rng, device=rng.device)
        bodies.acceleration = 0.9 * bodies.acceleration + 0.19**0.5 * acceleration * kick
        velocity = bodies.velocity + bodies.acceleration
        pace = velocity.norm(dim=-1, keepdim=True)
        bodies.velocity = velocity * (2 * speed / pace.clamp(min=2 * speed))


def collide(bodies: Bodies) -> None:
    """Elastic collisions of discs whose mass is their area, pair after pair.

    Momentum and energy are conserved. Bodies that already part are left alone.
    """
    velocity = list(bodies.velocity.unbind(1))
    mass = bodies.radius**2
    slots = len(velocity)
    for i in range(slots):
        for j in range(i + 1, slots):
            line = bodies.position[:, j] - bodies.position[:, i]
            distance = line.norm(dim=-1, keepdim=True).clamp(min=1e-6)
            normal = line / distance
            closing = ((velocity[i] - velocity[j]) * normal).sum(-1, keepdim=True)
            reach = (bodies.radius[:, i] + bodies.radius[:, j])[:, None]
            both = (bodies.present[:, i] & bodies.present[:, j])[:, None]
            impulse = (2 * closing).clamp(min=0) * ((distance < reach) & both) * normal
            share = mass[:, j] / (mass[:, i] + mass[:, j])
            velocity[i] = velocity[i] - impulse * share[:, None]
            velocity[j] = velocity[j] + impulse * (1 - share[:, None])
    bodies.velocity = torch.stack(velocity, 1)


def walk(bodies: Bodies, low: float, high: float) -> None:
    """One frame of motion between walls that reflect the rim of each body."""
    near = low + bodies.radius[..., None]
    far = high - bodies.radius[..., None]
    position = bodies.position + bodies.velocity
    speed = bodies.velocity.abs()
    velocity = torch.where(position < near, speed, bodies.velocity)
    bodies.velocity = torch.where(position > far, -speed, velocity)
    bodies.position = far - (far - near - (position - near).abs()).abs()


def middle(bodies: Bodies) -> Float[Tensor, "B 2"]:
    """Mean position of the bodies in each world; NaN where there is none."""
    there = bodies.present[..., None].float()
    return (bodies.position * there).sum(1) / there.sum(1)
