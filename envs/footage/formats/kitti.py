"""KITTI tracking (https://www.cvlibs.net/datasets/kitti): ``label_02/*.txt``, ``image_02/*/``.

A line is ``frame id type truncated occluded alpha left top right bottom ...``. ``DontCare``
regions are left out. Occlusion and truncation become visible shares (``hiding``).
"""

import warnings
from pathlib import Path

from envs.footage.folders import entries, number, pictures_in
from envs.footage.formats.hiding import visible
from envs.footage.formats.lines import enter, lines, malformed, numbers, whole, words
from envs.footage.image_files import Images
from envs.footage.sequences import Mark, Sequence, from_marks


def matches(folder: Path) -> bool:
    """Whether the folder is the data set's ``training``."""
    return bool(entries(folder / "label_02", "*.txt"))


def load(folder: Path) -> list[Sequence]:
    """All sequences that have pictures; those without are left out.

    Raises:
        FileNotFoundError: No sequence has pictures.
        ValueError: A line is malformed.
    """
    found = []
    for path in entries(folder / "label_02", "*.txt"):
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
    if len(place) < len(paths):
        raise ValueError(f"{paths[0].parent}: two pictures of one number; leave one a frame")
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
    what = "frame id type truncated occluded alpha left top right bottom ..."
    rows = []
    for at, line in lines(path):
        word = words(line)
        if len(word) < 10:
            raise malformed(path, at, f"10 columns or more are needed, not {len(word)}")
        if word[2] != "DontCare":
            rows.append((at, numbers(path, at, [*word[:2], *word[3:10]], what)))
    truncated = visible(path, "truncated", [(at, value[2]) for at, value in rows])
    occluded = visible(path, "occluded", [(at, value[3]) for at, value in rows])
    objects: dict[int, dict[int, Mark]] = {}
    for (at, value), *shares in zip(rows, truncated, occluded, strict=True):
        frame, identity = whole(path, at, frame=value[0], id=value[1])
        left, top, right, bottom = value[5:]
        mark = ((left, top, right - left, bottom - top), min(shares))
        enter(objects, path, at, identity, frame, mark)
    return objects
