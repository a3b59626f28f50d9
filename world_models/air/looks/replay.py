"""Looks that go on as real ones did: every imagined object walks along a real track."""

import dataclasses

import torch

from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.base import Look, Looks


class Replay(Looks):
    """Each object walks to and fro along what a real one looked like, frame by frame."""

    def _remembered(self, look: Look, rng: torch.Generator) -> Look:
        """See `Looks.begin`."""
        return self._shown(look)

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
