"""What objects looked like, frame by frame, along the tracks that the filter followed."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from world_models.air.objects.slots import Slots
from world_models.air.whole import Around

PASSES = 2
"""Of the mean over three frames."""
LATER = 8
"""Looks and sizes are compared so many frames later."""
SAME_LOOKS, SAME_SIDES = 0.1, 0.05
"""What never changes is measured to differ by less: in the mean square of pictures, as a share of
their own, and in logarithms of sides (the median of objects)."""


class Sights(NamedTuple):
    """Objects that were seen whole, or were shortly before and after: frames, episodes, slots.

    ``known`` says which these are; ``picture`` is colour times alpha, then alpha, in the object's
    window; ``extent`` how far it reaches there (`world_models.air.frame.readout`).
    """

    known: Bool[Tensor, "T B K"]
    picture: Float[Tensor, "N c g g"]
    extent: Float[Tensor, "N 4"]


@dataclasses.dataclass(frozen=True)
class Memory:
    """Looks (N of them) in the order in which they were seen.

    Attributes:
        what: ``z_what``.
        picture: See `Sights`; of half precision, for there are many.
        extent: See `Sights`.
        side: Logarithms of the window's sides.
        before: Row of what the same object looked like a frame earlier; its own if nobody knows.
        after: The same a frame later.
    """

    what: Float[Tensor, "N D"]
    picture: Float[Tensor, "N c g g"]
    extent: Float[Tensor, "N 4"]
    side: Float[Tensor, "N s"]
    before: Int[Tensor, " N"]
    after: Int[Tensor, " N"]

    def step(self, row: Int[Tensor, "*n"], sense: Int[Tensor, "*n"]) -> Int[Tensor, "*n"]:
        """Rows one frame later (``sense`` 1) or earlier (-1)."""
        return torch.where(sense > 0, self.after[row], self.before[row])

    def end(self, sense: int) -> tuple[Int[Tensor, " N"], Int[Tensor, " N"]]:
        """The last row of each track in this sense, and how many frames away it is."""
        row = torch.arange(len(self.what), device=self.what.device)
        frames, way = torch.zeros_like(row), torch.full_like(row, sense)
        while bool((further := self.step(row, way)).ne(row).any()):
            frames += further != row
            row = further
        return row, frames

    def walk(
        self, row: Int[Tensor, " n"], sense: Int[Tensor, " n"], frames: int
    ) -> tuple[Int[Tensor, "n frames"], Bool[Tensor, "n frames"]]:
        """Rows of the next frames along each track, and whether it goes on so far.

        Args:
            row: Where each is.
            sense: 1: later frames, -1: earlier ones.
            frames: How many.
        """
        rows, known, going = [], [], torch.ones_like(row, dtype=torch.bool)
        for _ in range(frames):
            further = self.step(row, sense)
            going = going & (further != row)
            row = further
            rows.append(row)
            known.append(going)
        return torch.stack(rows, 1), torch.stack(known, 1)

    def changing(self) -> bool:
        """Whether looks or sizes change by more than they are measured wrongly.

        True, too, where no object was followed long enough to tell.
        """
        row = torch.arange(len(self.what), device=self.what.device)
        path, known = self.walk(row, torch.ones_like(row), LATER)
        now, later = row[known[:, -1]], path[known[:, -1], -1]
        if len(now) == 0:
            return True
        one, other = self.picture[now].float(), self.picture[later].float()
        looks = (one - other).square().mean((1, 2, 3)).median()
        sides = (self.side[now] - self.side[later]).abs().amax(-1).median()
        return bool((looks > SAME_LOOKS * one.square().mean()) | (sides > SAME_SIDES))

    def smooth(self, x: Float[Tensor, "N d"]) -> Float[Tensor, "N d"]:
        """What is measured of each look, less noisy: joined with what stands beside it in time."""
        for _ in range(PASSES):
            x = (x + x[self.before] + x[self.after]) / 3
        return x

    def as_dict(self) -> dict[str, Any]:
        """Plain tensors, to be saved."""
        return dataclasses.asdict(self)


def remember(history: Sequence[Slots], sights: Sights) -> tuple[Memory, Int[Tensor, "T B K"]]:
    """The looks of all objects that are known; the row next in time to each (-1: none)."""
    where, what = (
        torch.stack([getattr(s, name).loc for s in history]) for name in ("where", "what")
    )
    known = sights.known
    identity = torch.stack([s.id for s in history])
    row = torch.where(known, known.flatten().cumsum(0).view(known.shape) - 1, -1)
    same = known[1:] & known[:-1] & (identity[1:] == identity[:-1])
    before, after = row.clone(), row.clone()
    before[1:] = torch.where(same, row[:-1], row[1:])
    after[:-1] = torch.where(same, row[1:], row[:-1])
    memory = Memory(
        what[known],
        sights.picture.half(),
        sights.extent,
        where[..., 2:][known],
        before[known],
        after[known],
    )
    smooth = {name: memory.smooth(getattr(memory, name)) for name in ("extent", "side")}
    frame = Around.of(known, identity).nearest
    row = torch.where(frame >= 0, row.gather(0, frame.clamp(min=0)), -1)
    return dataclasses.replace(memory, **smooth), row
