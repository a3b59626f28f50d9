"""Following objects through time: predict, look where that points, correct, and find new ones.

SQAIR's propagate-and-discover (Kosiorek et al., 2018, https://arxiv.org/abs/1806.01794), with the
prediction joined to the image's evidence by precision weighting as in STOVE. Slots of a frame are
handled side by side: each sees the frame without what the *other* slots are predicted to draw.
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from world_models.canvas import Canvas
from world_models.discovery import (
    AREA_COST,
    CLEAR_ALPHA,
    MIN_MASS_PX,
    TEMPERATURE,
    Found,
    discover,
    squared_error,
)
from world_models.distributions import (
    fuse_gaussians,
    kl_gaussian,
    sample_gaussian,
    sample_relaxed_bernoulli,
)
from world_models.scene_model import Gaussian, SceneModel, composite
from world_models.slots import LOGIT_LIMIT, Slots, births, redundant, without_each
from world_models.transition import TransitionRNN

LOGIT_MEMORY = 0.7
WHAT_DRIFT = 0.22
NEWBORN_SLACK_PX = 3.0
PATIENCE = 2
SLOT_COST = 9.0


@dataclasses.dataclass(frozen=True)
class Surprise:
    """The parts of the loss that one filtered frame costs, per episode, in nats."""

    reconstruction: Float[Tensor, " B"]
    objects: Float[Tensor, " B"]


def begin(
    model: SceneModel,
    transition: TransitionRNN,
    frame: Float[Tensor, "B C H W"],
    num_slots: int,
    inhibition_px: float,
    rng: torch.Generator | None,
) -> tuple[Slots, Found, Float[Tensor, "B C H W"]]:
    """Slots of the first frame, what was found there, and the background that was drawn."""
    z_bg = model.background.posterior(frame)[0]
    background = model.background.decode(z_bg)
    found = discover(model, frame, background, num_slots, inhibition_px, rng)
    alive = ((found.logits > 0) & (found.mass > MIN_MASS_PX)).float()
    order = alive.cumsum(-1).long() - 1
    slots = Slots(
        where=found.where_posterior,
        velocity=torch.zeros_like(found.where[..., :2]),
        hidden=transition.initial(tuple(alive.shape)),
        what=found.what_posterior,
        logits=found.logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT),
        alive=alive,
        age=alive,
        redundant=torch.zeros_like(alive),
        id=torch.where(alive > 0, order, -1),
        next_id=alive.sum(-1).long(),
        z_bg=z_bg,
        num_frames=1,
    )
    return slots, found, background


def step(
    model: SceneModel,
    transition: TransitionRNN,
    slots: Slots,
    frame: Float[Tensor, "B C H W"],
    sigma: float,
    rng: torch.Generator | None = None,
    camera_px: Float[Tensor, "B 2"] | None = None,
    keep_background: bool = True,
    remembered: Canvas | None = None,
) -> tuple[Slots, Surprise, Float[Tensor, "B C H W"]]:
    """Filters one more frame.

    Args:
        model: Decoder and encoders.
        transition: The prior over motion.
        slots: What was believed before.
        frame: The new frame, in [0, 1].
        sigma: Scale of the pixel likelihood.
        rng: Draws samples for learning; None takes means and hard presence.
        camera_px: How far the camera moved, pixels.
        keep_background: Whether the background stays the same through the episode.
        remembered: What earlier frames have shown of the background, moved to where the view is.

    Returns:
        What is believed now, what it cost, and the reconstruction.
    """
    shift = None if camera_px is None else camera_px[:, None].expand_as(slots.velocity)
    prior, hidden = transition(slots.where.loc, slots.velocity, slots.hidden, shift)
    num_frames = slots.num_frames + 1 if keep_background else 1
    z_bg = slots.z_bg + (model.background.posterior(frame)[0] - slots.z_bg) / num_frames
    background = model.background.decode(z_bg)
    if remembered is not None:
        background = remembered.over(background)
    evidence = _evidence(model, slots, prior, frame, background)
    where, what, logits, layers, kl = _correct(model, slots, prior, evidence, rng)

    alpha = layers[:, :, -1]
    alive, idle_frames = _survivors(slots, logits, frame, background, layers, where.loc, sigma)
    presence = alive
    if rng is not None:
        presence = slots.alive * sample_relaxed_bernoulli(logits, TEMPERATURE, rng)
    canvas = composite(background, layers, presence)
    cost = slots.alive * torch.sigmoid(logits) * (kl + SLOT_COST)
    cost = cost + AREA_COST * presence * alpha.sum((-1, -2))
    surprise = Surprise(squared_error(frame, canvas) / (2 * sigma**2), cost.sum(-1))

    moved = where.loc[..., :2] - slots.where.loc[..., :2]
    now = Slots(
        where=where,
        velocity=moved if shift is None else moved + shift,
        hidden=hidden,
        what=what,
        logits=logits,
        alive=alive,
        age=(slots.age + 1) * alive,
        redundant=idle_frames * alive,
        id=torch.where(alive > 0, slots.id, -1),
        next_id=slots.next_id,
        z_bg=z_bg,
        num_frames=num_frames,
    )
    now, canvas_now = births(model, now, frame, background, canvas, sigma)
    return now, surprise, canvas_now if rng is None else canvas


def _correct(
    model: SceneModel,
    slots: Slots,
    prior: Gaussian,
    evidence: Float[Tensor, "N E H W"],
    rng: torch.Generator | None,
) -> tuple[Gaussian, Gaussian, Tensor, Float[Tensor, "B K c H W"], Float[Tensor, "B K"]]:
    """Posteriors of windows and appearances, logits of presence, layers, the news' cost."""
    loose = _loosen(prior, slots.age)
    where = _locate(model, evidence, loose)
    z_where = where.loc if rng is None else sample_gaussian(*where, rng)
    what_prior = Gaussian(slots.what.loc, (slots.what.scale**2 + WHAT_DRIFT**2).sqrt())
    what, logits = _identify(model, evidence, z_where, what_prior, slots.logits)
    z_what = what.loc if rng is None else sample_gaussian(*what, rng)
    layers = model.place(model.decode_what(z_what), z_where)
    return where, what, logits, layers, _kl(where, loose, what, what_prior)


