"""How sure a comparison of few runs is: means, interquartile means, intervals, who beats whom.

A table of scores has one row per seed and one column per task: ``scores[R, M]``. Seeds are paired
across arms (the same seed draws the same scenes), so differences are taken seed by seed.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats


def _table(scores: ArrayLike) -> Float[np.ndarray, "R M"]:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"scores must be a filled array of runs x tasks, got shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("scores hold NaN or infinity: leave failed runs out and say so")
    return table


def mean(scores: ArrayLike) -> float:
    """Mean over all runs and tasks."""
    return float(_table(scores).mean())


def iqm(scores: ArrayLike) -> float:
    """Interquartile mean: the mean of the middle half of all runs and tasks.

    A quarter of the scores (rounded down) is left out at either end.

    Source:
        Agarwal et al., 2021, "Deep RL at the edge of the statistical precipice", section 4.3,
        https://arxiv.org/abs/2108.13264.

    Example:
        >>> iqm([0.0, 1.0, 2.0, 3.0, 100.0])
        2.0
    """
    return float(stats.trim_mean(_table(scores), 0.25, axis=None))


def student_interval(scores: ArrayLike, level: float = 0.95) -> float:
    """Half the width of Student's interval (95 %) for the mean of single scores.

    The bootstrap is far too narrow for three seeds; this one holds if seeds scatter normally.

    Returns:
        The half-width; NaN for a single score, which says nothing about its scatter.
    """
    flat = _table(scores).ravel()
    if flat.size < 2:
        return float("nan")
    return float(stats.t.ppf((1 + level) / 2, flat.size - 1) * stats.sem(flat))


def bootstrap_interval(
    scores: ArrayLike,
    statistic: Callable[[ArrayLike], float] = mean,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a statistic by the stratified bootstrap.

    Runs are drawn anew with replacement within each task, so every task keeps its weight.

    Args:
        scores: Runs x tasks.
        statistic: What is estimated, such as ``mean`` or ``iqm``.
        level: Coverage of the interval, between 0 and 1.
        resamples: How often the runs are drawn anew.
        seed: Seed of the draws.

    Returns:
        The lower and the upper end.

    Source:
        Agarwal et al., 2021, section 4.1, https://arxiv.org/abs/2108.13264.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    table = _table(scores)
    if len(table) < 2:  # every draw is the same
        value = statistic(table)
        return value, value
    found = stats.bootstrap(
        tuple(table.T),
        lambda *tasks: statistic(np.stack(tasks, axis=-1)),
        n_resamples=resamples,
        confidence_level=level,
        method="percentile",
        vectorized=False,
        rng=np.random.default_rng(seed),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def performance_profile(scores: ArrayLike, levels: ArrayLike) -> Float[np.ndarray, " L"]:
    """The share of runs and tasks above each level: the score distribution.

    Source:
        Agarwal et al., 2021, section 4.2, https://arxiv.org/abs/2108.13264.

    Example:
        >>> performance_profile([0.2, 0.4, 0.9], [0.3, 0.9]).tolist()
        [0.6666666666666666, 0.0]
    """
    flat = _table(scores).ravel()
    return (flat[:, None] > np.asarray(levels, dtype=np.float64)).mean(0)


def probability_of_improvement(ours: ArrayLike, theirs: ArrayLike) -> float:
    """How often we beat them with the same seed on the same task; a draw counts one half.

    Source:
        The paired form of Agarwal et al., 2021, section 4.3, https://arxiv.org/abs/2108.13264.

    Raises:
        ValueError: The two tables are not of one shape, so that runs cannot be paired.

    Example:
        >>> probability_of_improvement([0.7, 0.6, 0.5, 0.4], [0.6, 0.6, 0.4, 0.5])
        0.625
    """
    difference = paired_difference(ours, theirs)
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def paired_difference(ours: ArrayLike, theirs: ArrayLike) -> Float[np.ndarray, "R M"]:
    """Our score minus theirs, run by run.

    Raises:
        ValueError: The two tables are not of one shape, so that runs cannot be paired.
    """
    a, b = _table(ours), _table(theirs)
    if a.shape != b.shape:
        raise ValueError(f"runs must pair up, got {a.shape} and {b.shape} runs x tasks")
    return a - b


def verdict(ours: ArrayLike, theirs: ArrayLike, level: float = 0.95) -> str:
    """One word for a paired comparison: ``above``, ``below`` or ``level`` with.

    Above or below need two seeds or more and an interval of the mean difference (Student's,
    of that ``level``) that leaves out 0. Everything else is level: not told apart by these runs.
    """
    difference = paired_difference(ours, theirs)
    if difference.size < 2:
        return "level"
    half = student_interval(difference, level)
    centre = difference.mean()
    if centre - half > 0:
        return "above"
    return "below" if centre + half < 0 else "level"
