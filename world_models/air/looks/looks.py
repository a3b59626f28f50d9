"""What objects look like in dreams, frame by frame: one interface, and its simplest members."""

import abc
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


class Looks(nn.Module, abc.ABC):
    """How looks go on.

    Attributes:
        memory: What objects have looked like, if that is needed.
    """

    memory: Memory | None = None

    def keep(self, memory: Memory | None) -> None:
        """Keeps what objects have looked like; those that need none forget it."""

    @abc.abstractmethod
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
            rng: Draws what is open; without one nothing is drawn.
        """

    @abc.abstractmethod
    def advance(self, look: Look, rng: torch.Generator) -> Look:
        """Looks one frame later."""


class Frozen(Looks):
    """Nothing ever changes its looks; sizes follow the law of motion."""

    def begin(
        self,
        scene: SceneModel,
        what: Float[Tensor, "B K D"],
        row: Int[Tensor, "B K"],
        rng: torch.Generator | None,
    ) -> Look:
        """See `Looks.begin`."""
        glimpse = scene.decode_what(what)
        return Look(glimpse, mask_extent(glimpse[:, :, -1]), None, row, torch.ones_like(row))

    def advance(self, look: Look, rng: torch.Generator) -> Look:
        """See `Looks.advance`."""
        return look


class Replay(Frozen):
    """Each object walks to and fro along what a real one looked like, frame by frame."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures: tuple[Tensor, Tensor] | None = None

    def keep(self, memory: Memory | None) -> None:
        """Keeps the memory."""
        self.memory, self._pictures = memory, None

    def draw(self, scene: SceneModel) -> None:
        """Draws all that is remembered, once; afterwards pictures are only looked up."""
        if self.memory is None or self._pictures is not None:
            return
        glimpse = torch.cat([scene.decode_what(part) for part in self.memory.what.split(1024)])
        self._pictures = glimpse, self.memory.smooth(mask_extent(glimpse[:, -1]))

    def begin(
        self,
        scene: SceneModel,
        what: Float[Tensor, "B K D"],
        row: Int[Tensor, "B K"],
        rng: torch.Generator | None,
    ) -> Look:
        """See `Looks.begin`; either way along the track is as likely."""
        look = super().begin(scene, what, row, rng)
        if rng is None:
            return dataclasses.replace(look, row=torch.full_like(row, -1))
        self.draw(scene)
        sense = 2 * torch.randint(2, row.shape, generator=rng, device=rng.device) - 1
        return dataclasses.replace(look, sense=sense)

    def advance(self, look: Look, rng: torch.Generator) -> Look:
        """See `Looks.advance`; at the end of a track it turns round."""
        memory, pictures = self.memory, self._pictures
        known = look.row >= 0
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


LOOKS = {"replay": Replay, "frozen": Frozen}
