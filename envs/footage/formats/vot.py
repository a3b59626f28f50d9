"""VOT challenges (https://www.votchallenge.net): pictures and ``groundtruth.txt``.

A line is ``left,top,width,height`` or a polygon ``x1,y1,x2,y2,...``, of which the upright box
around it is taken; the first pixel is 1, and ``nan`` or an empty area is an absent target.
Pictures are in ``color/`` (since 2018) or beside the file. GOT-10k and LaSOT are stored alike.
"""

from pathlib import Path

from envs.footage.folders import find
from envs.footage.formats.lines import lines, malformed, numbers, words
from envs.footage.sequences import Mark, Sequence, from_marks

FILE = "groundtruth.txt"


def matches(folder: Path) -> bool:
    """Whether the folder is a sequence of this format."""
    return (folder / FILE).is_file()


def load(folder: Path) -> list[Sequence]:
    """The sequence of a folder.

    Raises:
        FileNotFoundError: There are no pictures.
        ValueError: A line is malformed or a mask, or there are not as many boxes as pictures.
    """
    frames = find(folder / "color", folder / "img", folder)
    path = folder / FILE
    marks = read(path)
    if len(marks) != len(frames):
        raise ValueError(
            f"{path}: {len(marks)} lines for {len(frames)} frames in {frames.path}; there must "
            "be one line per frame"
        )
    return [from_marks(folder.name, frames, {0: marks})]


def read(path: Path) -> dict[int, Mark]:
    """One upright box per line."""
    marks: dict[int, Mark] = {}
    for t, (place, line) in enumerate(lines(path)):
        if line.startswith("m"):
            raise malformed(
                path, place, "masks (VOT 2020 and later) are not read; use boxes or polygons"
            )
        value = numbers(path, place, words(line), "a box or a polygon", absent=True)
        if len(value) == 4:
            left, top, *size = value
        elif len(value) >= 6 and len(value) % 2 == 0:
            x, y = value[::2], value[1::2]
            left, top, size = min(x), min(y), [max(x) - min(x), max(y) - min(y)]
        else:
            raise malformed(
                path, place, f"{len(value)} numbers are neither a box (4) nor a polygon (6, 8 ...)"
            )
        marks[t] = ((left - 1, top - 1, *size), 1.0)
    return marks
