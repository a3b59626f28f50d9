"""Numbers in lines of text, with errors that name the file and the line."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from envs.footage.sequences import Mark

SEPARATORS = re.compile(r"[,;\s]+")
LARGEST = 2**53
"""Up to here a float tells whole numbers apart."""


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, numbered from 1.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: this is no text ({error})") from error
    for place, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield place, line.strip()


def words(line: str) -> list[str]:
    """What stands between commas, semicolons, tabs and blanks."""
    return [word for word in SEPARATORS.split(line.strip()) if word]


def numbers(
    path: Path, place: int, texts: list[str], what: str, absent: bool = False
) -> list[float]:
    """The texts as numbers.

    Args:
        path: Where they were read, for the message.
        place: The line, from 1.
        texts: What was read there.
        what: What should be there, for the message.
        absent: Whether NaN is allowed, which marks absent targets.

    Raises:
        ValueError: One is no number.
    """
    try:
        values = [float(text) for text in texts]
    except ValueError as error:
        raise malformed(path, place, f"{error}; it should hold {what}") from None
    for text, value in zip(texts, values, strict=True):
        if math.isinf(value) or (math.isnan(value) and not absent):
            raise malformed(path, place, f"{text} is no finite number; it should hold {what}")
    return values


def whole(path: Path, place: int, **values: float) -> list[int]:
    """The values, which must be whole numbers, by the names that stand in the message.

    Raises:
        ValueError: One is a fraction or NaN, or so large that fractions cannot be told.
    """
    for name, value in values.items():
        if not float(value).is_integer() or abs(value) > LARGEST:
            raise malformed(path, place, f"{name}={value:.15g} is no whole number")
    return [int(value) for value in values.values()]


def enter(
    objects: dict[int, dict[int, Mark]],
    path: Path,
    place: int,
    identity: int,
    frame: int,
    mark: Mark,
    first: int = 0,
) -> None:
    """Puts one object in one frame among what was read before.

    Args:
        objects: By object, then by frame counted from 0.
        path: Where it was read, for the message.
        place: The line, from 1.
        identity: The object.
        frame: The frame, as numbered in the file.
        mark: Where it is.
        first: Number of the first frame in the file.

    Raises:
        ValueError: The object stands there already, or there can be no such frame.
    """
    marks = objects.setdefault(identity, {})
    if frame < first:
        raise malformed(path, place, f"frame {frame}, but frames are counted from {first}")
    if frame - first in marks:
        raise malformed(
            path, place, f"object {identity} is in frame {frame} twice; keep one of the lines"
        )
    marks[frame - first] = mark


def malformed(path: Path, place: int, why: str) -> ValueError:
    """The error for a line that cannot be understood."""
    return ValueError(f"{path}, line {place}: {why}")
