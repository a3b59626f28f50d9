"""What changes while an agent learns, as tables of (until so many agent frames, value)."""

from collections.abc import Sequence
from typing import Any

Table = Sequence[Sequence[float | None]]
"""Pairs (until so many frames, value); the last one holds for ever (until None)."""


def stage(table: Table, frames: int) -> Any:
    """The value that a table of (until, value) holds after so many frames."""
    for until, value in table:
        if until is None or frames < until:
            return value
    return table[-1][1]


def check(**tables: Table) -> None:
    """Makes sure that tables are tables.

    Raises:
        ValueError: One is empty, or holds a value that is not positive.
    """
    for name, table in tables.items():
        if not table or any(value is not None and value <= 0 for _, value in table):
            raise ValueError(
                f"{name} must be pairs (until agent frames, a positive number), got {table}"
            )
