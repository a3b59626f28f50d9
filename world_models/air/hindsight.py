"""Episodes seen once more, when all of their frames are known: what dreams are made of.

A filter never looks ahead. Whoever looks back knows better where an object was and how fast, and
need not take for its looks the mean of what it looked like so far.
"""

import dataclasses

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from world_models.air.crops import Crops, Shown, join, look, shown
from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.history import tracks
from world_models.air.looks.memory import Sights
from world_models.air.objects.slots import Slots
from world_models.air.outlines import INK, clear, ink, pictures
from world_models.air.sharpening import MOST_CROPS, VERSIONS, cut
from world_models.base import Posterior

WHOLE, ALONE = 0.9, 0.8
"""Share of an object, and of its window, that must be free for one frame to tell ``z_what``."""


def crops(
    scene: SceneModel,
    belief: list[Slots],
    frames: UInt8[Tensor, "B T C H W"],
    canvas: bool,
    rng: torch.Generator,
) -> Crops | None:
    """What windows of all objects show that were well seen; None if there was none.

    Args:
        scene: Draws objects and backgrounds.
        belief: After each frame.
        frames: The episodes.
        canvas: Whether backgrounds are those that were gathered pixel by pixel.
        rng: Draws windows.
    """
    most = max(1, MOST_CROPS // (VERSIONS * len(belief)))
    parts = [
        cut(scene, slots, shown(scene, slots, frames[:, t], canvas), most, rng)
        for t, slots in enumerate(belief)
    ]
    found = [part for part in parts if part is not None]
    return join(found) if found else None


@torch.no_grad()
def look_back(
    scene: SceneModel,
    history: Posterior,
    frames: UInt8[Tensor, "B T C H W"],
    canvas: bool,
    camera_px: Float[Tensor, "B T 2"],
) -> tuple[list[Slots], Sights]:
    """Beliefs with the places and velocities that later frames tell, and looks of the moment.

    Args:
        scene: Draws objects and backgrounds.
        history: What was believed after each frame.
        frames: The episodes.
        canvas: Whether backgrounds are those that were gathered pixel by pixel.
        camera_px: How far the view moved before each frame, pixels.

    Returns:
        The beliefs, and what each object looked like where it was `clear`.
    """
    found, _ = tracks(history.belief, camera_px, history.visible, shortest=1).in_hindsight()
    better, sights = [], []
    for t, slots in enumerate(history.belief):
        known = (found.run[:, t] >= 0)[..., None]
        where = torch.cat([found.place[:, t], slots.where.loc[..., 2:]], -1)
        where = torch.where(known, where, slots.where.loc)
        what, sight = sights_of(scene, slots, shown(scene, slots, frames[:, t], canvas))
        sights.append(sight)
        better.append(
            dataclasses.replace(
                slots,
                where=slots.where._replace(loc=where),
                velocity=torch.where(known, found.velocity[:, t], slots.velocity),
                what=slots.what._replace(loc=what),
            )
        )
    return better, Sights(*(torch.cat(parts) for parts in zip(*sights, strict=True)))


def sights_of(
    scene: SceneModel, slots: Slots, seen: Shown
) -> tuple[Float[Tensor, "B K D"], Sights]:
    """``z_what`` of all, and sights of those that are clear, as this frame alone tells them.

    What a filter believes is a mean over time, and the mean of what turns is a blur. A frame tells
    ``z_what`` where it shows nearly all of an object.
    """
    chosen, what = clear(slots), slots.what.loc.clone()
    crops = look(scene, slots, chosen, slots.where.loc, seen)
    described, _ = scene.what_posterior(crops.evidence())
    alone = (crops.clear.mean((1, 2, 3)) > ALONE) & (slots.visible[chosen] > WHOLE)
    what[chosen] = torch.where(alone[:, None], described.loc, what[chosen])
    glimpse = scene.decode_what(what[chosen])
    return what, Sights(pictures(crops, glimpse), mask_extent(ink(crops, glimpse), INK))
