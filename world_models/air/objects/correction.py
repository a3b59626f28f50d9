"""Correcting predictions by a frame: one look, one description, joined to what was known.

Each slot sees the frame without what the other slots are predicted to draw; where something is in
front of it, nothing can be seen, and its own prediction stands in.
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.depth import blend_others, missing
from world_models.air.objects.search import search
from world_models.air.objects.slots import LOGIT_LIMIT, Slots
from world_models.blocks.distributions import (
    Gaussian,
    fuse_gaussians,
    kl_gaussian,
    sample_gaussian,
)
from world_models.blocks.glimpse import shift

LOGIT_MEMORY = 0.7
MIN_AGE = 3
"""Objects younger than this are not believed in without being seen."""
WHAT_DRIFT = 0.22
NEWBORN_SLACK_PX = 3.0
RELIABILITY_POWER = 2.0
"""Networks are as reliable as this power of the share that can be seen."""
RELIABLE = 0.85
"""Below this reliability no network that knows whole objects looks for one."""
LEAST_RELIABILITY = 0.05
"""Networks are relied on at least so much."""
DRIFT_PX = 0.4
"""By so much more may an object be off for every frame in which it was not seen."""


@dataclasses.dataclass(frozen=True)
class Correction:
    """What one frame says of each slot: posteriors, logits of presence, layers and their cost.

    ``visible`` is the share of each object that can be seen; ``reliability`` see `Visibility`.
    """

    where: Gaussian
    what: Gaussian
    logits: Float[Tensor, "B K"]
    layers: Float[Tensor, "B K c H W"]
    kl: Float[Tensor, "B K"]
    visible: Float[Tensor, "B K"]
    reliability: Float[Tensor, "B K"]


@dataclasses.dataclass(frozen=True)
class Visibility:
    """What of each object can be seen where it is predicted: pixels, and the share in all.

    ``unoccluded`` leaves other objects aside: their order is judged anew in every frame; ``mask``
    does not. ``others`` is what would be seen without the object. ``reliability``, from 0 to 1,
    says how far networks that know whole objects may be relied on: always, or with known occluders
    the less, the more of the object is hidden.
    """

    unoccluded: Float[Tensor, "B K H W"]
    mask: Float[Tensor, "B K H W"]
    others: Float[Tensor, "B K C H W"]
    visible: Float[Tensor, "B K"]
    reliability: Float[Tensor, "B K"]


def correct(
    model: SceneModel,
    slots: Slots,
    prior: Gaussian,
    evidence: Float[Tensor, "N E U V"],
    visibility: Visibility,
    rng: torch.Generator | None,
    frame: Float[Tensor, "B C H W"],
    sigma: float,
) -> Correction:
    """Joins the predictions to what the frame shows."""
    loose = _loosen(prior, slots)
    where = _locate(model, evidence, loose)
    where = _search(model, slots, prior, where, frame, visibility, sigma)
    z_where = where.loc if rng is None else sample_gaussian(*where, rng)
    what_prior = Gaussian(slots.what.loc, (slots.what.scale**2 + WHAT_DRIFT**2).sqrt())
    what, logits = _identify(model, evidence, z_where, what_prior, slots.logits, visibility)
    z_what = what.loc if rng is None else sample_gaussian(*what, rng)
    layers = model.place(model.decode_what(z_what), z_where) * visibility.unoccluded[:, :, None]
    kl = _kl(where, loose, what, what_prior)
    return Correction(where, what, logits, layers, kl, visibility.visible, visibility.reliability)


def _loosen(prior: Gaussian, slots: Slots) -> Gaussian:
    """The prior of windows; one that was just found may move anywhere: its velocity is unknown."""
    scale = prior.scale.clone()
    scale[..., :2] += NEWBORN_SLACK_PX * ((slots.age <= 1) | (slots.unseen > 0))[..., None]
    return Gaussian(prior.loc, scale)


def evidence(
    model: SceneModel,
    slots: Slots,
    prior: Gaussian,
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    occluders: bool = False,
    bars: Float[Tensor, "B H W"] | None = None,
) -> tuple[Float[Tensor, "N E U V"], Visibility]:
    """What each slot sees, and what of it is to be seen.

    It sees the frame without what the other slots are predicted to draw. Where one of them is in
    front of it, or something that is no object (``bars`` that are known, or with ``occluders``
    what `missing` finds), nothing can be seen, and its own prediction stands in; so it does beyond
    the frame's edges, as far as the model's ``margin`` goes.
    """
    with torch.no_grad():
        margin = model.margin
        wide = model.place(model.decode_what(slots.what.loc), prior.loc, margin)
        layers = pad(wide, [-margin] * 4)
        presence = slots.alive * (slots.unseen == 0)
        others, transmitted = blend_others(background, layers, presence, slots.front)
        unoccluded = torch.ones_like(transmitted)
        if bars is not None:
            unoccluded = unoccluded * (1 - bars)[:, None]
        elif occluders:
            hidden = missing(frame, background, layers, transmitted)
            unoccluded = 1 - hidden * (slots.age >= MIN_AGE)[..., None, None]
        mask, alpha = transmitted * unoccluded, layers[:, :, -1]
        visible = (alpha * mask).sum((-1, -2)) / alpha.sum((-1, -2)).clamp(min=1e-6)
        around = [margin] * 4
        inside = pad(mask, around)[:, :, None]  # beyond the frame's edges nothing can be seen
        frame, behind = (pad(x, around, mode="replicate")[:, None] for x in (frame, background))
        own = (1 - inside) * (wide[:, :, :-1] - wide[:, :, -1:] * behind)  # alone, less background
        residual = torch.cat(
            [inside * (frame - behind) + own, inside * (frame - pad(others, around)) + own], dim=2
        )
        reliability = torch.ones_like(visible) if bars is None else visible**RELIABILITY_POWER
    return 2 * residual.flatten(0, 1), Visibility(unoccluded, mask, others, visible, reliability)


def _locate(model: SceneModel, evidence: Float[Tensor, "N E U V"], prior: Gaussian) -> Gaussian:
    """Where the objects are: the prediction, which is only read here, joined to a look at it."""
    guess = prior.loc.detach()
    seen = model.look(evidence, shift(guess, model.margin).flatten(0, 1)[:, :2])
    loc, scale = (x.view_as(guess) for x in seen)
    return Gaussian(*fuse_gaussians(shift(loc, -model.margin), scale, guess, prior.scale.detach()))


def _search(
    model: SceneModel,
    slots: Slots,
    prior: Gaussian,
    looked: Gaussian,
    frame: Float[Tensor, "B C H W"],
    visibility: Visibility,
    sigma: float,
) -> Gaussian:
    """Where partly hidden objects are: as their pixels that can be seen say (`search`)."""
    chosen = (slots.alive > 0) & (visibility.reliability < RELIABLE)
    if not bool(chosen.any()):
        return looked
    scene, slot = chosen.nonzero(as_tuple=True)
    scale = prior.scale[scene, slot].clone()
    scale[:, :2] += NEWBORN_SLACK_PX * (slots.age[scene, slot, None] <= 1)
    drift = DRIFT_PX * slots.unseen[scene, slot, None]
    scale[:, :2] = (scale[:, :2].square() + drift.square()).sqrt()
    found = search(
        model.decode_what(slots.what.loc[scene, slot]),
        Gaussian(prior.loc[scene, slot], scale),
        frame[scene],
        visibility.others[scene, slot],
        visibility.mask[scene, slot],
        sigma,
    )
    loc, scale = looked.loc.clone(), looked.scale.clone()
    loc[scene, slot], scale[scene, slot] = found.loc, found.scale
    return Gaussian(loc, scale)


def _identify(
    model: SceneModel,
    evidence: Float[Tensor, "N E U V"],
    z_where: Float[Tensor, "B K w"],
    prior: Gaussian,
    logits: Float[Tensor, "B K"],
    visibility: Visibility,
) -> tuple[Gaussian, Float[Tensor, "B K"]]:
    """What the objects look like, joined to what was known, and the evidence that they are."""
    described, new_logits = model.describe(evidence, shift(z_where, model.margin).flatten(0, 1))
    loc, scale = (x.view_as(prior.loc) for x in described)
    scale = scale / visibility.reliability.clamp(min=LEAST_RELIABILITY)[..., None]
    what = Gaussian(*fuse_gaussians(loc, scale, *prior))
    memory = 1 - (1 - LOGIT_MEMORY) * visibility.visible
    logits = memory * logits + visibility.visible * new_logits.view_as(logits)
    return what, logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)


def _kl(
    where: Gaussian, where_prior: Gaussian, what: Gaussian, what_prior: Gaussian
) -> Float[Tensor, "B K"]:
    """What the corrections cost; mostly the prior is pulled to the posterior, not it to it."""
    fixed = Gaussian(*(x.detach() for x in where_prior))
    known = Gaussian(*(x.detach() for x in where))
    pull = 0.8 * kl_gaussian(*known, *where_prior) + 0.2 * kl_gaussian(*where, *fixed)
    return pull.sum(-1) + kl_gaussian(*what, *what_prior).sum(-1)
