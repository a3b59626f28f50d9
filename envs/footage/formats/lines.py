"""Numbers in lines of text, with errors that name the file and the line."""

import re
from collections.abc import Iterator
from pathlib import Path

SEPARATORS = re.compile(r"[,;\s]+")


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


def numbers(path: Path, place: int, texts: list[str], what: str) -> list[float]:
    """The texts as numbers.

    Args:
        path: Where they were read, for the message.
        place: The line, from 1.
        texts: What was read there.
        what: What should be there, for the message.

    Raises:
        ValueError: One is no number.
    """
    try:
        return [float(text) for text in texts]
    except ValueError as error:
        raise malformed(path, place, f"{error}; it should hold {what}") from None


def malformed(path: Path, place: int, why: str) -> ValueError:
    """The error for a line that cannot be understood."""
    return ValueError(f"{path}, line {place}: {why}")
