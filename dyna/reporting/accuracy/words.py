"""What faults cost, as a table and in sentences."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from dyna.reporting.accuracy.curves import LEAST_SEEDS, Curve, curves
from dyna.reporting.accuracy.places import Place, places
from dyna.reporting.findings import listed
from dyna.reporting.tables import in_markdown
from dyna.scores import statistics
from dyna.scores.results import Row


def ranked(rows: Sequence[Row]) -> list[Curve]:
    """The curves, first those that cost most at their largest level."""
    return sorted(curves(rows), key=lambda curve: -curve.cost.mean(0).max())


def table(rows: Sequence[Row]) -> str:
    """What each fault costs at each level, and where it breaks even."""
    found = ranked(rows)
    most = max((len(curve.level) for curve in found), default=1) - 1
    header = ["fault", *(f"level {i + 1}" for i in range(most)), "breaks even at", "seeds"]
    body = []
    for curve in found:
        texts = [
            f"{curve.fault.sized(level)}: {_cost(curve.cost[:, i])}"
            for i, level in enumerate(curve.level)
            if i
        ]
        texts += [""] * (most - len(texts))
        even = break_even(curve)
        even += f", with {curve.rival_label}" if even else ""
        body.append([curve.fault.label, *texts, even, str(len(curve.iou))])
    return in_markdown(header, body)


def models(rows: Sequence[Row]) -> str:
    """How wrong each model is in the units of each fault, and what so much of it costs.

    On the first tier; empty if no model has figures of its dreams.
    """
    found = _first(rows)
    by_fault: dict[str, dict[str, Place]] = {}
    for one in found:
        by_fault.setdefault(one.curve.fault.label, {})[one.line.label] = one
    names = list(dict.fromkeys(one.line.label for one in found))
    body = [
        [label, *(_placed(own[name]) if name in own else "" for name in names)]
        for label, own in by_fault.items()
    ]
    below = {one.line.label: f"{-one.below:+.3f}" for one in found}
    body.append(["all that is wrong with it", *(below[name] for name in names)])
    return in_markdown(["fault", *names], body) if found else ""


def _first(rows: Sequence[Row]) -> list[Place]:
    """Models beside the faults of the first tier and frames, those that cost most first."""
    found = places(rows)
    found = [one for one in found if one.curve.setting == found[0].curve.setting]
    return sorted(found, key=lambda one: -one.curve.cost.mean(0).max())


def _placed(one: Place) -> str:
    """A size and what it costs."""
    if one.other_way:
        return "the other way"
    size = one.curve.fault.sized(float(f"{one.level:.2g}"))
    cost = round(-one.cost, 3) + 0.0  # no minus before zeros
    return f"{'over ' if one.beyond else ''}{size}: {cost:+.3f}"


def _cost(values: Float[np.ndarray, " N"]) -> str:
    half = statistics.student_interval(values)
    return f"{-values.mean():+.3f}" + ("" if math.isnan(half) else f" ± {half:.3f}")


def break_even(curve: Curve) -> str:
    """Where a fault breaks even, with its interval in brackets; empty without a rival."""
    found = curve.break_even()
    if found is None:
        return ""
    largest = f"> {curve.level[-1]:.3g}"
    middle, low, high = (largest if math.isinf(x) else f"{x:.3g}" for x in found)
    known = len(curve.seeds) >= LEAST_SEEDS and not low == middle == high
    spread = f" [{low}, {high}]" if known else ""
    return f"{middle}{spread} {curve.fault.unit}".replace(" %", "%")


def sentences(rows: Sequence[Row]) -> list[str]:
    """Which faults cost most and least, and whether trembling and biased boxes cost the same."""
    found = ranked(rows)
    if not found:
        return []
    said = []
    for tier in dict.fromkeys(curve.tier for curve in found):
        there = [curve for curve in found if curve.tier == tier]
        costs = [
            f"{curve.fault.label} ({curve.fault.sized(curve.level[i])}: "
            f"{-curve.cost[:, i].mean():+.3f})"
            for curve in there
            for i in [int(curve.cost.mean(0).argmax())]
        ]
        said.append(f"On {tier}, by what they cost at their worst: {listed(costs)}.")
        by_name = {curve.fault.name: curve for curve in there}
        if {"box_jitter", "box_bias"} <= by_name.keys():
            said.append(_apart(by_name["box_jitter"], by_name["box_bias"]))
    return [*said, *_told_of_models(rows)]


def _told_of_models(rows: Sequence[Row]) -> list[str]:
    """What each learned model does wrong, with what so much of it costs, and what it loses."""
    found, said = [one for one in _first(rows) if one.line.is_learned], []
    for label in dict.fromkeys(one.line.label for one in found):
        own = [one for one in found if one.line.label == label]
        costs = [
            f"{one.curve.fault.label} ({_placed(one)})"
            for one in sorted(own, key=lambda one: -one.cost)
        ]
        said.append(
            f"{label} is {-own[0].below:+.3f} from the simulator on {own[0].curve.tier}. As much "
            f"as its dreams show of each fault, with what that costs alone: {listed(costs)}."
        )
    return said


def _apart(jitter: Curve, bias: Curve) -> str:
    """The same distance, once at random and once always to one side."""
    shared = [level for level in jitter.level if level and level in bias.level]
    parts = []
    for level in shared:
        pair = [-curve.cost[:, list(curve.level).index(level)].mean() for curve in (jitter, bias)]
        parts.append(f"{pair[0]:+.3f} and {pair[1]:+.3f} at {level:g} {jitter.fault.unit}")
    return f"Boxes that tremble and boxes that are off to one side cost {listed(parts)}."
