"""Schedules: numbers that hold for ever, or tables by agent frames."""

import math
from typing import Any

import pytest

from agents.learning.schedule import check, stage


def test_a_table_holds_until_its_frames_and_a_number_for_ever() -> None:
    table = [[10, 3], [20, 2], [None, 1]]
    assert [stage(table, frames) for frames in (0, 9, 10, 20, 10**9)] == [3, 3, 2, 1, 1]
    assert stage(3e-4, 10**9) == 3e-4


@pytest.mark.parametrize(
    "bad",
    [
        *(-1, 0, math.nan, math.inf, "abc", True, None, 2**64, {"a": 1}, [], [[1]], [1e30, 1e30]),
        *([[None, "x"]], [[None, math.nan]], [[None, None]], [[None, [1]]]),
        *([[0, 1]], [[math.nan, 1]]),
    ],
)
def test_what_is_no_schedule_is_named(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"rate must be a positive number, or pairs"):
        check("rate", bad)


def test_numbers_of_episodes_are_whole_and_may_be_left_to_the_task() -> None:
    check("horizons", [[2500, 5], [None, None]], whole=True, optional=True)
    for bad in (0.5, [[None, 1.5]], [[None, None]]):
        with pytest.raises(ValueError, match="epochs must be a whole number above 0"):
            check("epochs", bad, whole=True)
