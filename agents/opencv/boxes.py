"""From frames and boxes to what OpenCV takes, and back.

A **rect** is OpenCV's ``(left, top, width, height)`` in pixels from the image's corner.
"""

import contextlib
import ctypes

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

try:
    import cv2
except ImportError as error:
    raise ImportError(
        "the reference trackers need OpenCV: pip install opencv-contrib-python-headless"
    ) from error

# One thread: frames are small, and other processes share the cores.
cv2.setNumThreads(1)

Rect = tuple[float, float, float, float]


def reseed(seed: int) -> None:
    """Makes OpenCV's trackers repeat: it draws from its own state and from C's ``rand``.

    Both take 31 bits: of larger seeds the last ones count.
    """
    seed &= 2**31 - 1
    cv2.setRNGSeed(seed)
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no C library by that name
        ctypes.CDLL(None).srand(seed)


def to_images(frame: UInt8[Tensor, "B C H W"], scale: int = 1) -> list[np.ndarray]:
    """The frames as colour images (uint8, H W 3, blue first), ``scale`` times as large."""
    if frame.shape[1] == 1:
        frame = frame.expand(-1, 3, -1, -1)
    pictures = frame.flip(1).permute(0, 2, 3, 1).cpu().numpy()
    if scale == 1:
        return [np.ascontiguousarray(picture) for picture in pictures]
    height, width = pictures.shape[1:3]
    size = (scale * width, scale * height)
    return [cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR) for picture in pictures]


def to_rects(box: Float[Tensor, "B 4"], width: int, height: int) -> list[Rect]:
    """The boxes as rects in images of that many pixels."""
    size = torch.tensor([width, height, width, height])
    x, y, w, h = (box.cpu() * size).unbind(-1)
    corners = torch.stack([x - w / 2, y - h / 2, w, h], dim=-1)
    return [(left, top, wide, high) for left, top, wide, high in corners.tolist()]


def to_box(rects: list[Rect], width: int, height: int) -> Float[Tensor, "B 4"]:
    """The rects as boxes, from images of that many pixels."""
    left, top, w, h = torch.tensor(rects, dtype=torch.float32).unbind(-1)
    box_px = torch.stack([left + w / 2, top + h / 2, w, h], dim=-1)
    return box_px / torch.tensor([width, height, width, height])
