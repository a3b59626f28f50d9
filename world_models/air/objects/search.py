"""Where a partly hidden object is: its known picture, tried at every place near the expected one.

The network that looks for objects has learned what whole ones look like, and takes the visible
rest of a hidden one for all of it. Here only the pixels speak that can be seen, each for itself.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from world_models.air.objects.depth import EVIDENCE_SCALE
from world_models.blocks.distributions import Gaussian
from world_models.blocks.glimpse import draw_glimpse

REACH = 4
"""Places up to so many pixels from the expected one are tried, each way."""
LEAST_SCALE = 0.3
"""The place is not known more precisely than this (px)."""


@torch.no_grad()
def search(
    glimpse: Float[Tensor, "N c g g"],
    prior: Gaussian,
    frame: Float[Tensor, "N C H W"],
    others: Float[Tensor, "N C H W"],
    mask: Float[Tensor, "N H W"],
    sigma: float,
) -> Gaussian:
    """The posterior of windows whose size and looks are known.

    Args:
        glimpse: Pictures of the objects (colour times alpha, then alpha).
        prior: Their windows, as expected.
        frame: What is seen.
        others: What would be seen without the object.
        mask: Where the object would be seen: 1, or 0 where something is in front.
        sigma: Scale of the pixel likelihood.
    """
    height, width = frame.shape[-2:]
    room = torch.zeros_like(prior.loc)
    room[..., :2] = REACH
    size = (height + 2 * REACH, width + 2 * REACH)
    layer = draw_glimpse(glimpse, prior.loc + room, size)
    steps = range(2 * REACH + 1)
    rest = frame - others
    cost = torch.stack(
        [
            _misfit(layer[..., y : y + height, x : x + width], rest, others, mask)
            for y in steps
            for x in steps
        ],
        -1,
    )
    # A picture that is cut off further down has moved up.
    move = REACH - torch.arange(2 * REACH + 1.0, device=frame.device)
    moves = torch.cartesian_prod(move, move).flip(-1)
    distance = (moves / prior.scale[:, None, :2]).square().sum(-1)
    weight = (-EVIDENCE_SCALE * cost / (2 * sigma**2) - distance / 2).softmax(-1)[..., None]
    mean = (weight * moves).sum(1)
    variance = (weight * (moves - mean[:, None]).square()).sum(1)
    xy = prior.loc[..., :2] + mean
    return Gaussian(
        torch.cat([xy, prior.loc[..., 2:]], -1),
        torch.cat([variance.sqrt().clamp(min=LEAST_SCALE), prior.scale[..., 2:]], -1),
    )


def _misfit(
    layer: Float[Tensor, "N c H W"],
    rest: Float[Tensor, "N C H W"],
    others: Float[Tensor, "N C H W"],
    mask: Float[Tensor, "N H W"],
) -> Float[Tensor, " N"]:
    """Squared error of what is drawn, where it can be seen, less that of drawing nothing."""
    drawn = layer[:, :-1] - layer[:, -1:] * others
    return ((drawn * (drawn - 2 * rest)).mean(1) * mask).sum((-1, -2))
