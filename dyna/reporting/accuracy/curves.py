"""How wrong a world model may be: what a simulator with one fault at a time is still worth.

A fault breaks even where its dreams teach no more than those of the better rival that learns
nothing; between levels, and between the first level and no fault, IoU is taken to be linear.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from dyna.reporting.tables import Line, lines
from dyna.scores.arms import SIMULATOR, Fault, fault, faults
from dyna.scores.results import Row

RESAMPLES = 2000
"""Draws of the bootstrap."""
LEAST_SEEDS = 3
"""With fewer the bootstrap says nothing."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """What one fault costs on one tier with the same frames, over the seeds that all have.

    Attributes:
        fault: Which.
        tier: Where.
        frames: Real and imagined ones.
        seeds: Those that all have.
        level: How large it is; 0 at first, which is right.
        iou: Of every seed at every level.
        rival: Of every seed of the better arm that imagines without learning; None without one.
        rival_label: Name of that arm.
    """

    fault: Fault
    tier: str
    frames: tuple[int, int]
    seeds: list[int]
    level: Float[np.ndarray, " L"]
    iou: Float[np.ndarray, "N L"]
    rival: Float[np.ndarray, " N"] | None
    rival_label: str

    @property
    def setting(self) -> tuple[str, tuple[int, int]]:
        """Tier and frames: what curves must share to be shown together."""
        return self.tier, self.frames

    @property
    def cost(self) -> Float[np.ndarray, "N L"]:
        """IoU that is lost against no fault, by seed."""
        return self.iou[:, :1] - self.iou

    def break_even(self) -> tuple[float, float, float] | None:
        """The level at which it breaks even, and its 95 % interval over seeds (bootstrap).

        Infinite where even the largest fault leaves dreams better. None without a rival.
        """
        if self.rival is None:
            return None
        rng = np.random.default_rng(0)
        drawn = rng.integers(len(self.iou), size=(RESAMPLES, len(self.iou)))
        found = [crossing(self.level, self.iou[d].mean(0), self.rival[d].mean()) for d in drawn]
        middle = crossing(self.level, self.iou.mean(0), float(self.rival.mean()))
        # Not interpolated: between a level and infinity there is nothing.
        low, high = np.quantile(found, [0.025, 0.975], method="inverted_cdf")
        return middle, float(low), float(high)


def crossing(level: Float[np.ndarray, " L"], iou: Float[np.ndarray, " L"], rival: float) -> float:
    """Where a line through points first falls to a rival's IoU; infinity if it never does.

    Example:
        >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([0.9, 0.8, 0.6]), 0.7)
        1.5
    """
    below = np.flatnonzero(iou <= rival)
    if len(below) == 0:
        return math.inf
    after = int(below[0])
    if after == 0:
        return float(level[0])
    share = (iou[after - 1] - rival) / (iou[after - 1] - iou[after])
    return round(float(level[after - 1] + share * (level[after] - level[after - 1])), 6)


def curves(rows: Sequence[Row]) -> list[Curve]:
    """Every fault that the rows have beside the simulator without one, in their order."""
    every = [line for line in lines(rows) if line.rows]
    found = []
    for right in (line for line in every if line.arm == SIMULATOR):
        there = [line for line in every if line.setting[1:] == right.setting[1:]]
        free = [line for line in there if line.kind == "free"]
        rival = max(free, key=lambda line: line.mean("iou") or 0.0, default=None)
        for one in faults().values():
            wrong = [line for name in one.arms for line in there if line.arm == name]
            if wrong:
                found.append(_curve(one, right, wrong, rival))
    return [curve for curve in found if len(curve.iou)]


def _curve(one: Fault, right: Line, wrong: Sequence[Line], rival: Line | None) -> Curve:
    used = [right, *wrong] + ([rival] if rival else [])
    seeds = sorted(set.intersection(*(set(line.rows) for line in used)))
    table = np.array([[line.rows[seed]["iou"] for line in used] for seed in seeds])
    table = table.reshape(len(seeds), len(used))
    level = np.array([0.0, *(found[1] for line in wrong if (found := fault(line.arm)))])
    frames = right.real_frames, right.imagined_frames
    theirs, label = (table[:, -1], rival.label) if rival else (None, "")
    return Curve(one, right.tier, frames, seeds, level, table[:, : len(level)], theirs, label)
