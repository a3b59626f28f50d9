"""Following objects through time: predict, look where that points, correct, and find new ones.

SQAIR's propagate-and-discover (Kosiorek et al., 2018, https://arxiv.org/abs/1806.01794), with the
prediction joined to the image's evidence by precision weighting as in STOVE. An object that is
not seen where it should be is first believed to be hidden: it moves on as predicted, keeping its
looks and its identity, until it is seen again or has been away for too long.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from world_models.air.background.canvas import Canvas
from world_models.air.background.occluders import occluder, paint
from world_models.air.frame.discovery import (
    AREA_COST,
    CLEAR_ALPHA,
    MIN_MASS_PX,
    TEMPERATURE,
    Found,
    discover,
    squared_error,
)
from world_models.air.frame.scene_model import SceneModel
from world_models.air.motion.transition import Transition
from world_models.air.objects.births import births
from world_models.air.objects.correction import MIN_AGE, RELIABLE, Correction, correct, evidence
from world_models.air.objects.depth import LIMIT, blend, depth_evidence
from world_models.air.objects.doubles import take_over, weigh
from world_models.air.objects.slots import LOGIT_LIMIT, Slots
from world_models.blocks.distributions import Gaussian, sample_relaxed_bernoulli

MIN_VISIBLE = 0.2
"""Objects of which less can be seen are followed blindly."""
BEHIND = 0.3
"""Below this reliability an object is behind something, and believed in from the beginning."""
PART = 0.6
"""Below this reliability what is found of an object is a part of it."""
MAX_UNSEEN = 10
"""Frames for which an object is believed to be there though it cannot be seen."""
WELL_KNOWN_AGE = 6
SLOT_COST = 9.0
BACKGROUND_FRAMES = 4
"""Frames whose mean tells a background that stays the same well enough."""


@dataclasses.dataclass(frozen=True)
class Surprise:
    """The parts of the loss that one filtered frame costs, per episode, in nats."""

    reconstruction: Float[Tensor, " B"]
    objects: Float[Tensor, " B"]


@dataclasses.dataclass(frozen=True)
class Filter:
    """Follows the objects of a batch of scenes.

    Attributes:
        scene: Decoder and encoders.
        transition: The prior over motion.
        num_slots: K, most objects followed at a time.
        sigma: Least scale of the pixel likelihood.
        keep_background: Whether the background stays the same through an episode.
    """

    scene: SceneModel
    transition: Transition
    num_slots: int
    sigma: float
    keep_background: bool = True

    def begin(
        self, frame: Float[Tensor, "B C H W"], rng: torch.Generator | None = None
    ) -> tuple[Slots, Found]:
        """What is believed after the first frame, and what was found there.

        Args:
            frame: The first frame, in [0, 1].
            rng: Draws samples for learning; None takes means and hard presence.
        """
        model, sigma = self.scene, self.sigma
        z_bg = model.background.posterior(frame)[0]
        background = model.background.decode(z_bg)
        if model.occluders and rng is None:
            background = paint(background, frame)
        found = discover(model, frame, background, self.num_slots, model.inhibition_px[1], rng)
        alive = ((found.logits > 0) & (found.mass > MIN_MASS_PX)).float()
        order = alive.long().cumsum(-1) - 1
        layers = model.place(
            model.decode_what(found.what_posterior.loc), found.where_posterior.loc
        )
        front = depth_evidence(frame, background, layers, alive, sigma).clamp(-LIMIT, LIMIT)
        slots = Slots(
            where=found.where_posterior,
            velocity=torch.zeros_like(found.where[..., :2]),
            hidden=self.transition.initial(tuple(alive.shape)),
            what=found.what_posterior,
            logits=found.logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT),
            alive=alive,
            age=alive,
            unseen=torch.zeros_like(alive),
            visible=alive,
            front=front,
            needed=torch.zeros_like(alive),
            id=torch.where(alive > 0, order, -1),
            next_id=alive.sum(-1).long(),
            z_bg=z_bg,
            num_frames=1,
        )
        return self._without_doubles(slots, layers, frame, background), found

    def _without_doubles(
        self,
        slots: Slots,
        layers: Float[Tensor, "B K c H W"],
        frame: Float[Tensor, "B C H W"],
        background: Float[Tensor, "B C H W"],
    ) -> Slots:
        """What was found at first, without a slot whose object another slot draws as well."""
        tested, needed, extra = weigh(self.scene, slots, layers, frame, background, self.sigma)
        alive = slots.alive * ~extra
        return dataclasses.replace(
            take_over(slots, tested, extra),
            alive=alive,
            age=alive,
            visible=alive,
            needed=needed,
            id=torch.where(alive > 0, slots.id, -1),
        )

    def step(
        self,
        slots: Slots,
        frame: Float[Tensor, "B C H W"],
        rng: torch.Generator | None = None,
        camera_px: Float[Tensor, "B 2"] | None = None,
        remembered: Canvas | None = None,
    ) -> tuple[Slots, Surprise, Float[Tensor, "B C H W"]]:
        """Filters one more frame.

        Args:
            slots: What was believed before.
            frame: The new frame, in [0, 1].
            rng: Draws samples for learning; None takes means and hard presence.
            camera_px: How far the camera moved, pixels.
            remembered: What earlier frames have shown of the background, moved to where the view
                is.

        Returns:
            What is believed now, what it cost, and the reconstruction.
        """
        model, sigma = self.scene, self.sigma
        prior, hidden = self.transition(
            slots.where.loc, slots.velocity, slots.hidden, slots.alive, camera_px
        )
        z_bg, num_frames = _background(model, slots, frame, self.keep_background)
        background = model.background.decode(z_bg)
        if remembered is not None:
            background = remembered.over(background)
        # While it learns, what fits badly must not be taken for hidden.
        occluders = model.occluders and rng is None
        bars = occluder(*remembered.view()) if occluders and remembered is not None else None
        seen_by_slots = evidence(model, slots, prior, frame, background, occluders, bars)
        correction = correct(model, slots, prior, *seen_by_slots, rng, frame, sigma)
        layers, seen = correction.layers.detach(), _seen(slots, correction)
        there = dataclasses.replace(slots, where=correction.where, alive=seen)
        tested, needed, extra = weigh(model, there, layers, frame, background, sigma)
        seen, unseen = _survivors(slots, seen, extra)
        presence = seen
        if rng is not None:
            presence = slots.alive * sample_relaxed_bernoulli(correction.logits, TEMPERATURE, rng)
        front = slots.front + depth_evidence(frame, background, correction.layers, seen, sigma)
        front = front.clamp(-LIMIT, LIMIT)
        canvas = blend(background, correction.layers, presence, front)
        surprise = _surprise(slots, correction, presence, frame, canvas, sigma)
        now = dataclasses.replace(
            take_over(_remember(slots, prior, correction, seen, unseen, camera_px), tested, extra),
            hidden=hidden,
            front=front,
            needed=needed,
            z_bg=z_bg,
            num_frames=num_frames,
        )
        partly = correction.reliability < PART
        now, canvas_now = births(model, now, layers, frame, background, canvas, sigma, partly)
        return now, surprise, canvas_now if rng is None else canvas


def _surprise(
    slots: Slots,
    correction: Correction,
    presence: Float[Tensor, "B K"],
    frame: Float[Tensor, "B C H W"],
    canvas: Float[Tensor, "B C H W"],
    sigma: float,
) -> Surprise:
    """What a frame costs: what is drawn badly, and what objects cost."""
    cost = slots.alive * torch.sigmoid(correction.logits) * (correction.kl + SLOT_COST)
    cost = cost + AREA_COST * presence * correction.layers[:, :, -1].sum((-1, -2))
    return Surprise(squared_error(frame, canvas) / (2 * sigma**2), cost.sum(-1))


def _background(
    model: SceneModel, slots: Slots, frame: Float[Tensor, "B C H W"], keep: bool
) -> tuple[Float[Tensor, "B D"], int]:
    """The background's latent (that of this frame, or the mean of the first), and of how many."""
    if keep and slots.num_frames >= BACKGROUND_FRAMES:
        return slots.z_bg, slots.num_frames
    number = slots.num_frames + 1 if keep else 1
    return slots.z_bg + (model.background.posterior(frame)[0] - slots.z_bg) / number, number


