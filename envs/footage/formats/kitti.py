"""KITTI tracking (https://www.cvlibs.net/datasets/kitti): ``label_02/*.txt``, ``image_02/*/``.

A line is ``frame id type truncated occluded alpha left top right bottom ...``. ``DontCare``
regions are left out. The levels of occlusion and truncation become visible shares.
"""

import warnings
from pathlib import Path

from envs.footage.formats.lines import lines, malformed, numbers, words
from envs.footage.frames import Images, number, pictures_in
from envs.footage.sequences import Mark, Sequence, from_marks

OCCLUDED = {0: 1.0, 1: 0.6, 2: 0.2, 3: 0.2}
"""Visible share by level: fully visible, partly occluded, largely occluded, unknown. As in the
paper on HART, only levels 0 and 1 count: the others are below what is scored."""
TRUNCATED = {0: 1.0, 1: 0.6, 2: 0.2}
"""The same for what lies beyond the border."""


def matches(folder: Path) -> bool:
    """Whether the folder is the data set's ``training``."""
    return any((folder / "label_02").glob("*.txt"))


def load(folder: Path) -> list[Sequence]:
    """All sequences that have pictures; those without are left out.

    Raises:
        FileNotFoundError: No sequence has pictures.
        ValueError: A line is malformed.
    """
    found = []
    for path in sorted((folder / "label_02").glob("*.txt")):
        if paths := pictures_in(folder / "image_02" / path.stem):
            found.append(_sequence(path, paths))
    if not found:
        raise FileNotFoundError(
            f"no pictures in {folder / 'image_02'}: unpack data_tracking_image_2.zip there"
        )
    return found


def _sequence(path: Path, paths: list[Path]) -> Sequence:
    """The pictures that there are, in order; the boxes of others are left out."""
    place = {number(picture): t for t, picture in enumerate(paths)}
    objects, missing = {}, set()
    for identity, marks in read(path).items():
        kept = {place[t]: mark for t, mark in marks.items() if t in place}
        missing |= marks.keys() - place.keys()
        if kept:
            objects[identity] = kept
    if missing:
        warnings.warn(
            f"{path}: {len(missing)} frames with boxes have no picture in {paths[0].parent} "
            f"(the first is {min(missing)}); the others are played as if they followed each other",
            stacklevel=2,
        )
    return from_marks(path.stem, Images(paths), objects)


def read(path: Path) -> dict[int, dict[int, Mark]]:
    """Boxes by object and frame, as numbered in the file."""
    objects: dict[int, dict[int, Mark]] = {}
    for at, line in lines(path):
        word = words(line)
        if len(word) < 10:
            raise malformed(path, at, f"10 columns or more are needed, not {len(word)}")
        if word[2] == "DontCare":
            continue
        what = "frame id type truncated occluded alpha left top right bottom ..."
        value = numbers(path, at, [*word[:2], *word[3:10]], what)
        frame, identity, truncated, occluded = (int(number) for number in value[:4])
        if occluded not in OCCLUDED or truncated not in TRUNCATED:
            raise malformed(
                path, at, f"truncated={truncated} occluded={occluded} is none of 0 1 2 and 0 1 2 3"
            )
        left, top, right, bottom = value[5:]
        share = min(OCCLUDED[occluded], TRUNCATED[truncated])
        mark = ((left, top, right - left, bottom - top), share)
        objects.setdefault(identity, {})[frame] = mark
    return objects
