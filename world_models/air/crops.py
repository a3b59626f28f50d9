"""What the windows of objects show: the frame, what is behind them, what hides them."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from world_models.air.frame.scene_model import SceneModel, to_float
from world_models.air.objects.depth import blend_others
from world_models.air.objects.slots import Slots
from world_models.blocks.glimpse import read_glimpse

EPISODES = 64
"""That are drawn at a time."""


@dataclasses.dataclass(frozen=True)
class Crops:
    """What windows (N) show.

    Attributes:
        frame: Of the frame.
        others: What would be there without the object.
        background: What would be there without any.
        clear: Where no other object is.
        area: Pixels of the frame that each pixel of a crop stands for.
    """

    frame: Float[Tensor, "N C g g"]
    others: Float[Tensor, "N C g g"]
    background: Float[Tensor, "N C g g"]
    clear: Float[Tensor, "N 1 g g"]
    area: Float[Tensor, " N"]

    def evidence(self) -> Float[Tensor, "N f"]:
        """What the encoder sees of each."""
        seen = torch.cat([self.frame - self.background, self.frame - self.others], 1)
        return 2 * seen.flatten(1)

    def some(self, rows: Tensor, turn: int) -> "Crops":
        """Some of them, in one of the eight symmetries of a square."""

        def turned(x: Tensor) -> Tensor:
            x = x[rows]
            if x.dim() < 4:
                return x
            x = x.flip(-1) if turn & 1 else x
            x = x.flip(-2) if turn & 2 else x
            return x.transpose(-1, -2) if turn & 4 else x

        return Crops(*(turned(getattr(self, f.name)) for f in dataclasses.fields(self)))


class Shown(NamedTuple):
    """Frames in [0, 1], their backgrounds, and where bars stand in front of objects, 0 to 1."""

    frame: Float[Tensor, "B C H W"]
    background: Float[Tensor, "B C H W"]
    bars: Float[Tensor, "B H W"] | None


def shown(scene: SceneModel, slots: Slots, frame: UInt8[Tensor, "B C H W"], canvas: bool) -> Shown:
    """What is seen in a frame of every episode.

    Args:
        scene: Draws backgrounds.
        slots: What is believed after that frame.
        frame: The frame.
        canvas: Whether backgrounds are those that were gathered pixel by pixel.
    """
    background = backdrop(scene, slots, canvas)
    return Shown(to_float(frame), background, scene.bars(background))


def backdrop(scene: SceneModel, slots: Slots, canvas: bool) -> Float[Tensor, "B C H W"]:
    """The background of every episode; arguments as of `shown`."""
    if canvas and slots.camera is not None:
        height, width = scene.frame_shape[1:]
        return slots.camera.backdrop().view((height, width))
    return scene.background.decode(slots.z_bg)


@torch.no_grad()
def look(
    scene: SceneModel,
    slots: Slots,
    chosen: Bool[Tensor, "B K"],
    where: Float[Tensor, "B K w"],
    seen: Shown,
) -> Crops:
    """What the windows ``where`` of the chosen slots show, some episodes at a time."""
    present, parts = slots.alive * (slots.unseen == 0), []
    sizes = [*[scene.frame_shape[0]] * 3, 1]
    for rows in chosen.any(-1).nonzero()[:, 0].split(EPISODES):  # of nothing, one part of nothing
        background, presence = seen.background[rows], present[rows]
        layers = scene.place(scene.decode_what(slots.what.loc[rows]), slots.where.loc[rows])
        others, _ = blend_others(background, layers, presence, slots.front[rows])
        clear = _clear(layers[:, :, -1] * presence[..., None, None])
        if seen.bars is not None:
            clear = clear * (1 - seen.bars[rows])[:, None]
        episode, slot = chosen[rows].nonzero(as_tuple=True)
        picture = [seen.frame[rows][episode], others[episode, slot], background[episode]]
        whole = torch.cat([*picture, clear[episode, slot][:, None]], 1)
        window = where[rows][episode, slot]
        crop = read_glimpse(whole, window, scene.GLIMPSE)
        area = window[:, [2, -1]].sum(-1).exp() / scene.GLIMPSE**2
        frame, without, behind, free = crop.split(sizes, 1)
        parts.append(Crops(frame, without, behind, free, area))
    return join(parts)


def _clear(alpha: Float[Tensor, "B K H W"]) -> Float[Tensor, "B K H W"]:
    """Where no other object covers what each covers."""
    own = torch.eye(alpha.shape[1], dtype=torch.bool, device=alpha.device)[:, :, None, None]
    return (1 - alpha[:, None]).masked_fill(own, 1.0).prod(2)


def join(parts: Sequence[Crops]) -> Crops:
    """All crops as one."""
    names = [f.name for f in dataclasses.fields(Crops)]
    return Crops(*(torch.cat([getattr(part, name) for part in parts]) for name in names))
