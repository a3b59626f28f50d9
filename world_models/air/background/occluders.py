"""Things that are no objects and stand in front of everything: found by being flat.

A bar has one colour from edge to edge, which neither objects (they move) nor natural backgrounds
(they vary) have over a wide area. So the commonest colour of what the camera has shown so far is
looked for, and where it fills whole windows, something stands in front.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

NOISE = 0.05
"""Scale of the noise of one look at a pixel."""
COLOUR_WIDTH = 0.025
"""Colours nearer than this count as one when the commonest is looked for."""
SPREAD = 0.012
"""How far a flat thing may be from its colour, beside noise."""
AVERAGED = 3
"""Side of the windows in which deviations are averaged, pixels."""
LEAST_WIDTH = 9
"""Thinner things are not taken for occluders, pixels."""
LEAST_SHARE = 0.04
"""Nor are things that cover less than this share of the view."""
LEAST_LOOKS = 0.6
"""Pixels that were seen less are not known."""
KNOWN = 4.0
"""Looks after which a pixel is known."""
LEAST_WEIGHT = 0.1
"""Weights smaller than this count as this much."""
MOST_DEVIATION = 2.5
"""Squared deviations, in their variance, at which a pixel is as likely flat as not."""


@torch.no_grad()
def occluder(
    picture: Float[Tensor, "B C H W"], looks: Float[Tensor, "B H W"]
) -> Float[Tensor, "B H W"]:
    """Where something flat stands in front of everything, 0 to 1.

    Args:
        picture: What is known of the background, with what stands in front of it.
        looks: How often each pixel was seen; 0: never.
    """
    known = (looks[:, None] > LEAST_LOOKS).float()
    seen = known * looks[:, None].clamp(max=1)
    colour = _commonest(picture, seen)[:, :, None, None]
    deviation = _mean((picture - colour) * seen) / _mean(seen).clamp(min=LEAST_WEIGHT)
    variance = (NOISE / AVERAGED) ** 2 / _mean(looks[:, None]).clamp(min=LEAST_WEIGHT) + SPREAD**2
    chance = (deviation.square() / variance).mean(1, keepdim=True)
    flat = known * torch.sigmoid(2 * (MOST_DEVIATION - chance))
    # Where an object was in the way, all around tells what is behind it.
    around = _mean(flat, LEAST_WIDTH) / _mean(known, LEAST_WIDTH).clamp(min=LEAST_WEIGHT)
    wide = _open(flat + (1 - known) * around)[:, 0]
    return wide * (wide.mean((-1, -2)) > LEAST_SHARE)[:, None, None]


def in_front(background: Float[Tensor, "B C H W"]) -> Float[Tensor, "B H W"]:
    """`occluder` in a background that is known everywhere."""
    return occluder(background, torch.full_like(background[:, 0], KNOWN))


def paint(
    background: Float[Tensor, "B C H W"], frame: Float[Tensor, "B C H W"]
) -> Float[Tensor, "B C H W"]:
    """A background with what stands in front of it in a single frame."""
    bars = occluder(frame, torch.ones_like(frame[:, 0]))[:, None]
    colour = (frame * bars).sum((-1, -2)) / bars.sum((-1, -2)).clamp(min=1)
    return background + bars * (colour[:, :, None, None] - background)


def _mean(x: Float[Tensor, "B c H W"], side: int = AVERAGED) -> Float[Tensor, "B c H W"]:
    return avg_pool2d(x, side, 1, side // 2, count_include_pad=False)


def _commonest(
    picture: Float[Tensor, "B C H W"], seen: Float[Tensor, "B 1 H W"]
) -> Float[Tensor, "B C"]:
    """The colour around which most colours lie (the highest of kernel densities)."""
    weight = avg_pool2d(seen, 3)
    colours = (avg_pool2d(picture * seen, 3) / weight.clamp(min=1e-3)).flatten(2).transpose(1, 2)
    weight = weight.flatten(1)
    near = torch.cdist(colours, colours).square() / (-2 * COLOUR_WIDTH**2)
    near = near.exp() * weight[:, None]
    best = (near.sum(-1) * (weight > 0.5)).argmax(-1)
    share = near[torch.arange(len(best), device=best.device), best][..., None]
    return (share * colours).sum(1) / share.sum(1).clamp(min=1e-6)


def _open(mask: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B 1 H W"]:
    """What is left of a mask when all that is too thin is taken away."""
    core = -max_pool2d(-mask, LEAST_WIDTH, 1, LEAST_WIDTH // 2)
    return max_pool2d(core, LEAST_WIDTH, 1, LEAST_WIDTH // 2)
