"""How objects look through an episode: which sprite, colour, size, angle, and what swings."""

import dataclasses
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from envs.factors import Factors
from envs.simulator.sprites import Sprites, extents

PERIODS = (40.0, 80.0)
"""Shortest and longest period of everything that swings (frames)."""


@dataclasses.dataclass
class Looks:
    """The looks of K objects in B scenes; ``angle`` and ``phase`` move on, the rest is constant.

    Attributes:
        item: Which object of the bank.
        other: The one that it turns into and back from.
        colour: Brightness in each channel.
        size: Mean size (px).
        angle: Degrees.
        spin: Degrees per frame.
        phase: Of the swings of scale, aspect, morph and gain (radians).
        rate: Radians per frame.
    """

    item: Int[Tensor, "B K"]
    other: Int[Tensor, "B K"]
    colour: Float[Tensor, "B C K"]
    size: Float[Tensor, "B K"]
    angle: Float[Tensor, "B K"]
    spin: Float[Tensor, "B K"]
    phase: Float[Tensor, "B K 4"]
    rate: Float[Tensor, "B K 4"]

    def advance(self) -> None:
        """One frame on."""
        self.angle = self.angle + self.spin
        self.phase = self.phase + self.rate


@dataclasses.dataclass(frozen=True)
class Picture:
    """What N = B K objects look like at one moment.

    Attributes:
        sprite: Opacities, 0 to 1.
        side: Width and height of the whole sprite (px).
        extent: Left, right, top, bottom of the tight box, shares of ``side`` from the centre.
        mass: Sum of opacities over all pixels, were all of it in view.
        colour: Brightness in each channel.
    """

    sprite: Float[Tensor, "N G G"]
    side: Float[Tensor, "N 2"]
    extent: Float[Tensor, "N 4"]
    mass: Float[Tensor, " N"]
    colour: Float[Tensor, "B C K"]


def draw(factors: Factors, bank: Sprites, batch_size: int, rng: torch.Generator) -> Looks:
    """Draws the looks of new scenes."""
    shape = (batch_size, factors.max_objects)
    u = torch.rand(*shape, 8, generator=rng, device=rng.device)
    alike = u[..., 0] < factors.lookalikes
    alike[:, 0] = False
    kind = (u[..., 1] * len(bank.first)).long()
    kind = torch.where(alike, kind[:, :1], kind)
    item = _instance(bank, kind, u[..., 2])
    if factors.likeness == "instance":
        item = torch.where(alike, item[:, :1], item)
    if factors.morph == "any_class":
        kind = (u[..., 3] * len(bank.first)).long()
    other = _instance(bank, kind, u[..., 4]) if factors.morph != "none" else item
    colour = _colours(factors, shape, rng)
    colour = torch.where(alike[:, None], colour[:, :, :1], colour)
    swing = torch.rand(*shape, 8, generator=rng, device=rng.device)
    period = PERIODS[0] + (PERIODS[1] - PERIODS[0]) * swing[..., 4:]
    turns = factors.rotation > 0
    spin = factors.rotation * (2 * u[..., 5] - 1)
    size = torch.rand(shape, generator=rng, device=rng.device)
    return Looks(
        item=item,
        other=other,
        colour=colour,
        size=factors.size * (1 + factors.size_jitter * (2 * size - 1)),
        angle=u[..., 7] * (360.0 if turns else 0.0),
        spin=spin,
        phase=swing[..., :4] * (2 * torch.pi),
        rate=2 * torch.pi / period,
    )


def _instance(bank: Sprites, kind: Int[Tensor, "B K"], u: Float[Tensor, "B K"]) -> Tensor:
    """An object of each class, evenly."""
    return bank.first[kind] + (u * bank.count[kind]).long()


def _colours(
    factors: Factors, shape: tuple[int, int], rng: torch.Generator
) -> Float[Tensor, "B C K"]:
    num, slots = shape
    if factors.colour == "white":
        return torch.ones(num, 1, slots, device=rng.device)
    u = torch.rand(num, 3, slots, generator=rng, device=rng.device)
    if factors.colour == "grey":
        return 0.55 + 0.45 * u[:, :1]
    # Hue, saturation .3 to 1, value .75 to 1 (any hue must stand out from the background).
    hue = u[:, :1] + torch.tensor([0.0, 1 / 3, 2 / 3], device=rng.device)[:, None]
    pure = ((hue.remainder(1.0) * 6 - 3).abs() - 1).clamp(0, 1)
    saturation, value = 0.3 + 0.7 * u[:, 1:2], 0.75 + 0.25 * u[:, 2:]
    return value * (1 - saturation * (1 - pure))


def picture(looks: Looks, factors: Factors, bank: Sprites) -> Picture:
    """What the objects look like now."""
    num, slots = looks.size.shape
    turn = (looks.angle / (360 / bank.angles)).round().long().remainder(bank.angles)
    row = (looks.item * bank.angles + turn).view(-1)
    sprite = _sprites(bank, row)
    side = (looks.size / bank.fill).view(-1, 1).expand(-1, 2)
    colour = looks.colour
    swings = factors.scale or factors.aspect or factors.gain or factors.morph != "none"
    if not swings:
        return Picture(
            sprite, side, bank.extent[row], bank.mass[row] * side[:, 0] * side[:, 1], colour
        )
    swing = looks.phase.sin()
    scale, aspect, morph, gain = swing.view(-1, 4).unbind(-1)
    # Swings are even in the logarithm: as long twice as large as half as large.
    side = side * torch.exp(math.log1p(factors.scale) * scale)[:, None]
    if factors.aspect:
        wider = torch.exp(math.log1p(factors.aspect) / 2 * aspect)
        side = side * torch.stack([wider, 1 / wider], -1)
    if factors.gain:
        colour = (colour * (1 + factors.gain * gain.view(num, 1, slots))).clamp(max=1)
    if factors.morph == "none":
        extent, mass = bank.extent[row], bank.mass[row]
    else:
        target = _sprites(bank, (looks.other * bank.angles + turn).view(-1))
        share = (0.5 + 0.5 * morph)[:, None, None]
        # Half-way both are faint, so they are brightened there.
        sprite = sprite.lerp_(target, share).mul_(1 + 2 * share * (1 - share)).clamp_(max=1)
        extent, mass = extents(sprite), sprite.mean((1, 2))
    return Picture(sprite, side, extent, mass * side[:, 0] * side[:, 1], colour)


def _sprites(bank: Sprites, row: Int[Tensor, " N"]) -> Float[Tensor, "N G G"]:
    """Some pictures of the bank, 0 to 1."""
    picked = bank.image.index_select(0, row)
    return picked.view(-1, bank.side, bank.side).float().mul_(1 / 255)
