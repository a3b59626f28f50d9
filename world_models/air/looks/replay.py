"""Looks that go on as real ones did: every imagined object walks along a real track."""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.base import Look, Looks


class Replay(Looks):
    """Each object walks to and fro along what a real one looked like, frame by frame."""

    def begin(
        self,
        scene: SceneModel,
        what: Float[Tensor, "B K D"],
        row: Int[Tensor, "B K"],
        rng: torch.Generator | None,
    ) -> Look:
        """See `Looks.begin`."""
        return self._shown(super().begin(scene, what, row, rng))

    def advance(self, scene: SceneModel, look: Look) -> Look:
        """See `Looks.advance`; at the end of a track it turns round."""
        memory = self.memory
        if memory is None:
            return look
        row = look.row.clamp(min=0)
        ways = torch.stack([memory.before[row], memory.after[row]], -1)

        def step(sense: Tensor) -> Tensor:
            return ways.gather(-1, (sense[..., None] > 0).long())[..., 0]

        sense = torch.where(step(look.sense) == row, -look.sense, look.sense)
        row = torch.where(look.row >= 0, step(sense), -1)
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
