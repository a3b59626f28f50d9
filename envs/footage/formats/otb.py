"""OTB (Wu et al., "Object Tracking Benchmark", PAMI 2015): ``img/`` and ``groundtruth_rect.txt``.

One ``left, top, width, height`` per frame, split by commas, tabs or blanks, the first pixel being
1. Sequences with several targets have ``groundtruth_rect.1.txt``, ``groundtruth_rect.2.txt`` ...
"""

from pathlib import Path

from envs.footage.folders import find, number
from envs.footage.formats.lines import lines, malformed, numbers, words
from envs.footage.frames import Frames
from envs.footage.image_files import Images
from envs.footage.sequences import Mark, Sequence, from_marks

FIRST_FRAME = {"David": 300, "Diving": 1, "Football1": 1, "Freeman3": 1, "Freeman4": 1}
"""Sequences with more pictures than boxes, and the number of the picture of the first box (the
benchmark's ``configSeqs.m``)."""


def matches(folder: Path) -> bool:
    """Whether the folder is a sequence of this format."""
    return any(folder.glob("groundtruth_rect*.txt"))


def load(folder: Path) -> list[Sequence]:
    """The sequence of a folder.

    Raises:
        FileNotFoundError: There are no pictures.
        ValueError: A line is malformed, or there are not as many boxes as pictures.
    """
    frames = find(folder / "img", folder)
    files = [path for path in sorted(folder.glob("groundtruth_rect*.txt")) if path.stat().st_size]
    objects = {k: read(path) for k, path in enumerate(files)}
    return [from_marks(folder.name, _from_first(folder, frames, files, objects), objects, main=0)]


def read(path: Path) -> dict[int, Mark]:
    """One box per line; boxes without area are kept out as absent."""
    marks: dict[int, Mark] = {}
    for t, (place, line) in enumerate(lines(path)):
        value = numbers(path, place, words(line), "left, top, width, height", absent=True)
        if len(value) != 4:
            raise malformed(path, place, f"4 numbers are needed, not {len(value)}")
        left, top, *size = value
        marks[t] = ((left - 1, top - 1, *size), 1.0)
    return marks


def _from_first(
    folder: Path, frames: Frames, files: list[Path], objects: dict[int, dict[int, Mark]]
) -> Frames:
    """The frames that have boxes."""
    boxes = max((len(marks) for marks in objects.values()), default=0)
    if folder.name in FIRST_FRAME and isinstance(frames, Images):
        first = FIRST_FRAME[folder.name]
        paths = [path for path in frames.paths if number(path) >= first][:boxes]
        frames = Images(paths) if paths else frames
    for path, marks in zip(files, objects.values(), strict=True):
        if len(marks) != len(frames):
            raise ValueError(
                f"{path}: {len(marks)} boxes for {len(frames)} frames in {frames.path}; there "
                "must be one line per frame"
            )
    return frames
