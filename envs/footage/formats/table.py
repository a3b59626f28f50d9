"""Our own format: frames and a CSV table of boxes, the easiest to write by hand or by script.

``boxes.csv`` has the columns ``frame,x,y,w,h,visible``: frames from 0, the upper left corner and
size in pixels from 0, and the visible share (0 where the target is absent; may be left out).
``tracks.csv`` has ``frame,id,x,y,w,h`` for several objects, and may have ``visible``, or
``occluded`` and ``truncated`` as in KITTI, and ``valid`` (0: a region to ignore). Frames are
pictures in ``frames/`` or beside the table, or a video file; ``clip.mp4`` may also have a table
``clip.csv`` beside it.
"""

import csv
from pathlib import Path

import numpy as np

from envs.footage import films
from envs.footage.films import VideoFile
from envs.footage.folders import find
from envs.footage.formats.hiding import LEVELS, visible
from envs.footage.formats.lines import enter, lines, malformed, numbers, whole
from envs.footage.sequences import Mark, Sequence, from_marks

NEEDED = ("frame", "x", "y", "w", "h")


def matches(path: Path) -> bool:
    """Whether this is a folder with a table, or a video file with one beside it."""
    if path.is_file():
        return path.suffix.lower() in films.SUFFIXES
    return (path / "boxes.csv").is_file() or (path / "tracks.csv").is_file()


def load(path: Path) -> list[Sequence]:
    """The sequence of a folder or of a video file; all objects of ``tracks.csv`` if there is one.

    Raises:
        FileNotFoundError: There are no frames, or a video file has no table.
        ValueError: A line is malformed, or names a frame that does not exist.
    """
    if path.is_file():
        table = path.with_suffix(".csv")
        if not table.is_file():
            raise FileNotFoundError(
                f"{path} needs its boxes in {table} with the columns frame,x,y,w,h,visible"
            )
        return [from_marks(path.stem, VideoFile(path), read(table))]
    frames = find(path / "frames", path / "img", path)
    single = read(path / "boxes.csv") if (path / "boxes.csv").is_file() else None
    last = max((t for marks in (single or {}).values() for t in marks), default=-1)
    if single is not None and last + 1 != len(frames):
        raise ValueError(
            f"{path / 'boxes.csv'}: the last line should be for frame {len(frames) - 1}, but is "
            f"for frame {last} (from 0): {len(frames)} frames in {frames.path}, a line for each"
        )
    if not (path / "tracks.csv").is_file():
        return [from_marks(path.name, frames, single or {})]
    objects = read(path / "tracks.csv")
    main = _most_alike(next(iter(single.values())), objects) if single and objects else None
    return [from_marks(path.name, frames, objects, main)]


def read(path: Path) -> dict[int, dict[int, Mark]]:
    """Boxes by object and frame; a table without ``id`` has one object, 0."""
    rows = list(lines(path))
    if not rows:
        raise ValueError(f"{path}: the table is empty")
    header = _cells(path, *rows[0])
    lacking = [name for name in NEEDED if name not in header]
    if lacking:
        raise malformed(path, rows[0][0], f"no column {', '.join(lacking)} in {','.join(header)}")
    cells = []
    for place, line in rows[1:]:
        values = _cells(path, place, line)
        if len(values) != len(header):
            raise malformed(path, place, f"{len(values)} values for {len(header)} columns")
        row = dict(zip(header, values, strict=True))
        if row.get("valid") != "0":
            cells.append((place, row))
    shares = [
        visible(path, name, [(place, _number(path, place, row, name)) for place, row in cells])
        for name in LEVELS
    ]
    objects: dict[int, dict[int, Mark]] = {}
    for (place, row), *hidden in zip(cells, *shares, strict=True):
        named = numbers(path, place, [row["frame"], row.get("id", "0")], "frame and id")
        frame, identity = whole(path, place, frame=named[0], id=named[1])
        enter(objects, path, place, identity, frame, _mark(path, place, row, min(hidden)))
    return objects


def _cells(path: Path, place: int, line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line]))]
    except csv.Error as error:
        raise malformed(path, place, str(error)) from None


def _mark(path: Path, place: int, row: dict[str, str], most: float) -> Mark:
    """Box and visible share of a row; an absent target has empty places, or NaN."""
    texts = [row[name] for name in ("x", "y", "w", "h")]
    if not all(texts):
        return (np.nan,) * 4, 0.0
    box = numbers(path, place, texts, "x, y, w and h", absent=True)
    share = _number(path, place, row, "visible")
    if share is None:
        share = 1.0
    if not 0 <= share <= 1:
        raise malformed(path, place, f"visible={share:g} is not between 0 and 1")
    return tuple(box), min(share, most)


def _number(path: Path, place: int, row: dict[str, str], name: str) -> float | None:
    """What stands in a column; None where there is none, or nothing in it."""
    text = row.get(name)
    return numbers(path, place, [text], f"a number as {name}")[0] if text else None


def _most_alike(single: dict[int, Mark], objects: dict[int, dict[int, Mark]]) -> int:
    """The object whose boxes are most often those of ``boxes.csv``, to half a pixel."""

    def alike(identity: int) -> int:
        marks = objects[identity]
        pairs = [(marks[t][0], single[t][0]) for t in marks.keys() & single.keys()]
        return sum(np.allclose(a, b, atol=0.5) for a, b in pairs)

    return max(objects, key=alike)
