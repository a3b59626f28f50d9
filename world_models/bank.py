"""Where imagination may start: every object that was ever followed, wherever it was.

A bank entry is one moment of one real episode. Imagined scenes either replay a moment (all its
objects and its background) or recombine objects and backgrounds of different episodes.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MIN_AGE = 3
MIN_DISTANCE_PX = 4.0


@dataclasses.dataclass(frozen=True)
class Bank:
    """Moments (M of them, K slots each) of real episodes, as the filter saw them.

    ``valid`` slots hold an object that has been followed for a while and is no double of an older
    one; every moment has at least one.
    """

    where: Float[Tensor, "M K 3"]
    velocity: Float[Tensor, "M K 2"]
    hidden: Float[Tensor, "M K H"]
    what: Float[Tensor, "M K D"]
    valid: Bool[Tensor, "M K"]
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
            z_bg=self.z_bg[backgrounds],
        )


def is_double(
    where: Float[Tensor, "*b K 3"], alive: Float[Tensor, "*b K"], age: Float[Tensor, "*b K"]
) -> Bool[Tensor, "*b K"]:
    """Whether a slot sits on an older one: then both explain one object."""
    distance = (where[..., :, None, :2] - where[..., None, :, :2]).norm(dim=-1)
    num_slots = alive.shape[-1]
    index = torch.arange(num_slots, device=alive.device)
    age_here, age_there = age[..., :, None], age[..., None, :]
    older = (age_there > age_here) | ((age_there == age_here) & (index[None, :] < index[:, None]))
    return ((distance < MIN_DISTANCE_PX) & older & (alive[..., None, :] > 0)).any(-1)
