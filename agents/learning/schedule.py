"""What changes while an agent learns: a number, or a table of (until so many frames, value)."""

import math
from collections.abc import Sequence
from typing import Any

from envs.settings import LARGEST

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


def check(name: str, table: Any, whole: bool = False, optional: bool = False) -> None:
    """Makes sure that a table is one.

    Args:
        name: What to call it.
        table: What was given.
        whole: Whether its values are whole numbers.
        optional: Whether a value may be None.

    Raises:
        ValueError: It is empty or no table, or holds a value that is not positive and finite.
    """
    kind = int if whole else int | float
    least = "a whole number above 0" if whole else "a positive number"

    def is_good(value: Any, kind: Any) -> bool:
        known = isinstance(value, kind) and not isinstance(value, bool)
        return known and 0 < value < (LARGEST if isinstance(value, int) else math.inf)

    try:
        rows = [(until, value) for until, value in _rows(table)]
        values = [value for _, value in rows if not (optional and value is None)]
        ends = [until for until, _ in rows if until is not None]
        good = bool(rows) and all(is_good(value, kind) for value in values)
        good = good and all(is_good(until, int | float) for until in ends)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            f"{name} must be {least}, or pairs [until agent frames, {least}] of which the last is "
            f"until null, got {table}"
        )


def _rows(table: Any) -> Sequence[Any]:
    return [(None, table)] if isinstance(table, int | float) else table
