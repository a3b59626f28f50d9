"""MOT challenges (https://motchallenge.net): ``seqinfo.ini``, ``gt/gt.txt`` and ``img1/``.

A line is ``frame, id, left, top, width, height, counts, ...``, frames and pixels counted from 1;
lines that do not count (0) are left out: distractors, reflections, parked bicycles. Since 2016
come the class and the visible share (9 columns); in 2015 these places held world coordinates.
"""

import configparser
from pathlib import Path

from envs.footage.formats.lines import lines, malformed, numbers, words
from envs.footage.frames import find
from envs.footage.sequences import Mark, Sequence, from_marks

COLUMNS = 9
"""Columns of a file that ends with class and visible share."""


def matches(folder: Path) -> bool:
    """Whether the folder is a sequence of this format that has labels (``test`` has none)."""
    return (folder / "seqinfo.ini").is_file() and (folder / "gt" / "gt.txt").is_file()


def load(folder: Path) -> list[Sequence]:
    """The sequence of a folder; its pictures may also be a video file in their place.

    Raises:
        FileNotFoundError: There are no pictures.
        ValueError: A line is malformed, or there are not as many frames as ``seqinfo.ini`` says.
    """
    path = folder / "seqinfo.ini"
    parser = configparser.ConfigParser()
    try:
        parser.read(path)
        info = parser["Sequence"]
        images, length = info.get("imDir", "img1"), info.getint("seqLength")
    except (configparser.Error, KeyError, ValueError) as error:
        raise ValueError(f"{path}: this is no seqinfo.ini ({error})") from error
    frames = find(folder / images, folder)
    if length is not None and length != len(frames):
        raise ValueError(
            f"{path}: seqLength={length}, but {len(frames)} frames in {frames.path}; put the "
            "missing ones there"
        )
    return [from_marks(folder.name, frames, read(folder / "gt" / "gt.txt"))]


def read(path: Path) -> dict[int, dict[int, Mark]]:
    """Boxes by object and frame, both as numbered in the file but for frames, which start at 0."""
    objects: dict[int, dict[int, Mark]] = {}
    for place, line in lines(path):
        value = numbers(path, place, words(line), "frame, id, left, top, width, height, ...")
        if len(value) < 7:
            raise malformed(path, place, f"7 numbers or more are needed, not {len(value)}")
        frame, identity, left, top, *size = value[:6]
        if value[6] == 0:
            continue
        share = min(max(value[8], 0.0), 1.0) if len(value) == COLUMNS else 1.0
        mark = ((left - 1, top - 1, *size), share)
        objects.setdefault(int(identity), {})[int(frame) - 1] = mark
    return objects
