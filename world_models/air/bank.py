"""Where imagination may start: every object that was ever followed, wherever it was.

A bank entry is one moment of one real episode. Imagined scenes either replay a moment (all its
objects and its background) or recombine objects and backgrounds of different episodes.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from envs.scene import WELL_VISIBLE
from world_models.air.background.canvas import Snapshot
from world_models.air.objects.depth import back_to_front
from world_models.air.objects.doubles import NEEDED_AT_MOST
from world_models.air.objects.slots import Slots

MIN_AGE = 3
MOST_CANVASES = 4000
DRAWS = 16
"""Draws of places for a recombined scene."""
UNUSUAL = 0.05
"""Share of real beginnings that those of dreams may not be like: objects nearer to each other,
targets less in view."""
FAR = 1e6


@dataclasses.dataclass(frozen=True)
class Bank:
    """Moments (M of them, K slots each) of real episodes, as the filter saw them.

    ``valid`` slots hold an object that has been followed for a while and is needed beyond doubt;
    every moment has at least one. ``shown`` ones are also well in view, so that a dream can have
    them as its target. ``row`` says where the memory of looks has each (-1: nowhere), ``count``
    how many objects are believed to be there, hidden ones included. ``order`` lists slots from
    the hindmost to the foremost; ``camera`` is None where nobody watches it. Where episodes begin
    objects are at least ``apart`` pixels from each other, and of targets a share of ``inside`` or
    more lies in the frame.
    """

    where: Float[Tensor, "M K w"]
    velocity: Float[Tensor, "M K 2"]
    hidden: Float[Tensor, "M K G"]
    what: Float[Tensor, "M K D"]
    valid: Bool[Tensor, "M K"]
    shown: Bool[Tensor, "M K"]
    row: Int[Tensor, "M K"]
    count: Int[Tensor, " M"]
    order: Int[Tensor, "M K"]
    z_bg: Float[Tensor, "M E"]
    camera: Snapshot | None = None
    apart: float = 0.0
    inside: float = WELL_VISIBLE

    def __getitem__(self, moments: Tensor) -> "Bank":
        """The chosen moments (indices or a mask over M)."""
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name, part in parts.items():
            parts[name] = part[moments] if isinstance(part, Tensor | Snapshot) else part
        return Bank(**parts)

    def as_dict(self) -> dict[str, Any]:
        """Plain tensors, to be saved."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(state: dict[str, Any]) -> "Bank":
        """Takes back what `as_dict` gave."""
        camera = state["camera"]
        return Bank(**{**state, "camera": Snapshot(**camera) if camera else None})

    def draw(
        self,
        batch: int,
        recombine: bool,
        rng: torch.Generator,
        more: int = 0,
        most: int | None = None,
    ) -> "Bank":
        """Draws start moments: replayed, or recombined from different ones.

        A recombined scene shows the objects of one moment, as they look beside each other, at
        places and with velocities that were seen at others, before a background of yet another.
        It has up to ``more`` objects of any other moments beside them, and ``most`` altogether, as
        far as there are slots.
        Scenes that happen to show nothing that could be followed are mended: another moment is
        replayed, or the first object exchanged.
        """
        device = self.valid.device
        moments = torch.randint(len(self.valid), (batch,), generator=rng, device=device)
        drawn = self[moments]
        if not recombine:
            empty = ~drawn.shown.any(-1)
            if not bool(empty.any()):
                return drawn
            good = self.shown.any(-1).nonzero()[:, 0]
            other = torch.randint(len(good), (batch,), generator=rng, device=device)
            return self[torch.where(empty, good[other], moments)]
        backgrounds = torch.randint(len(self.valid), (batch,), generator=rng, device=device)
        place = torch.arange(drawn.valid.shape[1], device=device)
        count = drawn.count
        if more:
            count = count + torch.randint(more + 1, (batch,), generator=rng, device=device)
        count = count.clamp(max=min(len(place), most or len(place)))
        there = place < count[:, None]
        moment, slot = self._places(there, rng)
        # Who would be in front of whom nobody knows: they have never met.
        order = torch.rand(slot.shape, generator=rng, device=device).argsort(-1)
        empty = ~(there & self.shown[moment, slot]).any(-1)
        if bool(empty.any()):
            good, its = self.shown.nonzero(as_tuple=True)
            other = torch.randint(len(good), (batch,), generator=rng, device=device)[:, None]
            first = (there.cumsum(-1) == 1) & empty[:, None]
            moment = torch.where(first, good[other], moment)
            slot = torch.where(first, its[other], slot)
        here, who = self._looks(moments, slot.shape, more > 0, rng)
        side = self.where[here, who][..., 2:]
        return dataclasses.replace(
            drawn,
            where=torch.cat([self.where[moment, slot][..., :2], side], -1),
            velocity=self.velocity[moment, slot],
            hidden=self.hidden[moment, slot],
            what=self.what[here, who],
            valid=there,
            count=count,
            shown=there & self.shown[moment, slot],
            row=self.row[here, who],
            order=order,
            z_bg=self.z_bg[backgrounds],
            camera=self.camera[backgrounds] if self.camera else None,
        )

    def _looks(
        self, moments: Int[Tensor, " B"], shape: torch.Size, strangers: bool, rng: torch.Generator
    ) -> tuple[Int[Tensor, "B K"], Int[Tensor, "B K"]]:
        """Moment and slot from which each object has its looks: those of one moment together.

        With ``strangers`` those beyond the number of that moment are from anywhere.
        """
        device, place = moments.device, torch.arange(shape[1], device=moments.device)
        valid = self.valid[moments]
        # Who is there first, in any order; where looks are not known one object lends them twice.
        chance = torch.rand(shape, generator=rng, device=device)
        who = (chance - 2 * valid.to(chance.dtype)).argsort(-1)
        who = who.gather(-1, place.remainder(valid.sum(-1, keepdim=True)))
        here = moments[:, None].expand_as(who)
        if strangers:
            pairs = self.valid.nonzero()
            other = pairs[torch.randint(len(pairs), shape, generator=rng, device=device)]
            beyond = place >= self.count[moments][:, None]
            here = torch.where(beyond, other[..., 0], here)
            who = torch.where(beyond, other[..., 1], who)
        return here, who

    def _places(
        self, there: Bool[Tensor, "B K"], rng: torch.Generator
    ) -> tuple[Int[Tensor, "B K"], Int[Tensor, "B K"]]:
        """Moment and slot from which each object has its place and velocity.

        Of some draws the first is taken in which objects are as far apart as real ones are where
        episodes begin, or the one that comes nearest to it: later they meet by themselves.
        """
        moment, slot = self.valid.nonzero(as_tuple=True)
        shape = (DRAWS, *there.shape)
        picks = torch.randint(len(moment), shape, generator=rng, device=there.device)
        moment, slot = moment[picks], slot[picks]
        nearest = _distances(self.where[moment, slot], there).amin((-2, -1))
        best = nearest.clamp(max=self.apart).argmax(0)
        scene = torch.arange(len(there), device=there.device)
        return moment[best, scene], slot[best, scene]


