"""Banks of sprites: pictures of objects, turned beforehand, so that drawing one is a look-up.

Each object is stored at several angles as a small square picture with the extents of its tight box
beside it. So the amodal box of a drawn object costs nothing, and no noise shakes it. The banks are
``envs.simulator.digit_bank`` and ``envs.simulator.silhouettes``.
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

EDGE = 0.4
"""A tight box ends where the brightest texel of a row or column crosses this share of white."""


@dataclasses.dataclass(frozen=True)
class Sprites:
    """The objects of one split, N of them at A angles, in order of their class.

    Attributes:
        image: Picture of object n at angle a in row ``n * A + a``, 0 to 255.
        extent: Tight box of each picture: left, right, top, bottom, in shares of the sprite's
            side from its centre (x right, y down).
        mass: Sum of each picture over the sprite's area, at most 1.
        source: Where each object comes from: the index of a digit in its file.
        first: First object of each class.
        count: How many objects each class has.
        fill: Share of the sprite's side that the object's size takes; the rest is room to turn.
    """

    image: UInt8[Tensor, "NA P"]
    extent: Float[Tensor, "NA 4"]
    mass: Float[Tensor, " NA"]
    source: Int[Tensor, " N"]
    first: Int[Tensor, " classes"]
    count: Int[Tensor, " classes"]
    fill: float

    @property
    def side(self) -> int:
        """Texels of a side."""
        return math.isqrt(self.image.shape[1])

    @property
    def angles(self) -> int:
        """A: stored angles, evenly spaced over the full turn."""
        return len(self.image) // len(self.source)


def extents(image: Float[Tensor, "n s s"]) -> Float[Tensor, "n 4"]:
    """Left, right, top and bottom edge of what is brighter than ``EDGE``, to a part of a texel.

    Edges are linear crossings, in shares of the side from the centre. An image that is dark all
    over has edges at 0.
    """
    side = image.shape[-1]
    profile = torch.stack([image.amax(-2), image.amax(-1)], 1)
    both = F.pad(torch.stack([profile, profile.flip(-1)], 2), (1, 0))
    above = both[..., 1:] >= EDGE
    index = above.float().argmax(-1, keepdim=True)
    before, after = both.gather(-1, index)[..., 0], both.gather(-1, index + 1)[..., 0]
    crossing = index[..., 0] + 0.5 - (after - EDGE) / (after - before).clamp(min=1e-6)
    edge = torch.where(after >= EDGE, crossing / side - 0.5, 0.0)
    return torch.stack([edge[:, 0, 0], -edge[:, 0, 1], edge[:, 1, 0], -edge[:, 1, 1]], -1)


def bank(
    image: UInt8[Tensor, "NA P"],
    source: Int[Tensor, " N"],
    count: Int[Tensor, " classes"],
    fill: float,
    device: str,
) -> Sprites:
    """Measures the pictures of a bank; the arguments are attributes of ``Sprites``."""
    side = math.isqrt(image.shape[1])
    parts = [part.view(-1, side, side).float() / 255 for part in image.split(4096)]
    return Sprites(
        image=image.to(device),
        extent=torch.cat([extents(p) for p in parts]).to(device),
        mass=torch.cat([p.mean((1, 2)) for p in parts]).to(device),
        source=source.to(device),
        first=(count.cumsum(0) - count).to(device),
        count=count.to(device),
        fill=fill,
    )
