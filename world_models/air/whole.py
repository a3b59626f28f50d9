"""Which sights show objects whole: what ends at a bar or at the view's edge may go on behind it.

Who sees half a digit describes half a digit, sure that it sees all of it. Frames before and after
tell better: there the same object was larger.
"""

import dataclasses
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from world_models.air.crops import backdrop
from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.slots import Slots
from world_models.air.outlines import RIM, clear
from world_models.base import Posterior
from world_models.blocks.glimpse import read_glimpse

SHUT = 0.5
"""From this on a bar lets nothing be seen."""
UNKNOWN = 0.5
"""Share that is seen of an object that is cut off and was never seen whole."""


@torch.no_grad()
def whole(
    scene: SceneModel, slots: Slots, canvas: bool
) -> tuple[Bool[Tensor, "B K"], Float[Tensor, "B K 1"]]:
    """Objects that are `clear` and end within what can be seen; and the areas of all boxes.

    Args:
        scene: Draws objects and backgrounds.
        slots: What is believed after a frame.
        canvas: Whether backgrounds are those that were gathered pixel by pixel.

    Returns:
        Who is seen whole, and areas in pixels, at least 1.
    """
    where = slots.where.loc
    height, width = scene.frame_shape[1:]
    bars = scene.bars(backdrop(scene, slots, canvas))
    room = where.new_ones(len(where), height, width) if bars is None else 1 - bars
    room = room[:, None, None].expand(-1, where.shape[1], -1, -1, -1).flatten(0, 1)
    free = read_glimpse(room, where.flatten(0, 1), scene.GLIMPSE)
    alpha = scene.decode_what(slots.what.loc)[:, :, -1]
    reach = F.max_pool2d((alpha > RIM).to(alpha.dtype).flatten(0, 1)[:, None], 3, 1, 1)
    cut = (reach * (1 - free)).amax((1, 2, 3)) > SHUT
    extent = mask_extent(alpha)
    size = (extent[..., 2:] - extent[..., :2]) * where[..., 2:].exp()
    area = size.prod(-1, keepdim=True).clamp(min=1)
    return clear(slots) & ~cut.view(slots.alive.shape), area


class Around(NamedTuple):
    """For each frame the ones around it (itself included) in which the same object is known.

    Where there is only one, that is both of them; where there is none, they are -1.
    """

    before: Int[Tensor, "T B K"]
    after: Int[Tensor, "T B K"]

    @classmethod
    def of(cls, known: Bool[Tensor, "T B K"], identity: Int[Tensor, "T B K"]) -> "Around":
        """Frames around each; an object keeps its slot and its identity."""
        number = len(known)
        time = torch.arange(number, device=known.device)
        fits = known[None] & (identity[None] == identity[:, None])
        earlier = (time[None] <= time[:, None])[..., None, None]
        later = (time[None] >= time[:, None])[..., None, None]
        when = time[None, :, None, None]
        before = torch.where(fits & earlier, when, -1).amax(1)
        after = torch.where(fits & later, when, number).amin(1)
        after = torch.where(after < number, after, before)
        return cls(torch.where(before >= 0, before, after), after)

    @property
    def nearest(self) -> Int[Tensor, "T B K"]:
        """The nearer of both."""
        time = torch.arange(len(self.before), device=self.before.device)[:, None, None]
        first = (time - self.before).abs() <= (self.after - time).abs()
        return torch.where(first, self.before, self.after)

    def between(self, x: Float[Tensor, "T B K d"]) -> Float[Tensor, "T B K d"]:
        """What it was before and is after, weighed by time; as it is where nobody knows."""
        time = torch.arange(len(x), device=x.device)[:, None, None]
        weight = (time - self.before) / (self.after - self.before).clamp(min=1)
        first, last = (x.gather(0, t.clamp(min=0)[..., None].expand(x.shape)) for t in self)
        found = torch.lerp(first, last, weight.clamp(0, 1)[..., None])
        return torch.where((self.before >= 0)[..., None], found, x)


def judged(scene: SceneModel, history: Posterior, canvas: bool) -> Posterior:
    """The same, where of objects that are cut off less is visible than of their whole sights.

    Arguments as of `whole`; ``history`` is what was believed after each frame.
    """
    belief = history.belief
    seen = [whole(scene, slots, canvas) for slots in belief]
    known, area = (torch.stack(parts) for parts in zip(*seen, strict=True))
    cut = torch.stack([clear(slots) for slots in belief]) & ~known
    around = Around.of(known, torch.stack([slots.id for slots in belief]))
    share = (area / around.between(area))[..., 0].clamp(max=1)
    share = torch.where(cut, torch.where(around.before >= 0, share, UNKNOWN), 1.0)
    return dataclasses.replace(history, visible=history.visible * share.transpose(0, 1))