def _distances(
    where: Float[Tensor, "*n K w"], there: Bool[Tensor, "*#n K"]
) -> Float[Tensor, "*n K K"]:
    """From each object to each other, pixels; `FAR` if one is not there, and to itself."""
    xy = where[..., :2]
    apart = (xy[..., :, None, :] - xy[..., None, :, :]).norm(dim=-1)
    other = ~torch.eye(xy.shape[-2], dtype=torch.bool, device=xy.device)
    return torch.where(there[..., :, None] & there[..., None, :] & other, apart, FAR)


def moment(
    slots: Slots,
    valid: Bool[Tensor, "B K"],
    shown: Bool[Tensor, "B K"],
    row: Int[Tensor, "B K"] | None = None,
) -> Bank:
    """One moment of every scene, with the objects that are valid, and those in view."""
    return Bank(
        where=slots.where.loc,
        velocity=slots.velocity,
        hidden=slots.hidden,
        what=slots.what.loc,
        valid=valid,
        shown=shown,
        row=torch.full_like(slots.id, -1) if row is None else row,
        count=(slots.alive > 0).sum(-1),
        order=back_to_front(slots.front),
        z_bg=slots.z_bg,
        camera=slots.camera,
    )


def gather(
    history: list[Slots],
    inside: Float[Tensor, "B T K"],
    row: Int[Tensor, "T B K"],
    first: Float[Tensor, " B"],
) -> Bank:
    """All moments in which an object has been followed for `MIN_AGE` frames; there may be none.

    Where episodes are shorter than that, for as many as they have. Objects that were never seen
    whole are left out, unless that is all of them.

    Args:
        history: What was believed after each frame.
        inside: Share of each object's box that lies in the frame, as a dream will have it.
        row: Where the memory of looks has each object.
        first: Share of each episode's first box that lies in the frame; NaN if there is none.
    """
    moments: list[Bank] = []
    min_age = min(MIN_AGE, len(history))
    # Canvases are large: of many moments every n-th is kept.
    stride = 1
    if history[0].camera is not None:
        stride = max(1, len(history) * len(history[0].alive) // MOST_CANVASES)
    nobody = not bool((row >= 0).any())
    for slots, share, rows in list(zip(history, inside.unbind(1), row, strict=True))[::-stride][
        ::-1
    ]:
        sure = slots.needed >= NEEDED_AT_MOST
        valid = (slots.alive > 0) & (slots.unseen == 0) & (slots.age >= min_age) & sure
        valid &= (rows >= 0) | nobody
        shown = valid & (share > WELL_VISIBLE)
        moments.append(moment(slots, valid, shown, rows)[valid.any(-1)])
    usual = _usual(first[first.isfinite()], WELL_VISIBLE)
    return dataclasses.replace(_join(moments), apart=_apart(history), inside=usual)


def _apart(history: list[Slots]) -> float:
    """How far objects are from each other where episodes begin, pixels; 0 if there are no two."""
    first, later = history[0], history[min(MIN_AGE, len(history) - 1)]
    same = (first.alive > 0) & (later.alive > 0) & (first.id == later.id)
    found = _distances(first.where.loc, same & (later.needed >= NEEDED_AT_MOST))
    return _usual(found[found < FAR], 0.0)


def _usual(found: Float[Tensor, " n"], otherwise: float) -> float:
    """What all but `UNUSUAL` ones reach; if there are none, something else."""
    return float(found.quantile(UNUSUAL)) if len(found) else otherwise


def _join(parts: Sequence[Any]) -> Any:
    """Banks, or snapshots, of consecutive moments as one."""
    joined: list[Any] = []
    for field in dataclasses.fields(parts[0]):
        values = [getattr(part, field.name) for part in parts]
        if values[0] is None or isinstance(values[0], float):
            joined.append(values[0])
        else:
            joined.append(torch.cat(values) if isinstance(values[0], Tensor) else _join(values))
    return type(parts[0])(*joined)
