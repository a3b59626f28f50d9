"""What lies in folders: pictures in their order and video files, but not what systems add."""

import re
from pathlib import Path

from envs.footage import films, image_files
from envs.footage.films import VideoFile
from envs.footage.frames import Frames
from envs.footage.image_files import Images

HIDDEN = (".", "@", "__MACOSX")
"""How names begin that a system adds: ``._0001.png`` (macOS), ``__MACOSX`` (its zips), ``@eaDir``
(Synology)."""


def find(*folders: Path) -> Frames:
    """The frames in the first of some folders that has any: pictures, or one video file.

    Raises:
        FileNotFoundError: None has any.
        ValueError: A folder has several video files.
    """
    for folder in folders:
        if pictures := pictures_in(folder):
            return Images(pictures)
        found = films_in(folder)
        if len(found) > 1:
            raise ValueError(f"{folder}: {len(found)} video files, leave the one that is meant")
        if found:
            return VideoFile(found[0])
    places = ", ".join(str(folder) for folder in folders)
    raise FileNotFoundError(f"no pictures and no video file in {places}: put the frames there")


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder in natural order: numbers count as such, from the left."""
    paths = [path for path in entries(folder) if path.suffix.lower() in image_files.SUFFIXES]
    return sorted(paths, key=natural)


def films_in(folder: Path, pattern: str = "*") -> list[Path]:
    """The video files of a folder, sorted by name."""
    return [path for path in entries(folder, pattern) if path.suffix.lower() in films.SUFFIXES]


def entries(folder: Path, pattern: str = "*") -> list[Path]:
    """Files and folders in a folder, sorted by name; none if there is no such folder.

    Args:
        folder: Where to look.
        pattern: Of ``Path.glob``; ``**/`` looks at any depth.
    """
    return sorted(
        path
        for path in folder.glob(pattern)
        if not any(part.startswith(HIDDEN) for part in path.relative_to(folder).parts)
    )


def natural(path: Path) -> tuple[list[str | int], str]:
    """What to sort file names by: ``frame2_cam1`` comes before ``frame10_cam1``."""
    parts: list[str | int] = list(re.split(r"(\d+)", path.stem.casefold()))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts, path.name


def number(path: Path) -> int:
    """The last number in a file's name; -1 if it has none."""
    digits = re.findall(r"\d+", path.stem)
    return int(digits[-1]) if digits else -1