def _survivors(
    slots: Slots,
    logits: Float[Tensor, "B K"],
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    layers: Float[Tensor, "B K c H W"],
    where: Float[Tensor, "B K 3"],
    sigma: float,
) -> tuple[Float[Tensor, "B K"], Float[Tensor, "B K"]]:
    """Which slots still hold an object, and for how many frames each has been redundant."""
    mass = (layers[:, :, -1].detach() > CLEAR_ALPHA).sum((-1, -2))
    alive = slots.alive * (logits.detach() > 0) * (mass > MIN_MASS_PX)
    idle = redundant(frame, background, layers, where, alive, slots.age, sigma)
    idle_frames = (slots.redundant + 1) * idle
    return alive * (idle_frames < PATIENCE), idle_frames


def _loosen(prior: Gaussian, age: Float[Tensor, "B K"]) -> Gaussian:
    """The prior of windows; one that was just found may move anywhere: its velocity is unknown."""
    scale = prior.scale.clone()
    scale[..., :2] += NEWBORN_SLACK_PX * (age[..., None] <= 1)
    return Gaussian(prior.loc, scale)


def _evidence(
    model: SceneModel,
    slots: Slots,
    prior: Gaussian,
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
) -> Float[Tensor, "N E H W"]:
    """What each slot sees: the frame without what the other slots are predicted to draw."""
    with torch.no_grad():
        predicted = model.place(model.decode_what(slots.what.loc), prior.loc)
        others = without_each(background, predicted, slots.alive)
    return model.evidence(
        frame[:, None].expand_as(others), background[:, None].expand_as(others), others
    ).flatten(0, 1)


def _locate(model: SceneModel, evidence: Float[Tensor, "N E H W"], prior: Gaussian) -> Gaussian:
    """Where the objects are: the prediction, which is only read here, joined to a look at it."""
    guess = prior.loc.detach()
    seen = model.look(evidence, guess.flatten(0, 1)[:, :2])
    loc, scale = (x.view_as(guess) for x in seen)
    return Gaussian(*fuse_gaussians(loc, scale, guess, prior.scale.detach()))


def _identify(
    model: SceneModel,
    evidence: Float[Tensor, "N E H W"],
    z_where: Float[Tensor, "B K 3"],
    prior: Gaussian,
    logits: Float[Tensor, "B K"],
) -> tuple[Gaussian, Float[Tensor, "B K"]]:
    """What the objects look like, joined to what was known, and the evidence that they are."""
    described, new_logits = model.describe(evidence, z_where.flatten(0, 1))
    loc, scale = (x.view_as(prior.loc) for x in described)
    what = Gaussian(*fuse_gaussians(loc, scale, *prior))
    logits = LOGIT_MEMORY * logits + new_logits.view_as(logits)
    return what, logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)


def _kl(
    where: Gaussian, where_prior: Gaussian, what: Gaussian, what_prior: Gaussian
) -> Float[Tensor, "B K"]:
    """What the objects' news cost; mostly the prior is pulled to the posterior, not it to it."""
    fixed = Gaussian(*(x.detach() for x in where_prior))
    known = Gaussian(*(x.detach() for x in where))
    pull = 0.8 * kl_gaussian(*known, *where_prior) + 0.2 * kl_gaussian(*where, *fixed)
    return pull.sum(-1) + kl_gaussian(*what, *what_prior).sum(-1)
