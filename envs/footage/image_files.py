"""Pictures as files, one per frame: their depth, and which way up they are."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from envs.footage.frames import Frames, Unreadable

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"})
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What a viewer does to a picture by its EXIF orientation; 1 and all others leave it alone."""
BACK = {**TURNS, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""What undoes it."""


class Images(Frames):
    """One picture file per frame.

    Args:
        paths: In order.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.path = paths[0].parent

    def __len__(self) -> int:
        """Number of files."""
        return len(self.paths)

    def read(self, wanted: set[int]) -> Iterator[tuple[int, Image.Image]]:
        """Opens the wanted files."""
        for t in sorted(wanted):
            yield t, load(self.paths[t], self.rotate)


def load(path: Path, rotate: bool = True) -> Image.Image:
    """A picture in RGB, 8 bits per channel; 16 bits are scaled by their depth.

    Args:
        path: The file.
        rotate: Whether to turn it as its EXIF orientation asks.

    Raises:
        FileNotFoundError: There is no such file.
        Unreadable: It is damaged, or it has floating point or more than 16 bits per channel.
    """
    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore")  # of Pillow, about tags and sizes
            asked = _orientation(picture)
            picture.load()
            done = _orientation(picture) != asked  # Pillow turns TIFF by itself
            turns = TURNS if rotate else BACK
            turn = turns.get(asked) if done != rotate else None
            shown = _eight_bits(picture, path).convert("RGB")
            return shown if turn is None else shown.transpose(turn)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such picture") from None
    except PermissionError:
        raise Unreadable(f"{path}: this picture may not be read; change its permissions") from None
    except Unreadable:
        raise
    except Exception as error:  # Pillow's readers of damaged files raise nearly anything
        raise Unreadable(
            f"{path}: this picture cannot be read ({error}); get it anew, or take it out"
        ) from error


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # of damaged EXIF: the picture itself may be sound
        return 1


def _eight_bits(picture: Image.Image, path: Path) -> Image.Image:
    """Pillow's ``convert`` would cut larger values off at 255."""
    if picture.mode == "F":
        depth = "floating point numbers"
    elif not picture.mode.startswith("I"):
        return picture
    else:  # mode I is Pillow's for deep PGM, too, and once was for PNG
        values = np.asarray(picture).astype(np.int64)
        if values.min() >= 0 and values.max() < 2**16:
            return Image.fromarray(((values + 128) // 257).astype(np.uint8))
        depth = f"values from {values.min()} to {values.max()}"
    raise Unreadable(
        f"{path}: this picture has {depth}, whose range of brightness nobody can tell; save it "
        "with 8 or 16 bits per channel"
    )
