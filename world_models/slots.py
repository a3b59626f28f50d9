"""Slots of a scene: what is believed of each object, when one is born, when one is superfluous."""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from world_models.canvas import Snapshot
from world_models.discovery import discover, squared_error
from world_models.scene_model import Gaussian, SceneModel, composite

LOGIT_LIMIT = 8.0
MIN_BIRTH_GAIN = 150.0
DOUBLE_DISTANCE_PX = 6.0
MIN_KEEP_GAIN = 150.0


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
        camera: How the view moved and what it has shown; None where nobody watches.
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
    camera: Snapshot | None = None


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
def redundant(
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


@torch.no_grad()
def births(
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
