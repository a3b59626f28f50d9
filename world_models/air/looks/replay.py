"""Looks that go on as real ones did: every imagined object walks along a real track.

Where real looks do not change (`Memory.changing`) there is nothing to walk along but errors of
measurement: there each object keeps the look of one real moment.
"""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.base import Look, Looks
from world_models.air.looks.memory import Memory


class Replay(Looks):
    """Each object walks to and fro along what a real one looked like, frame by frame.

    It begins towards the farther end of the track: who turns round soon changes too little.
    """

    _longer: Int[Tensor, " N"]
    _ends: Int[Tensor, "2 N"]
    _changing: bool

    def keep(self, memory: Memory | None) -> None:
        """See `Looks.keep`."""
        super().keep(memory if memory is not None and len(memory.what) else None)
        if self.memory is not None:
            (begin, since), (end, left) = self.memory.end(-1), self.memory.end(1)
            self._ends, self._longer = torch.stack([begin, end]), left - since
            self._changing = self.memory.changing()

    def beginning(self, row: Int[Tensor, "B K"], rng: torch.Generator) -> Int[Tensor, "B K"]:
        """An end of each track: who walks along all of it changes as much as real ones did."""
        if self.memory is None:
            return row
        end = torch.randint(2, row.shape, generator=rng, device=row.device)
        return torch.where(row >= 0, self._ends[end, row.clamp(min=0)], -1)

    def _remembered(self, look: Look, rng: torch.Generator) -> Look:
        """See `Looks.begin`."""
        if self.memory is None:
            return look
        longer = self._longer[look.row.clamp(min=0)].sign()
        sense = torch.where(longer == 0, look.sense, longer)
        return _shown(self.memory, dataclasses.replace(look, sense=sense))

    def advance(self, scene: SceneModel, look: Look) -> Look:
        """See `Looks.advance`; at the end of a track it turns round."""
        memory = self.memory
        if memory is None or not self._changing:
            return look
        row = look.row.clamp(min=0)
        ends = memory.step(row, look.sense) == row
        sense = torch.where(ends, -look.sense, look.sense)
        row = torch.where(look.row >= 0, memory.step(row, sense), -1)
        return _shown(memory, dataclasses.replace(look, row=row, sense=sense))

    def pictures(
        self, look: Look, scene: Int[Tensor, " n"], slot: Int[Tensor, " n"]
    ) -> Float[Tensor, "n c g g"]:
        """See `Looks.pictures`; fetched from the memory only here, for pictures are large."""
        if self.memory is None:
            return look.glimpse[scene, slot]
        row = look.row[scene, slot]
        pictures = self.memory.picture[row.clamp(min=0)].float()
        unknown = (row < 0).nonzero()[:, 0]
        pictures[unknown] = look.glimpse[scene[unknown], slot[unknown]]
        return pictures


def _shown(memory: Memory, look: Look) -> Look:
    """As large as the memory has it at its rows; elsewhere it stays."""
    row = look.row.clamp(min=0)
    known = (look.row >= 0)[..., None]
    extent = torch.where(known, memory.extent[row], look.extent)
    return dataclasses.replace(look, extent=extent, side=memory.side[row])
