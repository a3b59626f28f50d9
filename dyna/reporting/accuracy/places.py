"""How wrong learned models are, in the units of faults.

A fault shows in a figure of dreams. Where a model's figure is as far from the simulator's as that
of the simulator with the fault is, the model counts as that wrong: it has at most so much of it,
since other faults may show in the same figure. Too much counts like too little.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from dyna.reporting.accuracy.curves import Curve, curves
from dyna.reporting.tables import Line, lines
from dyna.scores.arms import SIMULATOR
from dyna.scores.results import Row

PLACED = ("free", "learned")
"""Kinds of arms whose models are placed."""


@dataclasses.dataclass(frozen=True)
class Place:
    """One model beside one fault.

    Attributes:
        curve: What that fault costs.
        line: The runs of the model.
        level: How wrong it is, in levels of the fault.
        position: The same in numbers of levels: 1.5 is between the first and the second.
        beyond: Whether it is further off than the largest level; then it is placed there.
        cost: IoU that the fault costs at this level.
    """

    curve: Curve
    line: Line
    level: float
    position: float
    beyond: bool
    cost: float


def places(rows: Sequence[Row]) -> list[Place]:
    """Every model beside every fault that shows in a figure, in the order of the curves."""
    every = [line for line in lines(rows) if line.rows]
    found = []
    for curve in curves(rows):
        there = {x.arm: x for x in every if x.setting[1:] == (curve.tier, *curve.frames)}
        known = [there[name] for name in (SIMULATOR, *curve.fault.arms) if name in there]
        values = [_dreamed(line, curve) for line in known]
        figure = np.array([np.nan if value is None else value for value in values])
        off = np.abs(figure - figure[0])
        for line in there.values():
            own = _dreamed(line, curve)
            if line.kind in PLACED and own is not None and np.isfinite(off).all():
                found.append(_place(curve, line, off, abs(own - figure[0])))
    return found


def _dreamed(line: Line, curve: Curve) -> float | None:
    return line.mean(f"beside/{curve.fault.figure}/dreamed") if curve.fault.figure else None


def _place(curve: Curve, line: Line, off: Float[np.ndarray, " L"], own: float) -> Place:
    """Where a figure that is ``own`` off belongs, among those of all levels."""
    rising = np.maximum.accumulate(off)
    position = float(np.interp(own, rising, np.arange(len(rising))))
    level = float(np.interp(position, np.arange(len(rising)), curve.level))
    cost = float(np.interp(position, np.arange(len(rising)), curve.cost.mean(0)))
    return Place(curve, line, level, position, bool(own > rising[-1]), cost)
