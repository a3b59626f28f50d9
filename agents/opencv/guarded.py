"""OpenCV's trackers as they should be: they answer for any box, in a time that has an end."""

import math
from typing import Any

import numpy as np

from agents.opencv.boxes import Rect, cv2

LEAST = 6
"""Pixels of the shorter side that a tracker is started on: MIL looks for features of 9 pixels, and
with sides of 4 it looks for ever; CSRT fails on boxes that are 1 pixel wide."""
THIN = 24
"""A tracker is started on boxes at most so many times as long as wide: CSRT fails from 33 on."""


class Guarded:
    """One of OpenCV's trackers. Where it fails, the last box is held.

    It is started on no smaller or thinner box than it can follow: what it then finds is given
    back in the proportions of the true one.

    Args:
        tracker: As OpenCV made it, not yet started.
    """

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker
        self.started = False

    def init(self, image: np.ndarray, rect: Rect) -> None:
        """Starts on a box of the first image (uint8, H W 3)."""
        wide, high = rect[2:]
        self.last = rect
        self.growth = (1.0, 1.0)
        least = max(LEAST, max(wide, high) / THIN)
        if min(wide, high) < least:
            height, width = image.shape[:2]
            left, wide = _enlarge(rect[0], wide, least, width)
            top, high = _enlarge(rect[1], high, least, height)
            self.growth = (wide / max(rect[2], 1e-6), high / max(rect[3], 1e-6))
            rect = (left, top, wide, high)
        # Those of the main package take whole pixels only.
        whole = isinstance(self.tracker, cv2.Tracker)
        try:
            self.tracker.init(image, tuple(round(v) for v in rect) if whole else rect)
            self.started = True
        except cv2.error:
            self.started = False

    def update(self, image: np.ndarray) -> Rect:
        """Where the object is in the next image, or was last."""
        if not self.started:
            return self.last
        try:
            found, rect = self.tracker.update(image)
        except cv2.error:
            return self.last
        left, top, wide, high = (float(v) for v in rect)
        if found and all(map(math.isfinite, (left, top, wide, high))) and min(wide, high) > 0:
            across, down = self.growth
            if self.growth != (1.0, 1.0):
                left, wide = left + wide / 2 * (1 - 1 / across), wide / across
                top, high = top + high / 2 * (1 - 1 / down), high / down
            self.last = (left, top, wide, high)
        return self.last


def _enlarge(start: float, length: float, least: float, most: float) -> tuple[float, float]:
    """A side about the same centre, inside of an image of ``most`` pixels."""
    longer = min(max(length, least), most)
    return min(max(start + (length - longer) / 2, 0.0), most - longer), longer
