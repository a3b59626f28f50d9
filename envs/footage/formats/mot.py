"""MOT challenges (https://motchallenge.net): ``seqinfo.ini``, ``gt/gt.txt`` and ``img1/``.

A line is ``frame, id, left, top, width, height, counts, ...``, frames and pixels counted from 1;
lines that do not count (0) are left out: distractors, reflections, parked bicycles. Since 2016
come the class and the visible share (9 columns); in 2015 these places held world coordinates.
"""

import configparser
from pathlib import Path

from envs.footage.folders import find
from envs.footage.formats.lines import enter, lines, malformed, numbers, whole, words
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
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8-sig")  # some editors put a byte order mark there
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
        word = words(line)
        if len(word) < 7:
            raise malformed(path, place, f"7 numbers or more are needed, not {len(word)}")
        used = word if len(word) == COLUMNS else word[:7]
        value = numbers(path, place, used, "frame, id, left, top, width, height, counts, ...")
        frame, identity = whole(path, place, frame=value[0], id=value[1])
        left, top, *size = value[2:6]
        if value[6] == 0:
            continue
        share = min(max(value[8], 0.0), 1.0) if len(word) == COLUMNS else 1.0
        enter(objects, path, place, identity, frame, ((left - 1, top - 1, *size), share), first=1)
    return objects
