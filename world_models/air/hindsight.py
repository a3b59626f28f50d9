"""Episodes seen once more, when all of their frames are known: what dreams are made of.

A filter never looks ahead. Whoever looks back knows better where an object was and how fast, and
need not take for its looks the mean of what it looked like so far.
"""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from world_models.air.crops import Crops, Shown, join, look, shown
from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.history import tracks
from world_models.air.looks.memory import Sights
from world_models.air.objects.slots import Slots
from world_models.air.outlines import INK, clear, ink, pictures
from world_models.air.sharpening import MOST_CROPS, VERSIONS, cut
from world_models.air.whole import Around
from world_models.base import Posterior

NEARLY_WHOLE = 0.7
"""Share of an object that must be seen for a sight of it to be remembered."""
MOST_GAP = 8
"""Frames between two whole sights of an object from which those between can be told."""
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
        history: What was believed after each frame, `judged`.
        frames: The episodes.
        canvas: Whether backgrounds are those that were gathered pixel by pixel.
        camera_px: How far the view moved before each frame, pixels.

    Returns:
        The beliefs, and what each object looked like where it was seen whole.
    """
    found, _ = tracks(history.belief, camera_px, history.visible, shortest=1).in_hindsight()
    better, sights, known = [], [], []
    for t, slots in enumerate(history.belief):
        tracked = (found.run[:, t] >= 0)[..., None]
        where = torch.where(tracked, found.window[:, t], slots.where.loc)
        known.append(clear(slots) & (history.visible[:, t] > NEARLY_WHOLE))
        seen = shown(scene, slots, frames[:, t], canvas)
        what, sight = sights_of(scene, slots, known[-1], where, seen)
        sights.append(sight)
        better.append(
            dataclasses.replace(
                slots,
                where=slots.where._replace(loc=where),
                velocity=torch.where(tracked, found.velocity[:, t], slots.velocity),
                what=slots.what._replace(loc=what),
            )
        )
    return _completed(scene, better, torch.stack(known), sights)


def _completed(
    scene: SceneModel,
    belief: list[Slots],
    known: Bool[Tensor, "T B K"],
    sights: Sequence[tuple[Tensor, Tensor]],
) -> tuple[list[Slots], Sights]:
    """Objects that are cut off look, and are as large, as before and after tell.

    Args:
        scene: Draws objects.
        belief: After each frame.
        known: Who was seen whole.
        sights: Their pictures and extents (`sights_of`) in each frame.
    """
    around = Around.of(known, torch.stack([slots.id for slots in belief]))
    what = around.between(torch.stack([slots.what.loc for slots in belief]))
    side = around.between(torch.stack([slots.where.loc[..., 2:] for slots in belief]))
    gap = around.after - around.before
    told = known | ((around.before >= 0) & (gap > 0) & (gap <= MOST_GAP))
    better, pictures, extents = [], [], []
    for t, (slots, (picture, extent)) in enumerate(zip(belief, sights, strict=True)):
        where = torch.cat([slots.where.loc[..., :2], side[t]], -1)
        better.append(
            dataclasses.replace(
                slots,
                where=slots.where._replace(loc=where),
                what=slots.what._replace(loc=what[t]),
            )
        )
        drawn, seen = scene.decode_what(what[t][told[t]]), known[t][told[t]]
        reach = mask_extent(drawn[:, -1])
        drawn[seen], reach[seen] = picture, extent
        pictures.append(drawn)
        extents.append(reach)
    return better, Sights(told, torch.cat(pictures), torch.cat(extents))


def sights_of(
    scene: SceneModel,
    slots: Slots,
    chosen: Bool[Tensor, "B K"],
    where: Float[Tensor, "B K w"],
    seen: Shown,
) -> tuple[Float[Tensor, "B K D"], tuple[Float[Tensor, "n c g g"], Float[Tensor, "n 4"]]]:
    """``z_what`` of all, and pictures and extents (`Sights`) of the chosen, in windows ``where``.

    What a filter believes is a mean over time, and the mean of what turns is a blur. A frame tells
    ``z_what`` where it shows nearly all of an object.
    """
    what = slots.what.loc.clone()
    crops = look(scene, slots, chosen, where, seen)
    described, _ = scene.what_posterior(crops.evidence())
    alone = (crops.clear.mean((1, 2, 3)) > ALONE) & (slots.visible[chosen] > WHOLE)
    what[chosen] = torch.where(alone[:, None], described.loc, what[chosen])
    glimpse = scene.decode_what(what[chosen])
    size = (seen.frame.shape[-2], seen.frame.shape[-1])
    picture = pictures(crops, glimpse, where[chosen], size)
    return what, (picture, mask_extent(ink(crops, glimpse), INK))
