"""Where objects end, as pixels tell: masks are softer than what they stand for.

A mask is drawn from a few numbers and learned from blurred samples, so its rim is half a pixel off
here and there. Where nothing hides an object, the frame says how much of its colour each pixel
shows; the mask only says where to look.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from world_models.air.crops import Crops, look, shown
from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.slots import Slots
from world_models.blocks.glimpse import draw_glimpse, read_glimpse

CLEAR = 0.6
"""Share of an object that must be seen for its pixels to tell anything."""
INK = 0.3
"""Share of an object's colour from which a pixel belongs to it."""
NEAR = 0.1
"""Share of an object from which its mask, and a sample around, are where it may be."""
RIM = 0.25
"""The same for pictures, whose rims fade."""
LEAST_CONTRAST = 0.02
"""Squared; objects that look like what is behind them are left to their masks."""


def clear(slots: Slots) -> Bool[Tensor, "B K"]:
    """Objects that are well seen."""
    return (slots.alive > 0) & (slots.unseen == 0) & (slots.visible > CLEAR)


@torch.no_grad()
def outlines(
    scene: SceneModel,
    belief: Sequence[Slots],
    frames: UInt8[Tensor, "B T C H W"],
    canvas: bool,
) -> Float[Tensor, "B T K 4"]:
    """Extents of all objects in their windows: as pixels tell where they are clear, else masks.

    Args:
        scene: Draws objects and backgrounds.
        belief: After each frame.
        frames: The episodes.
        canvas: Whether backgrounds are those that were gathered pixel by pixel.
    """
    found = []
    for t, slots in enumerate(belief):
        glimpse = scene.decode_what(slots.what.loc)
        extent = mask_extent(glimpse[:, :, -1])
        chosen = clear(slots)
        if bool(chosen.any()):
            seen = shown(scene, slots, frames[:, t], canvas)
            crops = look(scene, slots, chosen, slots.where.loc, seen)
            extent[chosen] = mask_extent(ink(crops, glimpse[chosen]), INK)
        found.append(extent)
    return torch.stack(found, 1)


def ink(crops: Crops, glimpse: Float[Tensor, "N c g g"]) -> Float[Tensor, "N g g"]:
    """How much of its object's colour each pixel of a crop shows, 0 to 1.

    Args:
        crops: What windows show.
        glimpse: What the model draws there (colour times alpha, alpha).
    """
    alpha = glimpse[:, -1:]
    colour = glimpse[:, :-1].sum((-1, -2)) / alpha.sum((-1, -2)).clamp(min=1e-3)
    contrast = colour[..., None, None] - crops.others
    told = ((crops.frame - crops.others) * contrast).sum(1, keepdim=True)
    told = told / contrast.square().sum(1, keepdim=True).clamp(min=LEAST_CONTRAST)
    near = F.max_pool2d((alpha > NEAR).to(alpha.dtype), 3, 1, 1)
    free = crops.clear
    return (free * near * told.clamp(0, 1) + (1 - free) * alpha)[:, 0]


def pictures(
    crops: Crops,
    glimpse: Float[Tensor, "N c g g"],
    window: Float[Tensor, "N w"],
    size: tuple[int, int],
) -> Float[Tensor, "N c g g"]:
    """What objects really look like: the model's picture, with all that is seen of the object.

    Drawn at its place over what is behind it, it gives the frame. Who reads a window blurs it,
    and who draws it blurs it again: what gets lost on the way is added once more (one step of Van
    Cittert's deconvolution, 1931).

    Args:
        crops: What windows show.
        glimpse: What the model draws there.
        window: The windows.
        size: (H, W) of the frame in pixels.
    """
    alpha = glimpse[:, -1:]
    own = crops.frame - (1 - alpha) * crops.others
    seen = crops.clear * (F.max_pool2d(alpha, 5, 1, 2) / RIM).clamp(max=1)
    found = torch.lerp(glimpse[:, :-1], own, seen)
    again = read_glimpse(draw_glimpse(found, window, size), window, found.shape[-1])
    return torch.cat([found + seen * (found - again), alpha], 1)
