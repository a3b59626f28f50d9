"""Following objects through time: predict, look where that points, correct, and find new ones.

SQAIR's propagate-and-discover (Kosiorek et al., 2018, https://arxiv.org/abs/1806.01794), with the
prediction joined to the image's evidence by precision weighting as in STOVE. Slots of a frame are
handled side by side: each sees the frame without what the *other* slots are predicted to draw.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from world_models.discovery import MIN_MASS_PX, TEMPERATURE, Found, discover, squared_error
from world_models.distributions import (
    fuse_gaussians,
    kl_gaussian,
    sample_gaussian,
    sample_relaxed_bernoulli,
)
from world_models.scene_model import Gaussian, SceneModel, composite
from world_models.transition import TransitionRNN

LOGIT_LIMIT = 8.0
LOGIT_MEMORY = 0.7
WHAT_DRIFT = 0.22
NEWBORN_SLACK_PX = 3.0
MIN_BIRTH_GAIN = 150.0
DOUBLE_DISTANCE_PX = 6.0
MIN_KEEP_GAIN = 150.0
PATIENCE = 2


@dataclasses.dataclass(frozen=True)
class Slots:
    """What is believed of the objects of each scene at one moment.

    Attributes:
        where: Posterior of each window.
        velocity: Pixels per frame in the world, from posterior means.
        hidden: State of the transition.
        what: Posterior of each appearance.
        logits: Evidence of presence, gathered over time.
        alive: 1 where the slot holds an object.
        age: Frames since the object was found (1 in the frame of its discovery).
        redundant: Frames in a row in which an older slot could have drawn the object just as well.
        id: Identity; -1 in empty slots.
        next_id: The next identity to be given away.
        z_bg: Background latent, the mean of the posteriors of all frames so far.
        num_frames: How many those are.
    """

    where: Gaussian
    velocity: Float[Tensor, "B K 2"]
    hidden: Float[Tensor, "B K M"]
    what: Gaussian
    logits: Float[Tensor, "B K"]
    alive: Float[Tensor, "B K"]
    age: Float[Tensor, "B K"]
    redundant: Float[Tensor, "B K"]
    id: Int[Tensor, "B K"]
    next_id: Int[Tensor, " B"]
    z_bg: Float[Tensor, "B D"]
    num_frames: int


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


def without_each(
    background: Float[Tensor, "B C H W"],
    layers: Float[Tensor, "B K c H W"],
    presence: Float[Tensor, "B K"],
) -> Float[Tensor, "B K C H W"]:
    """The canvas that all slots but one draw, for each slot."""
    num_slots = layers.shape[1]
    others = presence[:, None] * (1 - torch.eye(num_slots, device=presence.device))
    canvas = background[:, None].expand(-1, num_slots, -1, -1, -1)
    for k, layer in enumerate(layers.unbind(1)):
        weighted = layer[:, None] * others[:, :, k, None, None, None]
        canvas = canvas * (1 - weighted[:, :, -1:]) + weighted[:, :, :-1]
    return canvas


def step(
    model: SceneModel,
    transition: TransitionRNN,
    slots: Slots,
    frame: Float[Tensor, "B C H W"],
    sigma: float,
    rng: torch.Generator | None = None,
    camera_px: Float[Tensor, "B 2"] | None = None,
    keep_background: bool = True,
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
        keep_background: Whether the background is one and the same through the episode.

    Returns:
        What is believed now, what it cost, and the reconstruction.
    """
    batch, num_slots = slots.alive.shape
    shift = None if camera_px is None else camera_px[:, None].expand(-1, num_slots, -1)
    prior, hidden = transition(slots.where.loc, slots.velocity, slots.hidden, shift)
    z_bg = model.background.posterior(frame)[0]
    num_frames = slots.num_frames + 1 if keep_background else 1
    z_bg = slots.z_bg + (z_bg - slots.z_bg) / num_frames
    background = model.background.decode(z_bg)

    with torch.no_grad():
        predicted = model.place(model.decode_what(slots.what.loc), prior.loc)
        others = without_each(background, predicted, slots.alive)
    evidence = model.evidence(
        frame[:, None].expand_as(others), background[:, None].expand_as(others), others
    ).flatten(0, 1)

    guess = prior.loc.detach().flatten(0, 1)
    seen = Gaussian(*(x.unflatten(0, (batch, -1)) for x in model.look(evidence, guess[:, :2])))
    slack = torch.zeros_like(prior.scale)
    slack[..., :2] = NEWBORN_SLACK_PX * (slots.age[..., None] <= 1)
    where = Gaussian(*fuse_gaussians(*seen, prior.loc.detach(), prior.scale.detach() + slack))
    z_where = where.loc if rng is None else sample_gaussian(*where, rng)

    described, logits = model.describe(evidence, z_where.flatten(0, 1))
    described = Gaussian(*(x.unflatten(0, (batch, -1)) for x in described))
    what_prior = Gaussian(slots.what.loc, (slots.what.scale**2 + WHAT_DRIFT**2).sqrt())
    what = Gaussian(*fuse_gaussians(*described, *what_prior))
    z_what = what.loc if rng is None else sample_gaussian(*what, rng)
    logits = LOGIT_MEMORY * slots.logits + logits.unflatten(0, (batch, -1))
    logits = logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)

    layers = model.place(model.decode_what(z_what), z_where)
    alpha = layers[:, :, -1]
    with torch.no_grad():
        enough = (alpha > 0.3).float().sum((-1, -2)) > MIN_MASS_PX
        alive = slots.alive * (logits > 0) * enough
        idle = _redundant(frame, background, layers, where.loc, alive, slots.age, sigma)
        redundant = (slots.redundant + 1) * idle
        alive = alive * (redundant < PATIENCE)
    soft = torch.ones_like(logits)
    if rng is not None:
        soft = sample_relaxed_bernoulli(logits, TEMPERATURE, rng)
    presence = (slots.alive if rng is not None else alive) * soft
    canvas = composite(background, layers, presence)

    probs = slots.alive * torch.sigmoid(logits)
    loose = Gaussian(prior.loc, prior.scale + slack)
    fixed = Gaussian(*(x.detach() for x in loose))
    kl_where = 0.2 * kl_gaussian(*where, *fixed)
    kl_where = kl_where + 0.8 * kl_gaussian(where.loc.detach(), where.scale.detach(), *loose)
    kl_what = kl_gaussian(*what, *what_prior)
    cost = probs * (kl_where.sum(-1) + kl_what.sum(-1) + 9.0)
    cost = cost + 0.15 * presence * alpha.sum((-1, -2))
    surprise = Surprise(squared_error(frame, canvas) / (2 * sigma**2), cost.sum(-1))

    moved = where.loc[..., :2] - slots.where.loc[..., :2]
    moved = moved if shift is None else moved + shift
    now = Slots(
        where=where,
        velocity=moved,
        hidden=hidden,
        what=what,
        logits=logits,
        alive=alive,
        age=(slots.age + 1) * alive,
        redundant=redundant * alive,
        id=torch.where(alive > 0, slots.id, -1),
        next_id=slots.next_id,
        z_bg=z_bg,
        num_frames=num_frames,
    )
    now, canvas_now = _births(model, now, frame, background, canvas, sigma)
    return now, surprise, canvas_now if rng is None else canvas


