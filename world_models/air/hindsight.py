"""Episodes seen once more, when all of their frames are known: what dreams are made of.

A filter never looks ahead. Whoever looks back knows better where an object was and how fast, and
need not take for its looks the mean of what it looked like so far.
"""

import dataclasses

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from world_models.air.fitting import to_float
from world_models.air.frame.scene_model import SceneModel
from world_models.air.history import tracks
from world_models.air.objects.slots import Slots
from world_models.air.sharpening import MOST_CROPS, VERSIONS, Crops, Shown, cut, fresh, join
from world_models.base import Posterior


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
        cut(scene, slots, _shown(scene, slots, frames[:, t], canvas), most, rng)
        for t, slots in enumerate(belief)
    ]
    found = [part for part in parts if part is not None]
    return join(found) if found else None


def look_back(
    scene: SceneModel,
    history: Posterior,
    frames: UInt8[Tensor, "B T C H W"],
    canvas: bool,
    camera_px: Float[Tensor, "B T 2"],
) -> list[Slots]:
    """Beliefs with the places and velocities that later frames tell, and looks of the moment.

    Args:
        scene: Draws objects and backgrounds.
        history: What was believed after each frame.
        frames: The episodes.
        canvas: Whether backgrounds are those that were gathered pixel by pixel.
        camera_px: How far the view moved before each frame, pixels.
    """
    found, _ = tracks(history.belief, camera_px, history.visible, shortest=1).in_hindsight()
    better = []
    for t, slots in enumerate(history.belief):
        known = (found.run[:, t] >= 0)[..., None]
        where = torch.cat([found.place[:, t], slots.where.loc[..., 2:]], -1)
        where = torch.where(known, where, slots.where.loc)
        what = fresh(scene, slots, _shown(scene, slots, frames[:, t], canvas))
        better.append(
            dataclasses.replace(
                slots,
                where=slots.where._replace(loc=where),
                velocity=torch.where(known, found.velocity[:, t], slots.velocity),
                what=slots.what._replace(loc=what),
            )
        )
    return better


def _shown(
    scene: SceneModel, slots: Slots, frame: UInt8[Tensor, "B C H W"], canvas: bool
) -> Shown:
    if canvas and slots.camera is not None:
        height, width = scene.frame_shape[1:]
        background = slots.camera.backdrop().view((height, width))
    else:
        background = scene.background.decode(slots.z_bg)
    return Shown(to_float(frame), background, scene.bars(background))
