"""Where imagination may start: every object that was ever followed, wherever it was.

A bank entry is one moment of one real episode. Imagined scenes either replay a moment (all its
objects and its background) or recombine objects and backgrounds of different episodes.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from world_models.depth import back_to_front
from world_models.slots import Slots, is_double

MIN_AGE = 3


@dataclasses.dataclass(frozen=True)
class Bank:
    """Moments (M of them, K slots each) of real episodes, as the filter saw them.

    ``valid`` slots hold an object that has been followed for a while and is no double of an older
    one; every moment has at least one. ``order`` lists slots from the hindmost to the foremost.
    """

    where: Float[Tensor, "M K w"]
    velocity: Float[Tensor, "M K 2"]
    hidden: Float[Tensor, "M K G"]
    what: Float[Tensor, "M K D"]
    valid: Bool[Tensor, "M K"]
    order: Int[Tensor, "M K"]
    z_bg: Float[Tensor, "M E"]

    def draw(self, batch: int, recombine: bool, rng: torch.Generator) -> "Bank":
        """Draws start moments: replayed, or recombined from different ones.

        A recombined scene keeps how many objects its moment had; each object then comes from a
        moment of its own, and so does the background.
        """
        device = self.valid.device
        moments = torch.randint(len(self.valid), (batch,), generator=rng, device=device)
        drawn = Bank(*(getattr(self, f.name)[moments] for f in dataclasses.fields(self)))
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
        )


def gather(history: list[Slots]) -> Bank:
    """All moments in which at least one object has been followed for `MIN_AGE` frames.

    Raises:
        ValueError: There is no such moment.
    """
    moments = []
    for slots in history:
        double = is_double(slots.where.loc, slots.alive, slots.age)
        valid = (slots.alive > 0) & (slots.unseen == 0) & (slots.age >= MIN_AGE) & ~double
        where, what = slots.where.loc, slots.what.loc
        order = back_to_front(slots.front)
        parts = (where, slots.velocity, slots.hidden, what, valid, order, slots.z_bg)
        moments.append([p[valid.any(-1)] for p in parts])
    bank = Bank(*(torch.cat(parts) for parts in zip(*moments, strict=True)))
    if len(bank.valid) == 0:
        raise ValueError(
            "the world model found no object that it could follow for 3 frames; give it more "
            "real_frames or more static_steps"
        )
    return bank
