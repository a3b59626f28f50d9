"""Seeds are saved where a comparison is decided, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest

from dyna.scores.results import Row
from dyna.study.enough import needless
from dyna.study.plan import Job
from tests.dyna.rows import row

SEEDS = 6


def _study(ours: list[float], theirs: list[float]) -> tuple[list[Job], list[Row]]:
    """A plan of six seeds of our model and a rival, and what the first of them gave."""
    plan = [row(arm, 0.0, seed) for seed in range(SEEDS) for arm in ("air", "rigid")]
    jobs = [Job(one, [], Path()) for one in plan]
    rows = [row("air", iou, seed) for seed, iou in enumerate(ours)]
    return jobs, rows + [row("rigid", iou, seed) for seed, iou in enumerate(theirs)]


def _of(jobs: list[Job], seed: int) -> Job:
    return next(job for job in jobs if job.row["seed"] == seed)


def test_a_clear_difference_needs_no_more_seeds() -> None:
    jobs, rows = _study([0.80, 0.81, 0.82], [0.50, 0.512, 0.519])
    assert needless(_of(jobs, 3), jobs, rows, 0.95)
    assert needless(_of(jobs, 5), jobs, rows, 0.95), "also if seed 3 was not run"
    assert not needless(_of(jobs, 2), jobs, rows, 0.95), "two are too few"
    assert not needless(_of(jobs, 3), jobs, rows, None), "nobody asked"
    assert not needless(_of(jobs, 3), jobs, rows[:-1], 0.95), "the third is not over"


def test_what_is_not_told_apart_goes_on() -> None:
    jobs, rows = _study([0.80, 0.81, 0.82], [0.79, 0.82, 0.81])
    assert not needless(_of(jobs, 3), jobs, rows, 0.95)
    assert not needless(_of(jobs, 5), jobs, rows, 0.95)


def test_a_study_without_rivals_decides_nothing() -> None:
    jobs, rows = _study([0.80, 0.81, 0.82], [])
    alone = [job for job in jobs if job.row["arm"] == "air"]
    assert not needless(_of(alone, 3), alone, rows, 0.95)


def test_equal_arms_are_rarely_told_apart_however_often_one_looks() -> None:
    """The share of wrong verdicts over all looks stays below what was allowed."""
    rng, wrong, number = np.random.default_rng(0), 0, 100
    for _ in range(number):
        ours, theirs = rng.normal(0.8, 0.02, size=(2, SEEDS)).tolist()
        jobs, rows = _study(ours, theirs)
        wrong += any(
            needless(_of(jobs, n), jobs, [r for r in rows if r["seed"] < n], 0.9)
            for n in range(3, SEEDS)
        )
    assert wrong / number <= 0.1


@pytest.mark.parametrize("behind", [0.3, 0.9])
def test_below_is_decided_as_well(behind: float) -> None:
    jobs, rows = _study([behind] * 3, [0.6, 0.601, 0.602])
    assert needless(_of(jobs, 3), jobs, rows, 0.95)
