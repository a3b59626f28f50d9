"""What objects look like in dreams, and how that goes on; here it does not."""

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
        glimpse: Each object's picture (colour times alpha, alpha) in its window; ask
            `Looks.pictures` for it.
        extent: Extent of each mask in its window, as fractions of it.
        side: Logarithms of the windows' sides where there is a row; elsewhere, and if it is None,
            the law of motion says them.
        row: Where in a `Memory` this is; -1: nowhere.
        sense: 1 where looks go on as they did, -1 where they go backwards.
        memory: What a learned law remembers of each; None where there is none.
    """

    glimpse: Float[Tensor, "B K c g g"]
    extent: Float[Tensor, "B K 4"]
    side: Float[Tensor, "B K s"] | None
    row: Int[Tensor, "B K"]
    sense: Int[Tensor, "B K"]
    memory: Float[Tensor, "B K m"] | None = None


class Looks(nn.Module):
    """Nothing ever changes its looks; sizes follow the law of motion. Others go on from there.

    Args:
        what_dim: Size of ``z_what``.
        sides: Sides per window, 1 or 2.
    """

    def __init__(self, what_dim: int, sides: int) -> None:
        super().__init__()
        self.memory: Memory | None = None

    def keep(self, memory: Memory | None) -> None:
        """Keeps what objects have looked like."""
        self.memory = memory

    def beginning(self, row: Int[Tensor, "B K"], rng: torch.Generator) -> Int[Tensor, "B K"]:
        """Rows of the same objects where dreams that are free to begin anywhere best begin."""
        return row

    def learn(self, steps: int, rng: torch.Generator) -> dict[str, float]:
        """Learns how what is kept went on, where that is to be learned."""
        return {}

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
        glimpse = scene.decode_what(what)
        extent = mask_extent(glimpse[:, :, -1])
        if rng is None:
            return Look(glimpse, extent, None, torch.full_like(row, -1), torch.ones_like(row))
        sense = 2 * torch.randint(2, row.shape, generator=rng, device=rng.device) - 1
        return self._remembered(Look(glimpse, extent, None, row, sense), rng)

    def _remembered(self, look: Look, rng: torch.Generator) -> Look:
        """The same, with what the memory tells of its rows."""
        return look

    def advance(self, scene: SceneModel, look: Look) -> Look:
        """Looks one frame later."""
        return look

    def pictures(
        self, look: Look, scene: Int[Tensor, " n"], slot: Int[Tensor, " n"]
    ) -> Float[Tensor, "n c g g"]:
        """What some objects look like: of each its imagined scene and its slot."""
        return look.glimpse[scene, slot]
