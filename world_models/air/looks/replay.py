"""Looks that go on as real ones did: every imagined object walks along a real track."""

import torch
from torch import Tensor

from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.base import Look, Looks
from world_models.air.looks.memory import Memory


class Replay(Looks):
    """Each object walks to and fro along what a real one looked like, frame by frame."""

    def __init__(self, what_dim: int, sides: int) -> None:
        super().__init__(what_dim, sides)
        self._pictures: tuple[Tensor, Tensor] | None = None

    def keep(self, memory: Memory | None) -> None:
        """See `Looks.keep`."""
        super().keep(memory)
        self._pictures = None

    @torch.no_grad()
    def draw(self, scene: SceneModel) -> None:
        """See `Looks.draw`: once, and then pictures are only looked up."""
        if self.memory is not None and self._pictures is None:
            parts = self.memory.what.split(1024)
            glimpse = torch.cat([scene.decode_what(part) for part in parts])
            self._pictures = glimpse, self.memory.smooth(mask_extent(glimpse[:, -1]))

    def advance(self, scene: SceneModel, look: Look) -> Look:
        """See `Looks.advance`; at the end of a track it turns round."""
        memory, pictures, known = self.memory, self._pictures, look.row >= 0
        if memory is None or pictures is None or not bool(known.any()):
            return look
        row = look.row.clamp(min=0)
        ways = torch.stack([memory.before[row], memory.after[row]], -1)

        def step(sense: Tensor) -> Tensor:
            return ways.gather(-1, (sense[..., None] > 0).long())[..., 0]

        sense = torch.where(step(look.sense) == row, -look.sense, look.sense)
        row = step(sense)
        glimpse, extent = pictures
        return Look(
            glimpse=torch.where(known[..., None, None, None], glimpse[row], look.glimpse),
            extent=torch.where(known[..., None], extent[row], look.extent),
            side=memory.side[row],
            row=torch.where(known, row, -1),
            sense=sense,
        )
