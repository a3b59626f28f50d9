"""Where the frames of a video come from: a list of pictures, or a video file."""

import abc
from collections.abc import Iterator
from pathlib import Path

from PIL import Image


class Unreadable(ValueError):
    """A file is damaged, or of a kind that cannot be shown; the message names it and the mend."""


class Frames(abc.ABC):
    """Frames in order, read when they are asked for. Two are equal only if they are the same."""

    path: Path
    """What to name in messages."""
    rotate: bool = True
    """Whether frames are turned as viewers turn them (EXIF, display matrix), or stay as stored."""

    @abc.abstractmethod
    def __len__(self) -> int:
        """How many frames there are."""

    @abc.abstractmethod
    def read(self, wanted: set[int]) -> Iterator[tuple[int, Image.Image]]:
        """Gives the wanted frames in RGB, and perhaps more that had to be decoded on the way.

        Raises:
            FileNotFoundError: A file is missing.
            Unreadable: A file cannot be decoded, or is too short.
        """
