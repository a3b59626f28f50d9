"""A bank of flat shapes, drawn from formulas and turned beforehand, like the bank of digits.

Every kind of shape comes in ``INSTANCES`` instances that differ in aspect ratio and in form (how
thick a cross is, how deep a star). Every third instance is held out for testing, so test shapes
lie between training shapes and are never the same.

Each shape just fits into a circle whose diameter is ``FILL`` of the sprite, so it never leaves the
sprite when it turns, and a round body around it has the right reach.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from envs.simulator import sprites
from envs.simulator.sprites import Sprites

SIDE = 24
"""Side of a stored sprite (texels)."""
FILL = 0.92
"""Diameter of the circle around each shape, share of the sprite's side."""
ANGLES = 72
"""Stored angles, evenly spaced: every 5 degrees."""
INSTANCES = 12
"""Instances of each kind; the second of every three is for testing."""
SAMPLES = 3
"""Samples per texel and axis, whose mean is the texel's opacity."""

Plane = Float[Tensor, "h w"]
Inside = Callable[[Plane, Plane, float], Bool[Tensor, "h w"]]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of shape.

    Attributes:
        inside: What is inside, from x (right) and y (down) in [-1, 1] and a form.
        aspect: Range of width over height, before the shape turns.
        form: Range of the form; what it means is the shape's business.
    """

    inside: Inside
    aspect: tuple[float, float] = (0.6, 1.0)
    form: tuple[float, float] = (0.0, 0.0)


def _square(x: Plane, y: Plane, form: float = 0.0) -> Bool[Tensor, "h w"]:
    return torch.maximum(x.abs(), y.abs()) < 1


def _disc(x: Plane, y: Plane, form: float = 0.0) -> Bool[Tensor, "h w"]:
    return torch.hypot(x, y) < 1


def _triangle(x: Plane, y: Plane, form: float = 0.0) -> Bool[Tensor, "h w"]:
    return (y < 1) & (2 * x.abs() < y + 1)


def _cross(x: Plane, y: Plane, form: float) -> Bool[Tensor, "h w"]:
    """Arms of half-width ``form``."""
    return _square(x, y) & (torch.minimum(x.abs(), y.abs()) < form)


def _ring(x: Plane, y: Plane, form: float) -> Bool[Tensor, "h w"]:
    """A hole of radius ``form``."""
    return _disc(x, y) & (torch.hypot(x, y) > form)


def _corner(x: Plane, y: Plane, form: float) -> Bool[Tensor, "h w"]:
    """An L with strokes of width ``form``."""
    return _square(x, y) & ((x < form - 1) | (y > 1 - form))


def _star(x: Plane, y: Plane, form: float) -> Bool[Tensor, "h w"]:
    """Five points; the notches between them are at ``form`` of the radius."""
    sector = 2 * math.pi / 5
    turn = (torch.atan2(x, -y) + sector / 2).remainder(sector) - sector / 2
    along, across = torch.hypot(x, y) * turn.cos(), torch.hypot(x, y) * turn.sin().abs()
    notch_along, notch_across = form * math.cos(sector / 2), form * math.sin(sector / 2)
    return across * (1 - notch_along) < (1 - along) * notch_across


KINDS: Mapping[str, Kind] = {
    "square": Kind(_square),
    "disc": Kind(_disc, aspect=(0.5, 1.0)),
    "triangle": Kind(_triangle, aspect=(0.6, 1.2)),
    "bar": Kind(_square, aspect=(0.25, 0.4)),
    "cross": Kind(_cross, form=(0.25, 0.4)),
    "star": Kind(_star, aspect=(0.7, 1.0), form=(0.4, 0.55)),
    "ring": Kind(_ring, form=(0.4, 0.6)),
    "corner": Kind(_corner, form=(0.6, 0.9)),
}


@functools.cache
def load(split: str, device: str = "cpu") -> Sprites:
    """The bank of one split; built once per process (about a second).

    Raises:
        ValueError: The split is unknown.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    chosen = [n for n in range(INSTANCES) if (n % 3 == 1) == (split == "test")]
    image = torch.cat([instance(kind, n) for kind in KINDS for n in chosen])
    source = torch.tensor([k * INSTANCES + n for k in range(len(KINDS)) for n in chosen])
    return sprites.bank(image, source, torch.tensor([len(chosen)] * len(KINDS)), FILL, device)


def instance(kind: str, number: int) -> UInt8[Tensor, "A P"]:
    """Pictures of one instance of a kind at every angle, opaque inside (255)."""
    chosen = KINDS[kind]
    share = (number + 0.5) / INSTANCES
    aspect = chosen.aspect[0] + (chosen.aspect[1] - chosen.aspect[0]) * share
    # Steps of the golden ratio spread the forms evenly, and unlike the aspects.
    share = (number + 1) * 0.618034 % 1
    form = chosen.form[0] + (chosen.form[1] - chosen.form[0]) * share
    grid = (torch.arange(SIDE * SAMPLES) + 0.5) / (SIDE * SAMPLES) * 2 - 1
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    reach = 1.3  # no shape is wider than that
    there = chosen.inside(reach * x / aspect, reach * y, form)
    left, top, radius = _circle_around(reach * x[there], reach * y[there])
    pictures = []
    for a in range(ANGLES):
        angle = a * 2 * math.pi / ANGLES
        # As the digits: clockwise as seen.
        u = (x * math.cos(angle) + y * math.sin(angle)) * radius / FILL + left
        v = (y * math.cos(angle) - x * math.sin(angle)) * radius / FILL + top
        sharp = chosen.inside(u / aspect, v, form).float()
        soft = sharp.view(SIDE, SAMPLES, SIDE, SAMPLES).mean((1, 3))
        pictures.append(soft.mul(255).round().to(torch.uint8).flatten())
    return torch.stack(pictures)


def _circle_around(x: Float[Tensor, " n"], y: Float[Tensor, " n"]) -> tuple[float, float, float]:
    """Centre (x, y) of the points' extents, and the radius of the circle around it."""
    left, top = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    return float(left), float(top), float(torch.hypot(x - left, y - top).max())