def _redundant(
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    layers: Float[Tensor, "B K c H W"],
    where: Float[Tensor, "B K 3"],
    alive: Float[Tensor, "B K"],
    age: Float[Tensor, "B K"],
    sigma: float,
) -> Bool[Tensor, "B K"]:
    """Whether a slot sits on an older one and the frame is explained as well without it."""
    double = is_double(where, alive, age)
    if not bool(double.any()):
        return double
    with_all = squared_error(frame, composite(background, layers, alive))
    without = squared_error(frame[:, None], without_each(background, layers, alive))
    return double & ((without - with_all[:, None]) / (2 * sigma**2) < MIN_KEEP_GAIN)


def is_double(
    where: Float[Tensor, "*b K 3"], alive: Float[Tensor, "*b K"], age: Float[Tensor, "*b K"]
) -> Bool[Tensor, "*b K"]:
    """Whether a slot sits on an older one: then both explain one object."""
    distance = (where[..., :, None, :2] - where[..., None, :, :2]).norm(dim=-1)
    num_slots = alive.shape[-1]
    index = torch.arange(num_slots, device=alive.device)
    age_here, age_there = age[..., :, None], age[..., None, :]
    older = (age_there > age_here) | ((age_there == age_here) & (index[None, :] < index[:, None]))
    return ((distance < DOUBLE_DISTANCE_PX) & older & (alive[..., None, :] > 0)).any(-1)


@torch.no_grad()
def _births(
    model: SceneModel,
    slots: Slots,
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    canvas: Float[Tensor, "B C H W"],
    sigma: float,
) -> tuple[Slots, Float[Tensor, "B C H W"]]:
    """One more object per frame, if there is a free slot and the frame clearly asks for it."""
    found = discover(model, frame, background, 1, 1.0, canvas=canvas)
    gain = squared_error(frame, canvas) - squared_error(frame, found.canvas)
    free = 1 - slots.alive
    born = (gain / (2 * sigma**2) > MIN_BIRTH_GAIN) & (found.presence[:, 0] > 0)
    born = born & (free.sum(-1) > 0)
    place = torch.zeros_like(slots.alive)
    place.scatter_(1, free.argmax(-1, keepdim=True), born[:, None].float())

    def put(old: Tensor, new: Tensor) -> Tensor:
        return torch.where(place.view(*place.shape, *[1] * (old.dim() - 2)) > 0, new, old)

    slots = dataclasses.replace(
        slots,
        where=Gaussian(
            *(put(*pair) for pair in zip(slots.where, found.where_posterior, strict=True))
        ),
        velocity=put(slots.velocity, torch.zeros_like(slots.velocity)),
        hidden=put(slots.hidden, torch.zeros_like(slots.hidden)),
        what=Gaussian(
            *(put(*pair) for pair in zip(slots.what, found.what_posterior, strict=True))
        ),
        logits=put(slots.logits, found.logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)),
        alive=put(slots.alive, torch.ones_like(slots.alive)),
        age=put(slots.age, torch.ones_like(slots.age)),
        id=put(slots.id, slots.next_id[:, None].expand_as(slots.id)),
        next_id=slots.next_id + born.long(),
    )
    return slots, torch.where(born[:, None, None, None], found.canvas, canvas)