def _seen(slots: Slots, correction: Correction) -> Float[Tensor, "B K"]:
    """Which slots the frame shows."""
    mass = (correction.layers[:, :, -1].detach() > CLEAR_ALPHA).sum((-1, -2))
    seen = slots.alive * (correction.logits.detach() > 0) * (mass > MIN_MASS_PX)
    return seen * (correction.visible > MIN_VISIBLE)


def _survivors(
    slots: Slots, seen: Float[Tensor, "B K"], extra: Bool[Tensor, "B K"]
) -> tuple[Float[Tensor, "B K"], Float[Tensor, "B K"]]:
    """Which slots are seen, and for how long each was not, without those that are superfluous."""
    seen = seen * ~extra
    unseen = (slots.unseen + 1) * (1 - seen)
    # What is well known and explained twice may be hidden by the other; else it never was there.
    return seen, torch.where(extra & (slots.age < WELL_KNOWN_AGE), float(MAX_UNSEEN + 1), unseen)


def _remember(
    slots: Slots,
    prior: Gaussian,
    correction: Correction,
    seen: Float[Tensor, "B K"],
    unseen: Float[Tensor, "B K"],
    camera_px: Float[Tensor, "B 2"] | None,
) -> Slots:
    """What is believed of each object now that it was seen, or was not."""
    known = (slots.age >= MIN_AGE) | (correction.reliability < BEHIND)
    alive = slots.alive * (unseen <= MAX_UNSEEN) * ((unseen == 0) | known)
    where, what = _coast(slots, prior, correction, unseen)
    moved = where.loc[..., :2] - slots.where.loc[..., :2]
    # What is hardly seen hardly changes the velocity.
    expected = prior.loc[..., :2] - slots.where.loc[..., :2]
    gain = torch.where(slots.age < MIN_AGE, 1.0, correction.reliability.sqrt())[..., None]
    moved = torch.where(gain < 1, expected + gain * (moved - expected), moved)
    return dataclasses.replace(
        slots,
        where=where,
        velocity=moved if camera_px is None else moved + camera_px[:, None],
        what=what,
        logits=correction.logits,
        alive=alive,
        age=(slots.age + 1) * alive,
        unseen=unseen * alive,
        visible=seen * correction.visible,
        id=torch.where(alive > 0, slots.id, -1),
    )


def _coast(
    slots: Slots, prior: Gaussian, correction: Correction, unseen: Float[Tensor, "B K"]
) -> tuple[Gaussian, Gaussian]:
    """Posteriors of what is seen; what is not moves on as predicted and looks as it did.

    Behind known occluders, that nothing is seen beside them tells where an object is, too.
    """
    coasts = unseen > 0
    blind = coasts & ((correction.reliability >= RELIABLE) | (slots.age < MIN_AGE))

    def choose(believed: Tensor, found: Tensor, old: Tensor) -> Tensor:
        return torch.where(old[..., None], believed.detach(), found)

    where = Gaussian(*(choose(*pair, blind) for pair in zip(prior, correction.where, strict=True)))
    what = Gaussian(
        *(choose(*pair, coasts) for pair in zip(slots.what, correction.what, strict=True))
    )
    return where, what
