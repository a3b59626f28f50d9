"""When an object is born, and which find is a hidden object come back."""

import dataclasses
import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from world_models.air.frame.discovery import Found, discover, gain
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.doubles import PAIR_COST, doubles, take_over
from world_models.air.objects.slots import LOGIT_LIMIT, Slots
from world_models.blocks.distributions import Gaussian

MIN_BIRTH_GAIN = 300.0
"""Nats that a new object must explain."""
RETURN_PX = 5.0
RETURN_PX_PER_FRAME = 1.0
"""How far from where a hidden object was expected a find may be and still be that object."""


@torch.no_grad()
def births(
    model: SceneModel,
    slots: Slots,
    layers: Float[Tensor, "B K c H W"],
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    canvas: Float[Tensor, "B C H W"],
    sigma: float,
    partly: Bool[Tensor, "B K"] | None = None,
) -> tuple[Slots, Float[Tensor, "B C H W"]]:
    """One more object per frame, if the frame clearly asks for it and there is a slot to hold it.

    A find near a hidden object is that object come back, and keeps its identity. Else it takes a
    free slot, or that of the object that has been hidden longest. If an object is ``partly``
    hidden where it is expected, a find is but the part of it that shows: it stays as it is. Where
    the neighbour of a find explains as much once it looks again (`doubles`), the find is a part
    of it, too.

    Args:
        model: The networks.
        slots: What is believed of the objects that were known before.
        layers: What these draw.
        frame: The frame.
        background: Its background.
        canvas: What all of it looks like.
        sigma: Scale of the pixel likelihood.
        partly: Which objects are partly hidden.

    Returns:
        What is believed now, and what that looks like.
    """
    found = discover(model, frame, background, 1, 1.0, canvas=canvas)
    gained = gain(frame, canvas, found.canvas, sigma)
    born = (gained > MIN_BIRTH_GAIN) & (found.presence[:, 0] > 0)
    known = _returns(slots, found)
    back = known.any(-1)
    free = torch.where(slots.alive > 0, slots.unseen, slots.unseen.new_tensor(math.inf))
    choice = torch.where(back[:, None], known.float(), free)
    born = born & (choice.amax(-1) > 0)
    place = torch.zeros_like(slots.alive)
    place.scatter_(1, choice.argmax(-1, keepdim=True), born[:, None].float())
    new = place * ~back[:, None]
    fills = place > 0
    if partly is not None:
        stays = fills & (new == 0) & partly
        slots = dataclasses.replace(slots, unseen=torch.where(stays, 0.0, slots.unseen))
        fills = fills & ~stays
    new = new > 0
    if bool(new.any()):
        own = model.place(model.decode_what(found.what), found.where)
        layers = torch.where(new[:, :, None, None, None], own, layers)
        after = _put(slots, found, fills, new)
        after = dataclasses.replace(after, alive=after.alive * (after.unseen == 0))
        tested = doubles(model, after, layers, frame, background, sigma, new)
        part = new & (tested.gained < PAIR_COST)
        slots, fills, new = take_over(slots, tested, part), fills & ~part, new & ~part
        born = born & ~part.any(-1)
    slots = _put(slots, found, fills, new)
    return slots, torch.where(born[:, None, None, None], found.canvas, canvas)


def _returns(slots: Slots, found: Found) -> Bool[Tensor, "B K"]:
    """Which hidden object a find is: the nearest within reach, if there is one."""
    distance = (slots.where.loc[..., :2] - found.where[..., :2]).norm(dim=-1)
    hidden = (slots.alive > 0) & (slots.unseen > 0)
    distance = torch.where(hidden, distance, math.inf)
    reach = RETURN_PX + RETURN_PX_PER_FRAME * slots.unseen
    nearest = torch.zeros_like(hidden).scatter_(1, distance.argmin(-1, keepdim=True), True)
    return nearest & (distance < reach)


def _put(
    slots: Slots, found: Found, place: Bool[Tensor, "B K"], new: Bool[Tensor, "B K"]
) -> Slots:
    """Puts finds in their places; those that are ``new`` begin without a past."""

    def put(old: Tensor, value: Tensor | float, where: Bool[Tensor, "B K"] = place) -> Tensor:
        value = torch.as_tensor(value, dtype=old.dtype, device=old.device)
        return torch.where(where.view(*where.shape, *[1] * (old.dim() - 2)), value, old)

    def put_both(old: Gaussian, value: Gaussian) -> Gaussian:
        return Gaussian(put(old.loc, value.loc), put(old.scale, value.scale))

    pairs = new[:, :, None] | new[:, None, :]
    return dataclasses.replace(
        slots,
        where=put_both(slots.where, found.where_posterior),
        velocity=put(slots.velocity, 0.0, new),
        hidden=put(slots.hidden, 0.0, new),
        what=put_both(slots.what, found.what_posterior),
        logits=put(slots.logits, found.logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)),
        alive=put(slots.alive, 1.0),
        age=put(slots.age, 1.0, new),
        unseen=put(slots.unseen, 0.0),
        visible=put(slots.visible, 1.0),
        front=torch.where(pairs, 0.0, slots.front),
        needed=put(slots.needed, 0.0),
        id=put(slots.id, slots.next_id[:, None].expand_as(slots.id), new),
        next_id=slots.next_id + new.any(-1).long(),
    )
