"""What objects looked like, frame by frame, along the tracks that the filter followed."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from world_models.air.objects.slots import Slots

CLEAR = 0.6
"""Share of an object that must be seen for its looks to be known."""
PASSES = 2
"""Of the mean over three frames."""


@dataclasses.dataclass(frozen=True)
class Memory:
    """Looks (N of them) in the order in which they were seen.

    Attributes:
        what: ``z_what``.
        side: Logarithms of the window's sides.
        before: Row of what the same object looked like a frame earlier; its own if nobody knows.
        after: The same a frame later.
    """

    what: Float[Tensor, "N D"]
    side: Float[Tensor, "N s"]
    before: Int[Tensor, " N"]
    after: Int[Tensor, " N"]

    def smooth(self, x: Float[Tensor, "N d"]) -> Float[Tensor, "N d"]:
        """What is measured of each look, less noisy: joined with what stands beside it in time."""
        for _ in range(PASSES):
            x = (x + x[self.before] + x[self.after]) / 3
        return x

    def as_dict(self) -> dict[str, Any]:
        """Plain tensors, to be saved."""
        return dataclasses.asdict(self)


def remember(history: Sequence[Slots]) -> tuple[Memory, Int[Tensor, "T B K"]]:
    """The looks of all objects that were well seen, and the row of each (-1: it was not)."""
    where, what = (
        torch.stack([getattr(s, name).loc for s in history]) for name in ("where", "what")
    )
    clear = torch.stack([(s.alive > 0) & (s.unseen == 0) & (s.visible > CLEAR) for s in history])
    identity = torch.stack([s.id for s in history])
    row = torch.where(clear, clear.flatten().cumsum(0).view(clear.shape) - 1, -1)
    same = clear[1:] & clear[:-1] & (identity[1:] == identity[:-1])
    before, after = row.clone(), row.clone()
    before[1:] = torch.where(same, row[:-1], row[1:])
    after[:-1] = torch.where(same, row[1:], row[:-1])
    memory = Memory(what[clear], where[..., 2:][clear], before[clear], after[clear])
    return dataclasses.replace(memory, side=memory.smooth(memory.side)), row
