"""Who hides whom: order in depth between the objects of a scene, and what it leaves to be seen.

Depth is a relation, not a number: ``front[i, j]`` is the log-odds that object i is in front of j.
Only pixels where two objects overlap speak about it, and they speak through the likelihood of the
frame; the order of an episode never changes, so the evidence of its frames adds up.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

EVIDENCE_SCALE = 0.1
"""Neighbouring pixels err together, so each counts for less than its likelihood says."""
LIMIT = 8.0
LEAST_LIGHT = 1e-4
"""Less light than this counts as none."""
PATCH = 2, 3
"""Patches in which an object is there or hidden as a whole: 3 x 3 cells of 2 x 2 pixels."""


def pair_transmittance(
    alpha: Float[Tensor, "B K H W"], front: Float[Tensor, "B K K"]
) -> Float[Tensor, "B K K H W"]:
    """Share of light that passes the object of the first slot axis on its way from the second."""
    certain = torch.sigmoid(front) * (1 - torch.eye(front.shape[-1], device=front.device))
    return 1 - certain[..., None, None] * alpha[:, :, None]


def transmittance(
    alpha: Float[Tensor, "B K H W"], front: Float[Tensor, "B K K"]
) -> Float[Tensor, "B K H W"]:
    """Share of each object's light that passes the objects in front of it.

    Args:
        alpha: Opacity of each object, 0 where it is absent.
        front: Log-odds that the object of the row is in front of that of the column.
    """
    return pair_transmittance(alpha, front).prod(1)


def blend(
    background: Float[Tensor, "B C H W"],
    layers: Float[Tensor, "B K c H W"],
    presence: Float[Tensor, "B K"],
    front: Float[Tensor, "B K K"],
) -> Float[Tensor, "B C H W"]:
    """Draws layers (colour times alpha, then alpha) over a background in their order of depth.

    An order that is not known blends the objects evenly, and is differentiable.
    """
    weighted = layers * presence[..., None, None, None]
    alpha = weighted[:, :, -1]
    transmitted = transmittance(alpha, front)
    clear = (1 - alpha).prod(1)
    # Uncertain orders of three or more need not add up to what is covered: scale them to it.
    share = (1 - clear) / (transmitted * alpha).sum(1).clamp(min=LEAST_LIGHT)
    objects = (weighted[:, :, :-1] * transmitted[:, :, None]).sum(1)
    return background * clear[:, None] + objects * share[:, None]


@torch.no_grad()
def blend_others(
    background: Float[Tensor, "B C H W"],
    layers: Float[Tensor, "B K c H W"],
    presence: Float[Tensor, "B K"],
    front: Float[Tensor, "B K K"],
) -> tuple[Float[Tensor, "B K C H W"], Float[Tensor, "B K H W"]]:
    """The canvas that all slots but one draw, for each slot, and the light of each that passes.

    What passes without one object is what passes all, divided by what passes that one.
    """
    weighted = layers * presence[..., None, None, None]
    alpha = weighted[:, :, -1]
    through = pair_transmittance(alpha, front)
    transmitted = through.prod(1)
    own = torch.eye(alpha.shape[1], dtype=torch.bool, device=alpha.device)[:, :, None, None]
    transmitted_by_others = (transmitted[:, None] / through.clamp(min=LEAST_LIGHT)).masked_fill(
        own, 0.0
    )
    covered = 1 - (1 - alpha[:, None]).masked_fill(own, 1.0).prod(2)
    share = covered / (transmitted_by_others * alpha[:, None]).sum(2).clamp(min=LEAST_LIGHT)
    colours = [
        (transmitted_by_others * colour[:, None]).sum(2)
        for colour in weighted[:, :, :-1].unbind(2)
    ]
    objects = torch.stack(colours, 2) * share[:, :, None]
    return background[:, None] * (1 - covered)[:, :, None] + objects, transmitted


def _meet(alpha: Float[Tensor, "B K H W"]) -> Bool[Tensor, "B K K"]:
    """Objects that have both rows and columns in common."""
    meet = [(x[:, :, None] & x[:, None]).any(-1) for x in (alpha.amax(-1) > 0, alpha.amax(-2) > 0)]
    return meet[0] & meet[1]


@torch.no_grad()
def depth_evidence(
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    layers: Float[Tensor, "B K c H W"],
    presence: Float[Tensor, "B K"],
    sigma: float,
) -> Float[Tensor, "B K K"]:
    """What one frame says of who is in front: log-likelihood ratios of the two orders, tempered.

    Every pair is judged as if it were alone; with premultiplied colours ``P`` the two canvases
    differ by ``a_j P_i - a_i P_j``, so objects that do not overlap give exactly 0.
    """
    num_slots = layers.shape[1]
    weighted = layers * presence[..., None, None, None]
    colour, alpha = weighted[:, :, :-1], weighted[:, :, -1:]
    evidence = layers.new_zeros(len(layers), num_slots, num_slots)
    # Few pairs meet, and of the others nothing would be told.
    scene, i, j = torch.triu(_meet(alpha[:, :, 0]), 1).nonzero(as_tuple=True)
    alpha_i, alpha_j = alpha[scene, i], alpha[scene, j]
    colour_i, colour_j = colour[scene, i], colour[scene, j]
    difference = alpha_j * colour_i - alpha_i * colour_j
    rest = (1 - alpha_i) * (1 - alpha_j) * background[scene]
    i_first = colour_i + (1 - alpha_i) * colour_j + rest
    gain = (difference * (2 * (frame[scene] - i_first) + difference)).mean(1).sum((-1, -2))
    evidence[scene, i, j] = gain / (2 * sigma**2)
    evidence[scene, j, i] = -evidence[scene, i, j]
    return EVIDENCE_SCALE * evidence


def missing(
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    layers: Float[Tensor, "B K c H W"],
    transmitted: Float[Tensor, "B K H W"],
) -> Float[Tensor, "B K H W"]:
    """Where the background shows although an object is predicted: something unknown hides it.

    A pixel of thin strokes says little when the prediction is one pixel off, so patches are
    judged: 1 where the frame looks like the background all over a patch, 0 where it looks like
    the object.

    Args:
        frame: What is seen.
        background: What is behind, or in front: it may hold things that hide objects.
        layers: What each object is predicted to draw.
        transmitted: Share of each object's light that passes the other objects.
    """
    colour, alpha = layers[:, :, :-1], layers[:, :, -1]
    difference = colour - alpha[:, :, None] * background[:, None]
    rest = (frame - background)[:, None]
    # (x - object)^2 - (x - background)^2, which is difference^2 if x is the background.
    gap = (difference * (difference - 2 * rest)).mean(2) * transmitted
    contrast = difference.square().mean(2) * transmitted

    cell, cells = PATCH

    def patch(x: Tensor) -> Tensor:
        return avg_pool2d(avg_pool2d(x, cell), cells, stride=1, padding=cells // 2)

    hidden = torch.sigmoid(8 * (patch(gap) / (patch(contrast) + 1e-3) - 0.3))
    return interpolate(hidden, size=frame.shape[-2:], mode="nearest")


def back_to_front(front: Float[Tensor, "B K K"]) -> Int[Tensor, "B K"]:
    """The slots from the hindmost to the foremost."""
    beliefs = torch.sigmoid(front)
    own = torch.diagonal(beliefs, dim1=-2, dim2=-1)
    return (beliefs.sum(-1) - own).argsort(dim=-1, stable=True)
