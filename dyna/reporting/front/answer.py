"""The questions that the project exists for, answered from published studies."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dyna.reporting import savings
from dyna.reporting.accuracy import words
from dyna.reporting.findings import listed
from dyna.reporting.tables import Line, lines, tiers
from dyna.scores import results, statistics
from dyna.scores.arms import arm
from dyna.scores.results import Row

OURS = "air"
"""The arm that is asked about."""


def sentences(folder: Path) -> list[str]:
    """A question with its answer for every study that was published in a folder."""
    said = []
    for name, (question, answer) in QUESTIONS.items():
        path = folder / f"{name}.json"
        if path.exists() and (found := answer(results.read(path)["rows"])):
            said.append(f"**{question}** {found}")
    return said


def accurate(rows: Sequence[Row]) -> str:
    """Where faults of the simulator make it worth no more than what learns nothing."""
    found = words.ranked(rows)
    if not found:
        return ""
    first = found[0]
    there = [x for x in found if x.setting == first.setting]
    points = [(curve, at[0]) for curve in there if (at := curve.break_even()) is not None]
    some = [
        f"{curve.fault.label} ({words.break_even(curve)})"
        for curve, at in points
        if math.isfinite(at)
    ]
    never = [
        f"{curve.fault.label} ({curve.fault.sized(curve.level[-1])})"
        for curve, at in points
        if math.isinf(at)
    ]
    parts = [f"once {listed(some)}"] if some else []
    parts += [f"not even, at the largest size tried, where {listed(never)}"] if never else []
    begun = (
        f"On {first.tier} ({len(first.seeds)} seeds) a simulator with one fault teaches no more "
        f"than {first.rival_label}, which learns nothing"
    )
    return f"{begun}, {'; '.join(parts)}." if parts else ""


def objects(rows: Sequence[Row]) -> str:
    """What our model is worth beside learned ones without objects, and without parts of it."""
    every = [line for line in lines(rows) if line.rows]
    others = dict.fromkeys(x.arm for x in every if x.is_learned and x.arm != OURS)
    wholes = [name for name in others if arm(name).of != OURS]
    parts = [name for name in others if arm(name).of == OURS]
    where = f"On {listed(tiers(rows))}"
    said = []
    beside = [text for name in wholes if (text := _against(every, name, 1))]
    if beside:
        said.append(f"{where}, {arm(OURS).label} against models without: {listed(beside)}.")
    without = [text for name in parts if (text := _against(every, name, -1))]
    if without:
        said.append(f"Variants of it against it as it is: {listed(without)}.")
    return " ".join(said)


def _against(every: Sequence[Line], name: str, sign: int) -> str:
    """The difference between our model and another arm, over tiers and seeds that both have."""
    pairs = [
        sign * (ours - theirs)
        for one in every
        for other in every
        if one.arm == OURS and other.setting == (name, *one.setting[1:])
        for ours, theirs in zip(*one.paired(other), strict=True)
    ]
    if not pairs:
        return ""
    half = statistics.student_interval(pairs)
    spread = "" if math.isnan(half) else f" ± {half:.3f}"
    figure = f"{np.mean(pairs):+.3f}{spread}"
    return f"{arm(name).label} {figure}"


def saved(rows: Sequence[Row]) -> str:
    """How many real frames each learned model saves."""
    return " ".join(savings.sentences(rows))


QUESTIONS: dict[str, tuple[str, Callable[[Sequence[Row]], str]]] = {
    "accuracy": ("How accurate must a learned model be?", accurate),
    "structure": ("Does it help to describe the scene as objects?", objects),
    "sample_efficiency": ("How many real frames does it save?", saved),
}
"""By the name of the study that answers."""
