"""An annotated video: frames, and where each of its objects is in each of them."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from envs.footage.frames import Frames

Mark = tuple[tuple[float, ...], float]
"""One object in one frame: (left, top, width, height) in pixels, and its visible share."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sequence:
    """An annotated video of T frames with K objects.

    Attributes:
        name: Short and unique within its data set.
        frames: The pictures, read when needed.
        box_px: (left, top, width, height) of each object in pixels of the stored frame; the left
            and upper edge of the first pixel are 0. Filled in between where an object is not
            annotated.
        visible: Visible share, 0 to 1; 0 where an object is not annotated.
        main: The object that the data set means if it means one.
    """

    name: str
    frames: Frames
    box_px: Float[np.ndarray, "T K 4"]
    visible: Float[np.ndarray, "T K"]
    main: int = 0

    def __len__(self) -> int:
        """T."""
        return len(self.visible)

    @property
    def num_objects(self) -> int:
        """K."""
        return self.visible.shape[1]


def from_marks(
    name: str, frames: Frames, objects: Mapping[int, Mapping[int, Mark]], main: int | None = None
) -> Sequence:
    """An annotated video from what is known of each object.

    Args:
        name: Of the sequence.
        frames: Its pictures.
        objects: By number of the object, then by frame.
        main: Number of the main object; None: the one that is seen longest.

    Raises:
        ValueError: An object is in a frame that does not exist.
    """
    box = np.full((len(frames), len(objects), 4), np.nan)
    visible = np.zeros((len(frames), len(objects)))
    for k, marks in enumerate(objects.values()):
        for t, (corner_and_size, share) in marks.items():
            if not 0 <= t < len(frames):
                raise ValueError(
                    f"{name}: a box for frame {t} (counted from 0), but there are only "
                    f"{len(frames)} frames in {frames.path}; put the missing ones there"
                )
            if np.isfinite(corner_and_size).all() and min(corner_and_size[2:]) > 0:
                box[t, k], visible[t, k] = corner_and_size, share
        box[:, k] = _between(box[:, k])
    place = 0
    if main is not None and main in objects:
        place = list(objects).index(main)
    elif objects:
        place = int((visible > 0).sum(0).argmax())
    return Sequence(name, frames, box, visible, place)


def _between(box: Float[np.ndarray, "T 4"]) -> Float[np.ndarray, "T 4"]:
    """Fills what is unknown: on a straight line in between, as the nearest at both ends."""
    known: Bool[np.ndarray, " T"] = np.isfinite(box).all(-1)
    if not known.any():
        return np.zeros_like(box)
    t = np.arange(len(box))
    return np.stack([np.interp(t, t[known], box[known, i]) for i in range(4)], -1)
