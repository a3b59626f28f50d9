"""Where an agent looks and what it attends to there, as pictures (figures 4 and 6 of HART).

The glimpse is what the agent sees of the frame. The location map below it says where in the
glimpse the agent takes the target to be, black for nowhere, bright for surely here; it is drawn
where a loss has taught it that (``dyna.evaluation.attention``).
"""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from dyna.pictures import render

GAP = 8
"""Pixels between the parts of a panel."""
HEAT = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
"""Colours from 0 to 1, evenly spaced (matplotlib's "inferno")."""
_TABLE = np.stack(
    [np.interp(np.linspace(0, 4, 256), range(5), channel) for channel in zip(*HEAT, strict=True)],
    axis=-1,
).astype(np.uint8)


def panel(
    glimpse: Float[Tensor, "C G G"], location: Float[Tensor, "S S"] | None, height: int
) -> UInt8[np.ndarray, "height W 3"]:
    """The glimpse above the location map (if any), as high as the frame that it stands beside."""
    side = (height - GAP) // 2
    seen = (glimpse.clamp(0, 1) * 255).byte().cpu().numpy()
    parts = [np.broadcast_to(np.moveaxis(seen, 0, -1), (*seen.shape[1:], 3))]
    if location is not None:
        parts.append(_TABLE[(location.clamp(0, 1) * 255).byte().cpu().numpy()])
    picture = np.full((height, side, 3), render.MARGIN, dtype=np.uint8)
    for top, part in zip((0, height - side), parts, strict=False):
        large = Image.fromarray(np.ascontiguousarray(part)).resize(
            (side, side), Image.Resampling.NEAREST
        )
        picture[top : top + side] = np.asarray(large)
    return picture


def beside(
    picture: UInt8[np.ndarray, "H W 3"], seen: Any, episode: int = 0
) -> UInt8[np.ndarray, "H _ 3"]:
    """A frame with the panel of what was attended to in it."""
    location = None if seen.location is None else seen.location[episode]
    side = panel(seen.glimpse[episode], location, picture.shape[0])
    return render.beside([picture, side], GAP)
