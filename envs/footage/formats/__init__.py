"""Annotated videos in the formats in which data sets are published, one module for each."""

import os
from pathlib import Path
from types import ModuleType

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


def load(path: str | Path, format: str = AUTO) -> list[Sequence]:
    """All sequences at a path, sorted by folder.

    Args:
        path: One sequence, a folder with sequences at any depth, or a video file with a CSV.
        format: One of ``FORMATS``, or ``auto`` to find out for each folder.

    Raises:
        FileNotFoundError: There is no such path, or a sequence lacks its frames.
        ValueError: An unknown format, no sequence at all, or a damaged file.
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
    return found


def _search(path: Path, readers: list[ModuleType]) -> list[Sequence]:
    """Depth first; what lies below a sequence belongs to it."""
    for reader in readers:
        if reader.matches(path):
            sequences: list[Sequence] = reader.load(path)
            return sequences
    if path.is_file():
        return []
    folders = sorted(entry.path for entry in os.scandir(path) if entry.is_dir())
    films = sorted(p for p in path.glob("*") if p.is_file() and p.with_suffix(".csv").is_file())
    found = [s for film in films for s in _search(film, readers)]
    return found + [s for folder in folders for s in _search(Path(folder), readers)]
