"""Looks that go on as real ones did: every imagined object walks along a real track."""

import dataclasses

import torch
from jaxtyping import Int
from torch import Tensor

from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.base import Look, Looks
from world_models.air.looks.memory import Memory


class Replay(Looks):
    """Each object walks to and fro along what a real one looked like, frame by frame.

    It begins towards the farther end of the track: who turns round soon changes too little.
    """

    _longer: Int[Tensor, " N"]

    def keep(self, memory: Memory | None) -> None:
        """See `Looks.keep`."""
        super().keep(memory)
        if memory is not None:
            self._longer = memory.left(1) - memory.left(-1)

    def _remembered(self, look: Look, rng: torch.Generator) -> Look:
        """See `Looks.begin`."""
        if self.memory is None or len(self.memory.what) == 0:
            return look
        longer = self._longer[look.row.clamp(min=0)].sign()
        sense = torch.where(longer == 0, look.sense, longer)
        return self._shown(dataclasses.replace(look, sense=sense))

    def advance(self, scene: SceneModel, look: Look) -> Look:
        """See `Looks.advance`; at the end of a track it turns round."""
        memory = self.memory
        if memory is None:
            return look
        row = look.row.clamp(min=0)
        ends = memory.step(row, look.sense) == row
        sense = torch.where(ends, -look.sense, look.sense)
        row = torch.where(look.row >= 0, memory.step(row, sense), -1)
        return self._shown(dataclasses.replace(look, row=row, sense=sense))

    def _shown(self, look: Look) -> Look:
        """As the memory has it at its rows; elsewhere it stays."""
        memory, known = self.memory, look.row >= 0
        if memory is None or not bool(known.any()):
            return look
        row = look.row[known]
        glimpse, extent = look.glimpse.clone(), look.extent.clone()
        glimpse[known], extent[known] = memory.picture[row].float(), memory.extent[row]
        side = memory.side[look.row.clamp(min=0)]
        return dataclasses.replace(look, glimpse=glimpse, extent=extent, side=side)
