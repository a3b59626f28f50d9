"""How wrong learned models are, in the units of faults.

A fault shows in a figure of dreams beside the same figure of real scenes. Where a model's is as
far from what it should be as that of the simulator with the fault, the model counts as that wrong.
This is a reading, no bound: other faults move the same figure, either way.
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
        level: How wrong it is, in levels of the fault; 0 also where its figure is off the other
            way.
        position: The same in numbers of levels: 1.5 is between the first and the second.
        beyond: Whether it is further off than the largest level; then it is placed there.
        other_way: Whether it is off the other way, by more than half of what the least level is.
        cost: IoU that the fault costs at this level.
    """

    curve: Curve
    line: Line
    level: float
    position: float
    beyond: bool
    other_way: bool
    cost: float

    @property
    def below(self) -> float:
        """How far the model is below the simulator, over the seeds that both have."""
        right = dict(zip(self.curve.seeds, self.curve.iou[:, 0], strict=True))
        pairs = [iou - self.line.rows[s]["iou"] for s, iou in right.items() if s in self.line.rows]
        return float(np.mean(pairs)) if pairs else float("nan")


def places(rows: Sequence[Row]) -> list[Place]:
    """Every model beside every fault that shows in a figure, in the order of the curves."""
    every = [line for line in lines(rows) if line.rows]
    found = []
    for curve in curves(rows):
        there = {x.arm: x for x in every if x.setting[1:] == (curve.tier, *curve.frames)}
        known = [there[name] for name in (SIMULATOR, *curve.fault.arms) if name in there]
        off = np.array([_off(line, curve) for line in known])
        for line in there.values():
            own = _off(line, curve)
            if line.kind in PLACED and np.isfinite([own, *off]).all():
                found.append(_place(curve, line, off - off[0], own - off[0]))
    return found


def _off(line: Line, curve: Curve) -> float:
    """How far dreams are from real scenes in the figure of a fault; not a number if unknown."""
    if not curve.fault.figure:
        return np.nan
    dreamed, real = (line.mean(f"beside/{curve.fault.figure}/{x}") for x in ("dreamed", "real"))
    return np.nan if dreamed is None or real is None else dreamed - real


def _place(curve: Curve, line: Line, off: Float[np.ndarray, " L"], own: float) -> Place:
    """Where a figure that is ``own`` off belongs, among those of all levels."""
    way = float(np.sign(off[np.abs(off).argmax()]))
    rising, size = np.maximum.accumulate(way * off), way * own
    numbers = np.arange(len(rising))
    position = float(np.interp(size, rising, numbers))
    level = float(np.interp(position, numbers, curve.level))
    cost = float(np.interp(position, numbers, curve.cost.mean(0)))
    beyond, other_way = bool(size > rising[-1]), bool(size < -rising[1] / 2)
    return Place(curve, line, level, position, beyond, other_way, cost)
