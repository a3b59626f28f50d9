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

from world_models.air.background.canvas import Snapshot
from world_models.air.objects.depth import back_to_front
from world_models.air.objects.doubles import NEEDED_AT_MOST
from world_models.air.objects.slots import Slots

MIN_AGE = 3
MOST_CANVASES = 4000


@dataclasses.dataclass(frozen=True)
class Bank:
    """Moments (M of them, K slots each) of real episodes, as the filter saw them.

    ``valid`` slots hold an object that has been followed for a while and is needed beyond doubt;
    every moment has at least one. ``order`` lists slots from the hindmost to the foremost;
    ``camera`` is None where nobody watches it.
    """

    where: Float[Tensor, "M K w"]
    velocity: Float[Tensor, "M K 2"]
    hidden: Float[Tensor, "M K G"]
    what: Float[Tensor, "M K D"]
    valid: Bool[Tensor, "M K"]
    order: Int[Tensor, "M K"]
    z_bg: Float[Tensor, "M E"]
    camera: Snapshot | None = None

    def __getitem__(self, moments: Tensor) -> "Bank":
        """The chosen moments (indices or a mask over M)."""
        parts: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            part = getattr(self, field.name)
            parts[field.name] = None if part is None else part[moments]
        return Bank(**parts)

    def as_dict(self) -> dict[str, Any]:
        """Plain tensors, to be saved."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(state: dict[str, Any]) -> "Bank":
        """Takes back what `as_dict` gave."""
        camera = state.get("camera")
        return Bank(**{**state, "camera": Snapshot(**camera) if camera else None})

    def draw(self, batch: int, recombine: bool, rng: torch.Generator) -> "Bank":
        """Draws start moments: replayed, or recombined from different ones.

        A recombined scene keeps how many objects its moment had; each object then comes from a
        moment of its own, and so does the background.
        """
        device = self.valid.device
        moments = torch.randint(len(self.valid), (batch,), generator=rng, device=device)
        drawn = self[moments]
        if not recombine:
            return drawn
        moment, slot = self.valid.nonzero(as_tuple=True)
        picks = torch.randint(len(moment), drawn.valid.shape, generator=rng, device=device)
        moment, slot = moment[picks], slot[picks]
        backgrounds = torch.randint(len(self.valid), (batch,), generator=rng, device=device)
        return Bank(
            where=self.where[moment, slot],
            velocity=self.velocity[moment, slot],
            hidden=self.hidden[moment, slot],
            what=self.what[moment, slot],
            valid=drawn.valid,
            # Who would be in front of whom nobody knows: they have never met.
            order=torch.rand(picks.shape, generator=rng, device=device).argsort(-1),
            z_bg=self.z_bg[backgrounds],
            camera=self.camera[backgrounds] if self.camera else None,
        )


def moment(slots: Slots, valid: Bool[Tensor, "B K"]) -> Bank:
    """One moment of every scene, with the objects that are valid."""
    return Bank(
        where=slots.where.loc,
        velocity=slots.velocity,
        hidden=slots.hidden,
        what=slots.what.loc,
        valid=valid,
        order=back_to_front(slots.front),
        z_bg=slots.z_bg,
        camera=slots.camera,
    )


def gather(history: list[Slots]) -> Bank:
    """All moments in which at least one object has been followed for `MIN_AGE` frames.

    Where episodes are shorter than that, for as many as they have.

    Raises:
        ValueError: There is no such moment.
    """
    moments: list[Bank] = []
    min_age = min(MIN_AGE, len(history))
    # Canvases are large: of many moments every n-th is kept.
    stride = 1
    if history[0].camera is not None:
        stride = max(1, len(history) * len(history[0].alive) // MOST_CANVASES)
    for slots in history[::-stride][::-1]:
        sure = slots.needed >= NEEDED_AT_MOST
        valid = (slots.alive > 0) & (slots.unseen == 0) & (slots.age >= min_age) & sure
        moments.append(moment(slots, valid)[valid.any(-1)])
    bank = _join(moments)
    if len(bank.valid) == 0:
        raise ValueError(
            "the world model found no object that it could follow for 3 frames; give it more "
            "real_frames or more static_steps"
        )
    return bank


def _join(parts: Sequence[Any]) -> Any:
    """Banks, or snapshots, of consecutive moments as one."""
    joined: list[Any] = []
    for field in dataclasses.fields(parts[0]):
        values = [getattr(part, field.name) for part in parts]
        if values[0] is None:
            joined.append(None)
        else:
            joined.append(torch.cat(values) if isinstance(values[0], Tensor) else _join(values))
    return type(parts[0])(*joined)
