"""Following objects through time: predict, look where that points, correct, and find new ones.

SQAIR's propagate-and-discover (Kosiorek et al., 2018, https://arxiv.org/abs/1806.01794), with the
prediction joined to the image's evidence by precision weighting as in STOVE. Slots of a frame are
handled side by side: each sees the frame without what the *other* slots are predicted to draw, and
what another object hides of it is filled in from its own prediction. An object that is not seen
where it should be is first believed to be hidden: it moves on as predicted, keeping its looks and
its identity, until it is seen again or has been away for too long.
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from world_models.canvas import Canvas
from world_models.depth import LIMIT, blend, blend_others, depth_evidence, missing, transmittance
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
from world_models.scene_model import Gaussian, SceneModel
from world_models.slots import LOGIT_LIMIT, Slots, births, redundant
from world_models.transition import TransitionRNN

LOGIT_MEMORY = 0.7
MIN_SHARE = 0.2
"""Objects of which less can be seen are followed blindly."""
MAX_UNSEEN = 10
"""Frames for which an object is believed to be there though it cannot be seen."""
MIN_AGE = 3
"""Objects younger than this are not believed in without being seen."""
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
    sigma: float,
    rng: torch.Generator | None,
) -> tuple[Slots, Found, Float[Tensor, "B C H W"]]:
    """Slots of the first frame, what was found there, and the background that was drawn."""
    z_bg = model.background.posterior(frame)[0]
    background = model.background.decode(z_bg)
    found = discover(model, frame, background, num_slots, inhibition_px, rng)
    alive = ((found.logits > 0) & (found.mass > MIN_MASS_PX)).float()
    order = alive.cumsum(-1).long() - 1
    layers = model.place(model.decode_what(found.what_posterior.loc), found.where_posterior.loc)
    front = depth_evidence(frame, background, layers, alive, sigma).clamp(-LIMIT, LIMIT)
    slots = Slots(
        where=found.where_posterior,
        velocity=torch.zeros_like(found.where[..., :2]),
        hidden=transition.initial(tuple(alive.shape)),
        what=found.what_posterior,
        logits=found.logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT),
        alive=alive,
        age=alive,
        unseen=torch.zeros_like(alive),
        visible=alive,
        front=front,
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
    evidence, shown = _evidence(model, slots, prior, frame, background)
    news = _correct(model, slots, prior, evidence, shown, rng)

    seen, unseen, idle_frames = _survivors(slots, news, frame, background, sigma)
    alive = slots.alive * (unseen <= MAX_UNSEEN) * ((unseen == 0) | (slots.age >= MIN_AGE))
    presence = seen
    if rng is not None:
        presence = slots.alive * sample_relaxed_bernoulli(news.logits, TEMPERATURE, rng)
    front = (slots.front + depth_evidence(frame, background, news.layers, seen, sigma)).clamp(
        -LIMIT, LIMIT
    )
    canvas, _ = blend(background, news.layers, presence, front)
    alpha = news.layers[:, :, -1]
    cost = slots.alive * torch.sigmoid(news.logits) * (news.kl + SLOT_COST)
    cost = cost + AREA_COST * presence * alpha.sum((-1, -2))
    surprise = Surprise(squared_error(frame, canvas) / (2 * sigma**2), cost.sum(-1))

    where, what = _coast(slots, prior, news, unseen)
    moved = where.loc[..., :2] - slots.where.loc[..., :2]
    now = Slots(
        where=where,
        velocity=moved if shift is None else moved + shift,
        hidden=hidden,
        what=what,
        logits=news.logits,
        alive=alive,
        age=(slots.age + 1) * alive,
        unseen=unseen * alive,
        visible=seen * news.shown,
        front=front,
        redundant=idle_frames * seen,
        id=torch.where(alive > 0, slots.id, -1),
        next_id=slots.next_id,
        z_bg=z_bg,
        num_frames=num_frames,
    )
    now, canvas_now = births(model, now, frame, background, canvas, sigma)
    return now, surprise, canvas_now if rng is None else canvas


@dataclasses.dataclass(frozen=True)
class _News:
    """What one frame says of each slot: posteriors, logits of presence, layers and their cost."""

    where: Gaussian
    what: Gaussian
    logits: Float[Tensor, "B K"]
    layers: Float[Tensor, "B K c H W"]
    kl: Float[Tensor, "B K"]
    shown: Float[Tensor, "B K"]


@dataclasses.dataclass(frozen=True)
class _Shown:
    """What of each object can be seen where it is predicted: pixels, and the share in all.

    ``unhidden`` leaves other objects aside: their order is judged anew in every frame.
    """

    unhidden: Float[Tensor, "B K H W"]
    share: Float[Tensor, "B K"]


def _correct(
    model: SceneModel,
    slots: Slots,
    prior: Gaussian,
    evidence: Float[Tensor, "N E H W"],
    shown: "_Shown",
    rng: torch.Generator | None,
) -> "_News":
    """Joins the predictions to what the frame shows."""
    loose = _loosen(prior, slots)
    where = _locate(model, evidence, loose)
    z_where = where.loc if rng is None else sample_gaussian(*where, rng)
    what_prior = Gaussian(slots.what.loc, (slots.what.scale**2 + WHAT_DRIFT**2).sqrt())
    what, logits = _identify(model, evidence, z_where, what_prior, slots.logits, shown.share)
    z_what = what.loc if rng is None else sample_gaussian(*what, rng)
    layers = model.place(model.decode_what(z_what), z_where) * shown.unhidden[:, :, None]
    kl = _kl(where, loose, what, what_prior)
    return _News(where, what, logits, layers, kl, shown.share)


def _survivors(
    slots: Slots,
    news: _News,
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    sigma: float,
) -> tuple[Float[Tensor, "B K"], Float[Tensor, "B K"], Float[Tensor, "B K"]]:
    """Which slots are seen, for how long each was not, and for how long each was redundant."""
    mass = (news.layers[:, :, -1].detach() > CLEAR_ALPHA).sum((-1, -2))
    seen = slots.alive * (news.logits.detach() > 0) * (mass > MIN_MASS_PX)
    seen = seen * (news.shown > MIN_SHARE)
    idle = redundant(
        frame,
        background,
        news.layers.detach(),
        news.where.loc.detach(),
        seen,
        slots.age,
        slots.front,
        sigma,
    )
    idle_frames = (slots.redundant + 1) * idle
    superfluous = idle_frames >= PATIENCE
    unseen = (slots.unseen + 1) * (1 - seen)
    # What is explained twice is no hidden object: it goes at once.
    unseen = torch.where(superfluous, float(MAX_UNSEEN + 1), unseen)
    return seen * ~superfluous, unseen, idle_frames


def _coast(
    slots: Slots, prior: Gaussian, news: _News, unseen: Float[Tensor, "B K"]
) -> tuple[Gaussian, Gaussian]:
    """Posteriors of what is seen; what is not moves on as predicted and looks as it did."""
    coasts = (unseen > 0)[..., None]

    def choose(believed: Tensor, found: Tensor) -> Tensor:
        return torch.where(coasts, believed.detach(), found)

    where = Gaussian(*(choose(*pair) for pair in zip(prior, news.where, strict=True)))
    what = Gaussian(*(choose(*pair) for pair in zip(slots.what, news.what, strict=True)))
    return where, what


def _loosen(prior: Gaussian, slots: Slots) -> Gaussian:
    """The prior of windows; one that was just found may move anywhere: its velocity is unknown."""
    scale = prior.scale.clone()
    scale[..., :2] += NEWBORN_SLACK_PX * ((slots.age <= 1) | (slots.unseen > 0))[..., None]
    return Gaussian(prior.loc, scale)


def _evidence(
    model: SceneModel,
    slots: Slots,
    prior: Gaussian,
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
) -> tuple[Float[Tensor, "N E H W"], _Shown]:
    """What each slot sees, and what of it is to be seen.

    It sees the frame without what the other slots are predicted to draw. Where one of them is in
    front of it, nothing can be seen, and its own prediction stands in.
    """
    with torch.no_grad():
        layers = model.place(model.decode_what(slots.what.loc), prior.loc)
        presence = slots.alive * (slots.unseen == 0)
        others = blend_others(background, layers, presence, slots.front)
        colour, alpha = layers[:, :, :-1], layers[:, :, -1:]
        passed = transmittance(alpha[:, :, 0] * presence[..., None, None], slots.front)[:, :, None]
        hidden = missing(frame, background, layers, passed[:, :, 0])
        unhidden = 1 - hidden * (slots.age >= MIN_AGE)[..., None, None]
        passed = passed * unhidden[:, :, None]
        behind = background[:, None]
        own = (1 - passed) * (colour - alpha * behind)  # drawn alone on the background, less it
        residual = torch.cat(
            [
                passed * (frame[:, None] - behind) + own,
                passed * (frame[:, None] - others) + own,
            ],
            dim=2,
        )
        area = alpha.sum((-1, -2, -3))
        share = (alpha * passed).sum((-1, -2, -3)) / area.clamp(min=1e-6)
    return 2 * residual.flatten(0, 1), _Shown(unhidden, share)


def _locate(model: SceneModel, evidence: Float[Tensor, "N E H W"], prior: Gaussian) -> Gaussian:
    """Where the objects are: the prediction, which is only read here, joined to a look at it."""
    guess = prior.loc.detach()
    seen = model.look(evidence, guess.flatten(0, 1)[:, :2])
    loc, scale = (x.view_as(guess) for x in seen)
    return Gaussian(*fuse_gaussians(loc, scale, guess, prior.scale.detach()))


def _identify(
    model: SceneModel,
    evidence: Float[Tensor, "N E H W"],
    z_where: Float[Tensor, "B K w"],
    prior: Gaussian,
    logits: Float[Tensor, "B K"],
    clear: Float[Tensor, "B K"],
) -> tuple[Gaussian, Float[Tensor, "B K"]]:
    """What the objects look like, joined to what was known, and the evidence that they are."""
    described, new_logits = model.describe(evidence, z_where.flatten(0, 1))
    loc, scale = (x.view_as(prior.loc) for x in described)
    what = Gaussian(*fuse_gaussians(loc, scale, *prior))
    memory = 1 - (1 - LOGIT_MEMORY) * clear
    logits = memory * logits + clear * new_logits.view_as(logits)
    return what, logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)


def _kl(
    where: Gaussian, where_prior: Gaussian, what: Gaussian, what_prior: Gaussian
) -> Float[Tensor, "B K"]:
    """What the objects' news cost; mostly the prior is pulled to the posterior, not it to it."""
    fixed = Gaussian(*(x.detach() for x in where_prior))
    known = Gaussian(*(x.detach() for x in where))
    pull = 0.8 * kl_gaussian(*known, *where_prior) + 0.2 * kl_gaussian(*where, *fixed)
    return pull.sum(-1) + kl_gaussian(*what, *what_prior).sum(-1)
