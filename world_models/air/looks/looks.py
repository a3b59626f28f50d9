"""What objects look like in dreams: as they did at first, or changing as real ones do."""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.memory import Memory


@dataclasses.dataclass(frozen=True)
class Look:
    """What imagined objects look like now.

    Attributes:
        glimpse: Each object's picture (colour times alpha, alpha) in its window.
        extent: Extent of each mask in its window, as fractions of it.
        side: Logarithms of the windows' sides where there is a row; elsewhere, and if it is None,
            the law of motion says them.
        row: Where in a `Memory` this is; -1: nowhere.
        sense: 1 where looks go on as they did, -1 where they go backwards.
    """

    glimpse: Float[Tensor, "B K c g g"]
    extent: Float[Tensor, "B K 4"]
    side: Float[Tensor, "B K s"] | None
    row: Int[Tensor, "B K"]
    sense: Int[Tensor, "B K"]


class Looks(nn.Module):
    """Nothing ever changes its looks; sizes follow the law of motion. Others go on from there."""

    def __init__(self) -> None:
        super().__init__()
        self.memory: Memory | None = None

    def keep(self, memory: Memory | None) -> None:
        """Keeps what objects have looked like."""
        self.memory = memory

    def draw(self, scene: SceneModel) -> None:
        """Draws what is remembered, where that is needed."""

    def begin(
        self,
        scene: SceneModel,
        what: Float[Tensor, "B K D"],
        row: Int[Tensor, "B K"],
        rng: torch.Generator | None,
    ) -> Look:
        """Looks at the start of dreams.

        Args:
            scene: Draws objects.
            what: ``z_what`` of each.
            row: Where the memory has it; -1: nowhere.
            rng: Draws which way looks go on, either as likely; without one they stay.
        """
        self.draw(scene)
        glimpse = scene.decode_what(what)
        sense = torch.ones_like(row)
        if rng is None:
            row = torch.full_like(row, -1)
        else:
            sense = 2 * torch.randint(2, row.shape, generator=rng, device=rng.device) - 1
        return Look(glimpse, mask_extent(glimpse[:, :, -1]), None, row, sense)

    def advance(self, look: Look) -> Look:
        """Looks one frame later."""
        return look


class Replay(Looks):
    """Each object walks to and fro along what a real one looked like, frame by frame."""

    def __init__(self) -> None:
        super().__init__()
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

    def advance(self, look: Look) -> Look:
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


LOOKS = {"replay": Replay, "frozen": Looks}
