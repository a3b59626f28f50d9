"""Visible shares from what a column of a file says of occlusion or truncation."""

from collections.abc import Sequence
from pathlib import Path

from envs.footage.formats.lines import malformed

LEVELS = {
    "occluded": {0: 1.0, 1: 0.6, 2: 0.2, 3: 0.2},
    "truncated": {0: 1.0, 1: 0.6, 2: 0.2},
}
"""Visible share by level of KITTI tracking: fully visible, partly hidden, largely hidden, unknown.
As in the paper on HART, only levels 0 and 1 count: the others are below what is scored."""


def visible(path: Path, name: str, column: Sequence[tuple[int, float | None]]) -> list[float]:
    """Visible shares of a column: of levels, or of hidden shares where one of them is a fraction.

    Args:
        path: The file, for messages.
        name: ``occluded`` or ``truncated``.
        column: Lines (from 1) and what is said there; None says nothing.

    Raises:
        ValueError: A value is no level, or in a column of fractions none between 0 and 1.
    """
    given = [value for _, value in column if value is not None]
    fractions = not all(float(value).is_integer() for value in given)
    levels = LEVELS[name]
    shares = []
    for place, value in column:
        if value is None:
            shares.append(1.0)
        elif fractions:
            if not 0 <= value <= 1:
                raise malformed(path, place, f"{name}={value:g}, a fraction, is not from 0 to 1")
            shares.append(1 - value)
        elif value in levels:
            shares.append(levels[int(value)])
        else:
            raise malformed(
                path, place, f"{name}={value:g} is none of {' '.join(map(str, levels))}"
            )
    return shares
