"""Painting sprites into frames by matrix products, front to back.

Every function is pure. Coordinates are in pixels; the centre of the first pixel is at 0.5.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def hat(
    centre: Float[Tensor, " N"],
    side: Float[Tensor, " N"],
    pixels: int,
    texels: int,
    smooth: bool = False,
) -> Float[Tensor, "N S G"]:
    """Weight of every texel in every pixel of one axis: linear interpolation.

    A sprite of ``texels`` texels is stretched to ``side`` pixels around ``centre``; as a matrix:
    ``line_of_pixels = hat @ line_of_texels``. ``smooth`` widens the hat where a pixel is coarser
    than a texel, so that fine sprites do not flicker.
    """
    grid = torch.arange(pixels, device=centre.device) + 0.5
    scale = (texels / side)[:, None]
    place = (grid - centre[:, None]) * scale + (texels / 2 - 0.5)
    texel = torch.arange(texels, device=centre.device, dtype=place.dtype)
    weight = (place[:, :, None] - texel).abs_()
    if not smooth:
        return torch.sub(1, weight, out=weight).clamp_(min=0)
    reach = scale.clamp(min=1.0)[:, None]
    return (1 - weight / reach).clamp_(min=0) / reach


def paste(
    sprite: Float[Tensor, "N G G"],
    centre: Float[Tensor, "N 2"],
    side: Float[Tensor, "N 2"],
    pixels: int,
) -> Float[Tensor, "N S S"]:
    """Draws each sprite alone on an empty canvas; what lies outside is cut off.

    Args:
        sprite: Opacities of texels, rows first.
        centre: Where the centre of the sprite goes, x and y.
        side: Width and height of the stretched sprite.
        pixels: Side of the canvas.
    """
    num, texels = len(sprite), sprite.shape[-1]
    # One call for both axes: at these sizes the number of calls is what costs.
    weight = hat(centre.T.reshape(-1), side.T.reshape(-1), pixels, texels)
    across, down = weight[:num], weight[num:]
    return torch.bmm(torch.bmm(down, sprite), across.transpose(1, 2))


def stack(
    alpha: Float[Tensor, "B K S S"], light: Float[Tensor, "B S S"] | None = None
) -> tuple[Float[Tensor, "B K S S"], Float[Tensor, "B S S"]]:
    """Share of each object that is seen at each pixel, the first slot in front.

    Args:
        alpha: Opacity of each object.
        light: What something in front of all objects lets through; None for all.

    Returns:
        The seen shares, and the share that is left to the background.
    """
    seen = torch.empty_like(alpha)
    rest = light
    for k in range(alpha.shape[1]):
        if rest is None:
            seen[:, k] = alpha[:, k]
            rest = 1 - alpha[:, k]
        else:
            torch.mul(alpha[:, k], rest, out=seen[:, k])
            rest = rest - seen[:, k]
    assert rest is not None
    return seen, rest


def colour(
    seen: Float[Tensor, "B K S S"],
    colours: Float[Tensor, "B C K"],
    background: Float[Tensor, "B C S S"],
) -> Float[Tensor, "B C S S"]:
    """Adds what is seen of every object, in its colour, to the background's share, in place."""
    background.flatten(2).baddbmm_(colours, seen.flatten(2))
    return background


def shine(
    alpha: Float[Tensor, "B K S S"], background: Float[Tensor, "B C S S"]
) -> Float[Tensor, "B C S S"]:
    """White objects that shine through each other: ``1 - (1 - bg) prod(1 - alpha)``.

    No order matters, so nobody is hidden.
    """
    rest = 1 - alpha[:, 0]
    for k in range(1, alpha.shape[1]):
        rest = torch.addcmul(rest, rest, alpha[:, k], value=-1)
    return 1 - (1 - background) * rest[:, None]
