"""How many real frames are saved: the level that counts, budgets between, and what is unknown."""

import math

import numpy as np
import pytest

from dyna.reporting.savings import needed, savings, sentences
from dyna.scores.results import Row
from tests.dyna.rows import seeds


def _study(*ours: tuple[int, float], free: float = 0.75) -> list[Row]:
    rows = [*seeds("none", 0.5, 0.5), *seeds("none", free, free, real=100_000)]
    for frames, iou in ours:
        rows += seeds("air", iou, iou, real=frames)
    return rows


def test_the_level_is_that_of_the_most_model_free_frames() -> None:
    [found] = savings(_study((100, 0.65), (1000, 0.85)))
    assert (found.most, found.level) == (100_000, 0.75)
    assert found.needed == pytest.approx(math.sqrt(100 * 1000))
    assert found.times == pytest.approx(found.low) == pytest.approx(found.high)
    assert sentences(_study((100, 0.65), (1000, 0.85))) == [
        "Dyna (air) reaches what model-free learning has with 100,000 real frames on plain (IoU "
        "0.750) with 316: 316 times fewer (316 to 316)."
    ]


def test_seeds_that_differ_give_an_interval() -> None:
    rows = [*seeds("none", 0.7, 0.8, real=100_000), *seeds("air", 0.6, 0.7, real=100)]
    [found] = savings([*rows, *seeds("air", 0.85, 0.9, real=1000)])
    assert found.low < found.times < found.high


def test_the_fewest_frames_that_were_enough_are_a_bound() -> None:
    said = sentences(_study((100, 0.8), (1000, 0.85)))[0]
    assert "with at most 100: at least 1000 times fewer" in said


def test_what_never_gets_there_is_told() -> None:
    rows = _study((100, 0.5), (1000, 0.6))
    assert math.isinf(savings(rows)[0].needed)
    assert sentences(rows)[0].startswith("Dyna (air) does not reach what model-free learning has")


def test_one_budget_or_no_longer_model_free_run_says_nothing() -> None:
    assert sentences(_study((1000, 0.8))) == []
    assert (
        sentences([*seeds("none", 0.5), *seeds("air", 0.6), *seeds("air", 0.7, real=4000)]) == []
    )


def test_a_curve_that_begins_above_needs_its_first_budget() -> None:
    assert needed(np.array([50.0, 100.0]), np.array([0.9, 0.8]), 0.85) == 50
