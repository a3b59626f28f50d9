"""Where in a picture a frame was taken: robust registration of backgrounds.

Source:
    Lucas and Kanade (1981), "An iterative image registration technique", as Gauss-Newton with
    iteratively reweighted least squares on shrunk and blurred pictures.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from world_models.air.background.canvas import crop, read_view
from world_models.blocks.blur import blur
from world_models.blocks.distributions import Gaussian
from world_models.blocks.fixed_order import median

LEVELS = ((2, 1.0, 3), (1, 1.5, 1))
"""By which whole number pictures are shrunk, how they are blurred (px then), how many steps."""
SEARCH_PX = 6
BOUND = 0.03
"""Error (of a frame in [0, 1]) above which all errors count nearly alike in the search."""
LEAST_SCALE = 0.05
MOST_SCALE = 3.0
"""Least and most doubt about a displacement (px)."""


@torch.no_grad()
def register(
    picture: Float[Tensor, "B C s t"],
    known: Float[Tensor, "B s t"],
    frame: Float[Tensor, "B C h w"],
    weight: Float[Tensor, "B h w"],
    corner: Float[Tensor, "B 2"],
    search_px: int = SEARCH_PX,
) -> Gaussian:
    """Where in a picture a frame was taken.

    Args:
        picture: The larger picture (or an earlier frame).
        known: How far each of its pixels is known, 0 to 1.
        frame: The frame.
        weight: Its explanation mask: 0 where an object explains it, 1 for background.
        corner: Where the frame's top left corner should be in the picture (px).
        search_px: How far around ``corner`` to search before the fine steps; 0 does not.

    Returns:
        The corner, and how sure that is: from the curvature of the error at the best place. Robust
        weights leave out what moved by itself.
    """
    reach = search_px + 4
    first = corner.floor() - reach
    size = (frame.shape[-2] + 2 * reach, frame.shape[-1] + 2 * reach)
    both = crop(torch.cat([picture * known[:, None], known[:, None]], 1), first, size)
    area, certainty = both[:, :-1] / both[:, -1:].clamp(min=1e-3), both[:, -1]
    found = corner - first
    for i, (pool, sigma, steps) in enumerate(LEVELS):
        reference = _smoothed(area, certainty, pool, sigma)
        target = _smoothed(frame, weight, pool, sigma)
        place = found / pool
        if i == 0 and search_px > 0:
            place = _search(*reference, *target, place, search_px // pool)
        for _ in range(steps):
            step, doubt = _gauss_newton(*reference, *target, place, sigma)
            place = place + step
        found, scale = place * pool, doubt * pool
    moved = (found + first - corner).clamp(-reach, reach)
    return Gaussian(corner + moved, scale.clamp(LEAST_SCALE, MOST_SCALE))


def _smoothed(
    picture: Float[Tensor, "B C s t"], known: Float[Tensor, "B s t"], pool: int, sigma: float
) -> tuple[Float[Tensor, "B C u v"], Float[Tensor, "B u v"]]:
    """Shrinks and blurs what is known of a picture, and says how much is known around."""
    both = avg_pool2d(torch.cat([picture * known[:, None], known[:, None]], 1), pool)
    here = both[:, -1]
    both = blur(both, sigma)
    return both[:, :-1] / both[:, -1:].clamp(min=1e-3), both[:, -1] * here


def _search(
    reference: Float[Tensor, "B C s t"],
    certainty: Float[Tensor, "B s t"],
    target: Float[Tensor, "B C h w"],
    mask: Float[Tensor, "B h w"],
    corner: Float[Tensor, "B 2"],
    reach: int,
) -> Float[Tensor, "B 2"]:
    """The best of all moves by whole pixels, by a bounded error."""
    height, width = mask.shape[-2:]
    area = read_view(
        torch.cat([reference, certainty[:, None]], 1),
        corner - reach,
        (height + 2 * reach, width + 2 * reach),
    )
    costs, moves = [], []
    for y in range(2 * reach + 1):
        for x in range(2 * reach + 1):
            part = area[:, :, y : y + height, x : x + width]
            counts = part[:, -1] * mask
            error = (part[:, :-1] - target).square().mean(1)
            bounded = error / (error + BOUND**2)
            costs.append((bounded * counts).sum((1, 2)) / counts.sum((1, 2)).clamp(min=1e-3))
            moves.append((float(x - reach), float(y - reach)))
    best = torch.stack(costs, 1).argmin(1)
    return corner + corner.new_tensor(moves)[best]


def _gauss_newton(
    reference: Float[Tensor, "B C s t"],
    certainty: Float[Tensor, "B s t"],
    target: Float[Tensor, "B C h w"],
    mask: Float[Tensor, "B h w"],
    corner: Float[Tensor, "B 2"],
    sigma: float,
) -> tuple[Float[Tensor, "B 2"], Float[Tensor, "B 2"]]:
    """One step towards the best corner, and the scale of what is left to doubt."""
    height, width = target.shape[-2:]
    both = torch.cat([reference, certainty[:, None]], 1)
    here = read_view(both, corner - 1, (height + 2, width + 2))
    picture, counts = here[:, :-1], here[:, -1, 1:-1, 1:-1] * mask
    # A gradient that leans on unknown pixels is none.
    counts = counts * (here[:, -1, :-2, 1:-1] > 0) * (here[:, -1, 2:, 1:-1] > 0)
    counts = counts * (here[:, -1, 1:-1, :-2] > 0) * (here[:, -1, 1:-1, 2:] > 0)
    across = (picture[..., 1:-1, 2:] - picture[..., 1:-1, :-2]) / 2
    down = (picture[..., 2:, 1:-1] - picture[..., :-2, 1:-1]) / 2
    error = target - picture[..., 1:-1, 1:-1]
    counts = counts * _robust(error, counts)

    total = counts.sum((1, 2)).clamp(min=1e-6)
    variance = (counts * error.square().mean(1)).sum((1, 2)) / total
    weight = counts[:, None]
    xx, xy, yy, gx, gy = (
        (weight * a * b).sum((1, 2, 3))
        for a, b in (
            (across, across), (across, down), (down, down), (across, error), (down, error)
        )
    )  # fmt: skip
    flat = 1e-6 * total  # where the background is flat nothing pulls, and the scale is large
    xx, yy = xx + flat, yy + flat
    determinant = xx * yy - xy**2
    step = torch.stack([yy * gx - xy * gy, xx * gy - xy * gx], -1) / determinant[:, None]
    # Blurred pixels are not independent: about 4 pi sigma^2 of them are worth one.
    inverse = torch.stack([yy, xx], -1) / determinant[:, None]
    doubt = (variance[:, None] * inverse * 4 * torch.pi * sigma**2).sqrt()
    return step.clamp(-2, 2), doubt


def _robust(
    error: Float[Tensor, "B C h w"], counts: Float[Tensor, "B h w"]
) -> Float[Tensor, "B h w"]:
    """Weights (Geman and McClure) by the median error of each frame: objects get next to none."""
    size = error.square().mean(1)
    known = torch.where(counts > 0.1, size, torch.nan).flatten(1)
    usual = median(known, 1).nan_to_num(1.0).clamp(min=1e-6)[:, None, None]
    return (1 + size / (4 * usual)) ** -2
