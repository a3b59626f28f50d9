"""Statistics against numbers worked by hand."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from dyna.scores import statistics


def test_iqm_leaves_a_quarter_out_at_either_end():
    assert statistics.iqm([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 90.0]) == pytest.approx(3.5)
    assert statistics.iqm([[0.2], [0.4], [0.9]]) == pytest.approx(0.5)
    sample = np.random.default_rng(0).normal(size=(8, 5))
    assert statistics.iqm(sample) == pytest.approx(stats.trim_mean(sample.ravel(), 0.25))


RLIABLE = """
import json, sys
import numpy as np
from rliable import library, metrics
scores, levels = (np.array(x) for x in json.load(sys.stdin))
iqm = lambda x: np.array([metrics.aggregate_iqm(x)])
bounds = library.get_interval_estimates({"ours": scores}, iqm, reps=2000)[1]["ours"]
profile = library.create_performance_profile({"ours": scores}, levels, reps=20)[0]["ours"]
print(json.dumps([iqm(scores).tolist(), bounds.ravel().tolist(), profile.tolist()]))
"""


def test_we_agree_with_rliable():
    """Of what both have; ours pairs seeds where they compare every run with every other.

    In a process of its own: absl, which rliable imports, closes the streams that pytest reads.
    """
    rng = np.random.default_rng(3)
    scores, levels = rng.normal(0.7, 0.1, size=(10, 7)), np.linspace(0.4, 1.0, 13)
    given = json.dumps([scores.tolist(), levels.tolist()])
    told = subprocess.run(
        [sys.executable, "-c", RLIABLE], input=given, capture_output=True, text=True, check=True
    )
    [iqm], bounds, profile = json.loads(told.stdout)
    assert statistics.iqm(scores) == pytest.approx(iqm)
    assert statistics.performance_profile(scores, levels) == pytest.approx(profile)
    ours = statistics.bootstrap_interval(scores, statistics.iqm)
    assert ours == pytest.approx(bounds, abs=0.004)
    assert ours[1] - ours[0] > 0.03, "the interval is far wider than this tolerance"


def test_student_interval_by_hand():
    # mean .70, sd .02, n 3: 4.303 * .02 / sqrt(3)
    assert statistics.student_interval([0.68, 0.70, 0.72]) == pytest.approx(0.04969, abs=1e-4)
    # sd 1.5811, n 5: 4.604 * 1.5811 / sqrt(5) at 99 %
    wide = statistics.student_interval([1.0, 2.0, 3.0, 4.0, 5.0], level=0.99)
    assert wide == pytest.approx(3.2555, abs=1e-3)
    assert np.isnan(statistics.student_interval([0.5]))


def test_bootstrap_interval_is_seeded_and_as_wide_as_theory_says():
    sample = np.random.default_rng(1).normal(size=200)
    low, high = statistics.bootstrap_interval(sample)
    half = 1.96 * sample.std() / np.sqrt(len(sample))
    assert (low, high) == pytest.approx((sample.mean() - half, sample.mean() + half), abs=0.02)
    assert (low, high) == statistics.bootstrap_interval(sample)
    assert statistics.bootstrap_interval([0.5]) == (0.5, 0.5)


def test_bootstrap_is_stratified_by_task():
    # Within each task all runs agree, so no draw can move the mean, however far tasks differ.
    scores = np.tile([[0.1, 0.9]], (5, 1))
    assert statistics.bootstrap_interval(scores, resamples=50) == pytest.approx((0.5, 0.5))


def test_probability_of_improvement_pairs_seeds():
    # 2 wins, 1 draw, 1 loss of 4.
    ours, theirs = [0.7, 0.6, 0.5, 0.4], [0.6, 0.6, 0.4, 0.5]
    assert statistics.probability_of_improvement(ours, theirs) == pytest.approx(0.625)
    assert statistics.probability_of_improvement(theirs, ours) == pytest.approx(0.375)
    with pytest.raises(ValueError, match="pair up"):
        statistics.probability_of_improvement([0.1, 0.2], [0.1])


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([0.70, 0.71, 0.72], [0.60, 0.61, 0.62], "above"),
        ([0.60, 0.61, 0.62], [0.70, 0.71, 0.72], "below"),
        ([0.60, 0.75, 0.62], [0.61, 0.61, 0.62], "level"),
        ([0.9], [0.1], "level"),
    ],
)
def test_verdict(ours, theirs, expected):
    assert statistics.verdict(ours, theirs) == expected


@pytest.mark.parametrize("scores", [[], [float("nan"), 0.1], np.zeros((2, 2, 2))])
def test_bad_scores_are_refused(scores):
    with pytest.raises(ValueError, match="scores"):
        statistics.mean(scores)
