"""How patches of texture look: cut out, turned, blended, and pasted where they belong.

A patch is drawn on a small canvas of its own and resampled from there into the frame, one axis at
a time: that is several times faster than looking up every pixel of the frame for every patch.
"""

import dataclasses

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from envs.simulator.painting import hat

TEXELS = 24
"""Side of a canvas."""
REACH = 1.15
"""Half of what a canvas shows, in half sizes of the patch: edges are soft."""
LIFE = 60
"""Frames until a patch has turned into its second texture."""


@dataclasses.dataclass
class Appearance:
    """How N patches look: what they are cut out of, and along which outline.

    Attributes:
        texture: Which texture, and which one it turns into.
        corner: Where in the texture the patch was cut out, fractions of it.
        angle: Angle of the texture.
        angle_rate: Change of the angle per frame.
        morph: Share of the second texture after ``LIFE`` frames.
        exponent: Exponent of the superellipse that is the outline (2: ellipse; large: rectangle).
        lobes: How many times the outline swells and shrinks once around.
        depth: By how much of the radius it does.
        phase: Where it begins.
        phase_rate: Change of ``phase`` per frame: the outline lives.
    """

    texture: Int[Tensor, "N 2"]
    corner: Float[Tensor, "N 2"]
    angle: Float[Tensor, " N"]
    angle_rate: Float[Tensor, " N"]
    morph: Float[Tensor, " N"]
    exponent: Float[Tensor, " N"]
    lobes: Float[Tensor, " N"]
    depth: Float[Tensor, " N"]
    phase: Float[Tensor, " N"]
    phase_rate: Float[Tensor, " N"]


def draw(number: int, textures: int, rng: torch.Generator) -> Appearance:
    """Draws how N patches look.

    Args:
        number: N.
        textures: How many textures there are.
        rng: Source of randomness.
    """
    u = torch.rand(number, 9, generator=rng, device=rng.device)
    return Appearance(
        texture=torch.randint(textures, (number, 2), generator=rng, device=rng.device),
        corner=u[:, 0:2],
        angle=2 * torch.pi * u[:, 2],
        angle_rate=0.1 * (2 * u[:, 3] - 1) ** 3,
        morph=u[:, 4] ** 2,
        exponent=2 + 6 * u[:, 5] ** 2,
        lobes=(2 + 4 * u[:, 6]).floor(),
        depth=0.4 * u[:, 7] ** 2,
        phase=2 * torch.pi * u[:, 8],
        phase_rate=0.3 * (u[:, 3] - 0.5),
    )


def canvases(
    appearance: Appearance,
    size: Float[Tensor, "N 2"],
    textures: Float[Tensor, "M C s s"],
    time: int,
) -> Float[Tensor, "N C+1 P P"]:
    """Patches on their canvases: colours times opacity, then opacity.

    Args:
        appearance: How they look.
        size: Width and height in pixels.
        textures: All textures; seamless.
        time: Frames since the start.
    """
    at = (torch.arange(TEXELS, device=size.device) + 0.5) / TEXELS * 2 - 1
    y, x = torch.meshgrid(REACH * at, REACH * at, indexing="ij")
    alpha = _outlines(appearance, size, x, y, time)
    colour = _textures(appearance, size, textures, x, y, time)
    return torch.cat([colour * alpha[:, None], alpha[:, None]], 1)


def _outlines(appearance: Appearance, size: Tensor, x: Tensor, y: Tensor, time: int) -> Tensor:
    """Opacities: superellipses with waves around them, soft over about a pixel at the edge."""
    power = appearance.exponent[:, None, None]
    reach = ((x.abs() + 1e-4) ** power + (y.abs() + 1e-4) ** power) ** (1 / power)
    wave = torch.atan2(y, x) * appearance.lobes[:, None, None]
    wave = (wave + (appearance.phase + appearance.phase_rate * time)[:, None, None]).cos()
    edge = 1 - appearance.depth[:, None, None] * (0.5 - 0.5 * wave)
    sharp = size.amin(-1)[:, None, None]
    return torch.sigmoid(sharp * (edge - reach))


def _textures(
    appearance: Appearance, size: Tensor, textures: Tensor, x: Tensor, y: Tensor, time: int
) -> Tensor:
    """Colours: textures, turned, and over time blended into others."""
    side = textures.shape[-1]
    angle = appearance.angle + appearance.angle_rate * time
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    x, y = x * (size[:, 0, None, None] / side), y * (size[:, 1, None, None] / side)
    place = torch.stack([cos * x - sin * y, sin * x + cos * y], -1)
    place = place + 2 * appearance.corner[:, None, None]
    place = place.remainder(2.0) - 1
    share = (appearance.morph * min(time / LIFE, 1.0))[:, None, None, None]
    texture = textures[appearance.texture[:, 0]].lerp(textures[appearance.texture[:, 1]], share)
    return F.grid_sample(texture, place, align_corners=False, padding_mode="border")


def paste(
    canvas: Float[Tensor, "N C P P"],
    centre: Float[Tensor, "N 2"],
    size: Float[Tensor, "N 2"],
    side: int,
) -> Float[Tensor, "N C S S"]:
    """Canvases in frames.

    Args:
        canvas: What to show.
        centre: Where, in pixels.
        size: Width and height of the patches, in pixels.
        side: S: pixels of a frame.
    """
    across, down = (
        hat(centre[:, i], REACH * size[:, i], side, TEXELS, smooth=True)[:, None] for i in range(2)
    )
    return down @ (canvas @ across.mT)
