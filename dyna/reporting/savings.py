"""How many real frames a learned model saves: what it needs to be as good as model-free learning.

The level to reach is that of model-free learning with the most real frames. Between two budgets
IoU is taken to be linear in the logarithm of frames.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from dyna.reporting.tables import Line, lines, tiers
from dyna.scores.results import Row

RESAMPLES = 2000
"""Draws of the bootstrap."""


@dataclasses.dataclass(frozen=True)
class Saving:
    """What one learned arm saves on one tier.

    Attributes:
        tier: Where.
        label: Of the arm.
        most: Real frames of the model-free runs whose level is to be reached.
        level: Their mean IoU.
        needed: Real frames that the arm needs for it; infinite if no budget was enough, at most
            its fewest if all were.
        low: Times fewer frames, lower end of the 95 % interval over seeds (bootstrap).
        high: The upper end.
        at_least: Whether the arm's fewest frames were enough, so that it may need fewer still.
    """

    tier: str
    label: str
    most: int
    level: float
    needed: float
    low: float
    high: float
    at_least: bool

    @property
    def times(self) -> float:
        """How many times fewer real frames."""
        return self.most / self.needed


def needed(frames: Float[np.ndarray, " L"], iou: Float[np.ndarray, " L"], level: float) -> float:
    """The fewest frames from which on a curve is at a level; infinity if it never is.

    Example:
        >>> round(needed(np.array([100.0, 1000.0]), np.array([0.5, 0.7]), 0.6))
        316
    """
    enough = np.flatnonzero(iou >= level)
    if len(enough) == 0:
        return math.inf
    first = int(enough[0])
    if first == 0:
        return float(frames[0])
    a, b = np.log(frames[first - 1 : first + 1])
    share = (level - iou[first - 1]) / (iou[first] - iou[first - 1])
    return float(np.exp(a + share * (b - a)))


def savings(rows: Sequence[Row]) -> list[Saving]:
    """Every learned arm with several budgets, on every tier with longer model-free runs."""
    every, found = [line for line in lines(rows) if line.rows], []
    for tier in tiers(rows):
        there = [line for line in every if line.tier == tier]
        free = max(
            (line for line in there if line.arm == "none"),
            key=lambda line: line.real_frames,
            default=None,
        )
        settings = dict.fromkeys((x.arm, x.imagined_frames) for x in there if x.is_learned)
        for name, imagined in settings:
            budgets = [x for x in there if (x.arm, x.imagined_frames) == (name, imagined)]
            budgets.sort(key=lambda line: line.real_frames)
            if free and len(budgets) > 1 and free.real_frames > budgets[-1].real_frames:
                found.append(_saving(free, budgets))
    return found


def _saving(free: Line, budgets: Sequence[Line]) -> Saving:
    frames = np.array([line.real_frames for line in budgets], dtype=float)
    scores = [np.array(line.values("iou")) for line in budgets]
    target = np.array(free.values("iou"))
    rng = np.random.default_rng(0)

    def mean(values: np.ndarray) -> float:
        return float(values[rng.integers(len(values), size=len(values))].mean())

    drawn = [
        free.real_frames / needed(frames, np.array([mean(x) for x in scores]), mean(target))
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    curve = np.array([x.mean() for x in scores])
    level = float(target.mean())
    least = needed(frames, curve, level)
    label, enough = budgets[0].label, bool(curve[0] >= level)
    return Saving(
        free.tier, label, free.real_frames, level, least, float(low), float(high), enough
    )


def sentences(rows: Sequence[Row]) -> list[str]:
    """What each learned arm saves, in words."""
    said = []
    for one in savings(rows):
        goal = f"model-free learning has with {one.most:,} real frames on {one.tier}"
        goal += f" (IoU {one.level:.3f})"
        if math.isinf(one.needed):
            said.append(f"{one.label} does not reach what {goal}.")
            continue
        at_most = "at most " if one.at_least else ""
        at_least = "at least " if one.at_least else ""
        said.append(
            f"{one.label} reaches what {goal} with {at_most}{one.needed:,.0f}: {at_least}"
            f"{one.times:.0f} times fewer ({one.low:.0f} to {one.high:.0f})."
        )
    return said
