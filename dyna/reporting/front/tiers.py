"""A table of tiers from one study, and what it says in three sentences."""

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence

from dyna.reporting.findings import judged, listed
from dyna.reporting.tables import Line, in_markdown, iou, lines
from dyna.reporting.tables import tiers as declared
from dyna.scores.arms import Arm, arms
from dyna.scores.results import Row


@dataclasses.dataclass(frozen=True)
class Tier:
    """What was run on one tier with the same frames.

    Attributes:
        name: Of the tier.
        arms: Lines by the name of the arm.
        tracker: The best classical tracker, if there was one.
    """

    name: str
    arms: dict[str, Line]
    tracker: Line | None


def usual_dreams(rows: Sequence[Row], real_frames: int) -> int:
    """Imagined frames of most runs with so many real ones that have any; 0 if there is none."""
    found = Counter(
        row["imagined_frames"]
        for row in rows
        if row["imagined_frames"] and row["real_frames"] == real_frames
    )
    return found.most_common(1)[0][0] if found else 0


def tiers(rows: Sequence[Row], real_frames: int) -> list[Tier]:
    """Every tier of a study, at one budget.

    Imagined frames are the usual ones; variants of an arm are left out.
    """
    budgets = {0, usual_dreams(rows, real_frames)}
    every = lines(rows)
    found = []
    for name in declared(rows):
        there = [line for line in every if line.tier == name]
        known = {
            line.arm: line
            for line in there
            if line.real_frames == real_frames and line.imagined_frames in budgets
        }
        known = {arm.name: known[arm.name] for arm in arms() if arm.name in known and not arm.of}
        classical = [line for line in there if line.is_classical and line.rows]
        best = max(classical, key=_mean, default=None)
        if known:
            found.append(Tier(name, known, best))
    return found


def table(found: Sequence[Tier]) -> str:
    """IoU of every arm on every tier, with the best classical tracker."""
    shown = [arm for arm in arms() if any(arm.name in tier.arms for tier in found)]
    header = ["tier", *(arm.label for arm in shown), "best classical tracker"]
    body = []
    for tier in found:
        texts = [iou(tier.arms[arm.name]) if arm.name in tier.arms else "" for arm in shown]
        tracker = f"{iou(tier.tracker)} ({tier.tracker.label})" if tier.tracker else ""
        body.append([tier.name, *texts, tracker])
    return in_markdown(header, body)


def sentences(found: Sequence[Tier]) -> list[str]:
    """For each learned model: whom it beats in every seed, what gap it closes, and trackers."""
    said = []
    for arm in arms():
        ours = [tier for tier in found if arm.name in tier.arms]
        if arm.kind == "learned" and ours:
            said += [_beaten(arm, ours), *_gap(arm, ours), *_trackers(arm, ours)]
    return said


def _beaten(ours: Arm, found: Sequence[Tier]) -> str:
    rivals = [arm for arm in arms() if arm.is_rival and any(arm.name in t.arms for t in found)]
    good, bad = [], []
    for tier in found:
        own = tier.arms[ours.name].rows
        if not own:
            bad.append(f"on {tier.name}, where it failed")
            continue
        not_beaten = []
        for rival in rivals:
            line = tier.arms.get(rival.name)
            theirs = line.rows if line else {}
            shared = sorted(set(own) & set(theirs))
            lost = [seed for seed in shared if own[seed]["iou"] <= theirs[seed]["iou"]]
            if not shared:
                why = "failed" if line and line.failed else "not run"
                not_beaten.append(f"{rival.label} ({why})")
            elif lost:
                not_beaten.append(f"{rival.label} in {len(lost)} of {len(shared)} seeds")
        if not_beaten:
            bad.append(f"on {tier.name} {listed(not_beaten)}")
        else:
            good.append(tier.name)
    where = f" ({listed(good)})" if good else ""
    names = listed([rival.label for rival in rivals])
    counts = sorted({len(tier.arms[ours.name].rows) for tier in found})
    seeds = " to ".join(str(number) for number in dict.fromkeys((counts[0], counts[-1])))
    said = f"{ours.label} is above {names} in every seed (of {seeds}) "
    said += f"on {len(good)} of {len(found)} tiers{where}"
    return f"{said}; not above: {'; '.join(bad)}." if bad else f"{said}."


def _gap(ours: Arm, found: Sequence[Tier]) -> list[str]:
    closed = []
    for tier in found:
        ran = [line for line in tier.arms.values() if line.rows]
        free = [_mean(line) for line in ran if line.kind == "free"]
        most = [_mean(line) for line in ran if line.kind == "simulator"]
        if tier.arms[ours.name].rows and free and most and most[0] > max(free):
            share = (_mean(tier.arms[ours.name]) - max(free)) / (most[0] - max(free))
            closed.append(f"{share:.0%} on {tier.name}")
    if not closed:
        return []
    return [
        "Of the gap between the better of those that imagine without learning and the simulator "
        f"it closes {listed(closed)}."
    ]


def _trackers(ours: Arm, found: Sequence[Tier]) -> list[str]:
    ran = [tier for tier in found if tier.arms[ours.name].rows]
    known = [(tier, tier.tracker) for tier in ran if tier.tracker is not None]
    if not known:
        return []
    where: dict[str, list[str]] = {"above": [], "level": [], "below": []}
    for tier, best in known:
        line = tier.arms[ours.name]
        noise = math.hypot(line.noise, best.noise)
        where[judged(_mean(line) - _mean(best), noise)].append(f"{tier.name} ({best.label})")
    words = {"above": "above", "level": "not told apart from", "below": "below"}
    parts = [f"{words[state]} it on {listed(names)}" for state, names in where.items() if names]
    return [f"Beside the best classical tracker: {'; '.join(parts)}."]


def _mean(line: Line) -> float:
    return line.mean("iou") or 0.0
