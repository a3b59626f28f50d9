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

from envs.footage.formats.kitti import OCCLUDED, TRUNCATED
from envs.footage.formats.lines import lines, malformed
from envs.footage.frames import FILMS, VideoFile, find
from envs.footage.sequences import Mark, Sequence, from_marks

NEEDED = ("frame", "x", "y", "w", "h")


def matches(path: Path) -> bool:
    """Whether this is a folder with a table, or a video file with one beside it."""
    if path.is_file():
        return path.suffix.lower() in FILMS
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
    if single is not None and max(single[0], default=-1) + 1 != len(frames):
        raise ValueError(
            f"{path / 'boxes.csv'}: {max(single[0], default=-1) + 1} lines for {len(frames)} "
            f"frames in {frames.path}; there must be one line per frame"
        )
    if not (path / "tracks.csv").is_file():
        return [from_marks(path.name, frames, single or {})]
    objects = read(path / "tracks.csv")
    main = None if single is None else _most_alike(single[0], objects)
    return [from_marks(path.name, frames, objects, main)]


def read(path: Path) -> dict[int, dict[int, Mark]]:
    """Boxes by object and frame; a table without ``id`` has one object, 0."""
    rows = list(lines(path))
    if not rows:
        raise ValueError(f"{path}: the table is empty")
    header = [name.strip() for name in next(csv.reader([rows[0][1]]))]
    lacking = [name for name in NEEDED if name not in header]
    if lacking:
        raise malformed(path, rows[0][0], f"no column {', '.join(lacking)} in {','.join(header)}")
    objects: dict[int, dict[int, Mark]] = {}
    for place, line in rows[1:]:
        values = next(csv.reader([line]))
        if len(values) != len(header):
            raise malformed(path, place, f"{len(values)} values for {len(header)} columns")
        row = dict(zip(header, values, strict=True))
        try:
            if row.get("valid") == "0":
                continue
            marks = objects.setdefault(int(row.get("id", 0)), {})
            marks[int(row["frame"])] = _mark(row)
        except (ValueError, KeyError) as error:
            raise malformed(path, place, f"{error} (columns {','.join(header)})") from None
    return {identity: marks for identity, marks in objects.items() if marks}


def _mark(row: dict[str, str]) -> Mark:
    """Box and visible share of a row; an absent target has empty places."""
    texts = [row[name].strip() for name in ("x", "y", "w", "h")]
    if not all(texts):
        return (np.nan,) * 4, 0.0
    share = float(row.get("visible") or 1)
    if not 0 <= share <= 1:
        raise ValueError(f"visible={share} is not between 0 and 1")
    for name, shares in (("occluded", OCCLUDED), ("truncated", TRUNCATED)):
        if level := (row.get(name) or "").strip():
            share = min(share, shares[int(level)])
    return tuple(float(text) for text in texts), share


def _most_alike(single: dict[int, Mark], objects: dict[int, dict[int, Mark]]) -> int:
    """The object whose boxes are most often those of ``boxes.csv``, to half a pixel."""

    def alike(identity: int) -> int:
        marks = objects[identity]
        pairs = [(marks[t][0], single[t][0]) for t in marks.keys() & single.keys()]
        return sum(np.allclose(a, b, atol=0.5) for a, b in pairs)

    return max(objects, key=alike)
