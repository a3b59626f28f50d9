"""Frames of any size as pictures of one size, kept in memory."""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from envs.footage.frames import Frames


class Picture(NamedTuple):
    """A frame, shrunk or enlarged without distortion, centred, with black bars where needed.

    Attributes:
        pixels: The picture.
        scale: Fractions of the picture per pixel of the stored frame (x, y).
        offset: Where the upper left corner of the stored frame is, fractions of the picture.
    """

    pixels: UInt8[Tensor, "C H W"]
    scale: tuple[float, float]
    offset: tuple[float, float]

    def box(self, box_px: Float[np.ndarray, "K 4"]) -> Float[Tensor, "K 4"]:
        """Boxes (left, top, width, height) of the stored frame as boxes in this picture."""
        scale, offset = np.array(self.scale), np.array(self.offset)
        size = box_px[:, 2:] * scale
        centre = (box_px[:, :2] + box_px[:, 2:] / 2) * scale + offset
        return torch.from_numpy(np.concatenate([centre, size], -1)).float()


def fit(image: Image.Image, frame_shape: tuple[int, int, int]) -> Picture:
    """Fits a frame into a picture of shape (C, H, W); C is 1 (grey) or 3 (RGB)."""
    channels, height, width = frame_shape
    factor = min(width / image.width, height / image.height)
    inner = (max(round(image.width * factor), 1), max(round(image.height * factor), 1))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    grey = image.convert("L" if channels == 1 else "RGB")
    small = np.asarray(grey.resize(inner, Image.Resampling.BILINEAR))  # Pillow's has no aliasing
    canvas = np.zeros((height, width, channels), np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = small.reshape(inner[1], inner[0], -1)
    return Picture(
        pixels=torch.from_numpy(canvas).permute(2, 0, 1).contiguous(),
        scale=(inner[0] / image.width / width, inner[1] / image.height / height),
        offset=(left / width, top / height),
    )


class Album:
    """Pictures of frames, the latest of them cached.

    Args:
        frame_shape: (C, H, W) of a picture.
        cache_mb: Megabytes (2**20 bytes) to cache.
    """

    def __init__(self, frame_shape: tuple[int, int, int], cache_mb: float) -> None:
        self.frame_shape = frame_shape
        self.room = int(cache_mb * 2**20 / np.prod(frame_shape))
        self._cache: OrderedDict[tuple[Frames, int], Picture] = OrderedDict()

    def look_up(self, frames: Frames, wanted: set[int]) -> dict[int, Picture]:
        """The wanted pictures, by frame; errors are those of ``Frames.read``."""
        found = {}
        for t in wanted:
            if (frames, t) in self._cache:
                self._cache.move_to_end((frames, t))
                found[t] = self._cache[frames, t]
        for t, image in frames.read(wanted - found.keys()):
            picture = fit(image, self.frame_shape)
            self._store(frames, t, picture)
            if t in wanted:
                found[t] = picture
        return found

    def _store(self, frames: Frames, t: int, picture: Picture) -> None:
        self._cache[frames, t] = picture
        while len(self._cache) > self.room:
            self._cache.popitem(last=False)
