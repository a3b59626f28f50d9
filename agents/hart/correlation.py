"""How well the first glimpse's target matches, over the places of a glimpse and over some shapes.

Normalised cross-correlation (Lewis, "Fast normalized cross-correlation", 1995) with the picture of
the target in the first frame. HART as published knows its target only by what its memory kept.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

SHAPES = ((1.0, 1.0), (1.15, 1.0), (0.87, 1.0), (1.0, 1.15), (1.0, 0.87))
"""Widths and heights of the target that are tried, against those of the window."""
MAPS = 2 * len(SHAPES)
SHARPNESS = 20.0
"""Of the softmax; correlations are at most 1."""
GAIN = 2.0
"""Correlations are small numbers beside other maps, and would be learned from late."""


@torch.no_grad()
def matches(
    glimpse: Float[Tensor, "N C G G"], first: Float[Tensor, "N C G G"], scale: float, side: int
) -> Float[Tensor, "N M S S"]:
    """Maps of S x S places, each standing for where the middle of the target would be.

    One half of the maps are the correlations with the target in each of ``SHAPES``, the other a
    softmax over all of them and all places.

    Args:
        glimpse: What is seen.
        first: The first glimpse, whose middle is the target.
        scale: Extent of the glimpses in boxes.
        side: S.
    """
    pixels = glimpse.shape[-1]
    patch = round(pixels / scale)
    patch -= (pixels - patch) % 2  # the middle of the glimpse is a place of its own
    template = torch.stack([_cut(first, scale, shape, patch) for shape in SHAPES], 1)
    template = template - template.mean((-1, -2), keepdim=True)
    template = template.flatten(2)
    template = template / (template.norm(dim=-1, keepdim=True) + 1e-2)
    columns = glimpse.unfold(2, patch, 1).unfold(3, patch, 1)  # N C n n p p
    steps = columns.shape[2]
    columns = columns.permute(0, 1, 4, 5, 2, 3).reshape(len(glimpse), -1, steps**2)
    pixel = torch.arange(pixels, device=glimpse.device)
    inside = (pixel >= pixel[:steps, None]) & (pixel < pixel[:steps, None] + patch)
    band = inside.to(glimpse.dtype) / patch
    mean, square = (band @ x @ band.T for x in (glimpse, glimpse.square()))
    norm = ((square - mean.square()).sum(1).clamp(min=0).flatten(1) * patch**2).sqrt()
    score = torch.bmm(template, columns) / (norm + 1e-2)[:, None]
    share = (SHARPNESS * score).flatten(1).softmax(-1).view_as(score)
    maps = torch.cat([score, share], 1).unflatten(-1, (steps, steps))
    return GAIN * F.interpolate(maps, (side, side), mode="bilinear")


def _cut(
    first: Float[Tensor, "N C G G"], scale: float, shape: tuple[float, float], patch: int
) -> Float[Tensor, "N C p p"]:
    """What fills ``patch`` x ``patch`` pixels if the target is of this shape."""
    extent = patch / first.shape[-1]
    theta = first.new_tensor([[extent / shape[0], 0, 0], [0, extent / shape[1], 0]])
    grid = F.affine_grid(theta[None], [1, 1, patch, patch], align_corners=False)
    return F.grid_sample(first, grid.expand(len(first), -1, -1, -1), align_corners=False)
