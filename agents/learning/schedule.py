"""What changes while an agent learns: a number, or a table of (until so many frames, value)."""

import math
from collections.abc import Sequence
from typing import Any

Table = float | Sequence[Sequence[float | None]]
"""Pairs (until so many frames, value), the last of which holds for ever (until None); or a number
that always holds."""


def stage(table: Table, frames: int) -> Any:
    """The value that a table of (until, value) holds after so many frames."""
    rows = _rows(table)
    for until, value in rows:
        if until is None or frames < until:
            return value
    return rows[-1][1]


def check(**tables: Any) -> None:
    """Makes sure that tables are tables.

    Raises:
        ValueError: One is empty or no table, or holds a value that is not positive and finite.
    """
    for name, table in tables.items():
        if not _is_table(table):
            raise ValueError(
                f"{name} must be a positive number, or pairs (until agent frames, a positive "
                f"number), got {table}"
            )


def _rows(table: Any) -> Sequence[Any]:
    return [(None, table)] if isinstance(table, int | float) else table


def _is_table(table: Any) -> bool:
    try:
        rows = [(until, value) for until, value in _rows(table)]
        good = all(value is None or 0 < value < math.inf for _, value in rows)
        return bool(rows) and good and all(until is None or until > 0 for until, _ in rows)
    except (TypeError, ValueError):
        return False
