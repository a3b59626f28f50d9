"""Annotated videos in the formats in which data sets are published, one module for each."""

import warnings
from pathlib import Path
from types import ModuleType

from envs.footage.folders import entries
from envs.footage.formats import kitti, kth, mot, otb, table, vot
from envs.footage.sequences import Sequence

FORMATS: dict[str, ModuleType] = {
    "csv": table,
    "kitti": kitti,
    "kth": kth,
    "mot": mot,
    "otb": otb,
    "vot": vot,
}
"""Each has ``matches(path)`` and ``load(path)``; the first that matches is taken."""
AUTO = "auto"


def load(path: str | Path, format: str = AUTO, rotate: bool = True) -> list[Sequence]:
    """All sequences at a path that have objects, sorted by folder; others end in a warning.

    Args:
        path: One sequence, a folder with sequences at any depth, or a video file with a CSV.
        format: One of ``FORMATS``, or ``auto`` to find out for each folder.
        rotate: Whether frames are turned as their files ask; boxes lie on what is then seen.

    Raises:
        FileNotFoundError: There is no such path, or a sequence lacks its frames.
        ValueError: An unknown format, no sequence at all, none with an object, or a damaged file.
    """
    if format != AUTO and format not in FORMATS:
        raise ValueError(f"format must be {AUTO} or one of {', '.join(FORMATS)}, got {format!r}")
    root = Path(path).expanduser()
    if not root.exists():
        raise FileNotFoundError(f"{root}: there is no such file or folder; give env.path=...")
    readers = list(FORMATS.values()) if format == AUTO else [FORMATS[format]]
    found = _search(root, readers)
    if not found:
        raise ValueError(
            f"{root}: no sequence of format {format} in it; docs/data.md shows how folders must "
            f"look for {', '.join(FORMATS)}"
        )
    kept = [sequence for sequence in found if sequence.num_objects]
    empty = ", ".join(sequence.name for sequence in found if not sequence.num_objects)
    if not kept:
        raise ValueError(f"{root}: no object is annotated in {empty}; give boxes to follow")
    if empty:
        warnings.warn(f"{root}: no object is annotated in {empty}: left out", stacklevel=2)
    for sequence in kept:
        sequence.frames.rotate = rotate
    return kept


def _search(path: Path, readers: list[ModuleType]) -> list[Sequence]:
    """Depth first; what lies below a sequence belongs to it."""
    for reader in readers:
        if reader.matches(path):
            sequences: list[Sequence] = reader.load(path)
            return sequences
    if path.is_file():
        return []
    inside = entries(path)
    films = [p for p in inside if p.is_file() and p.with_suffix(".csv").is_file()]
    folders = [p for p in inside if p.is_dir()]
    return [sequence for p in films + folders for sequence in _search(p, readers)]
