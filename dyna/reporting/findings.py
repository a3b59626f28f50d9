"""What a results file says, in sentences; a learned model that earns nothing is told so."""

import math
from collections.abc import Sequence

import numpy as np

from dyna.reporting.tables import Line, lines
from dyna.scores import statistics
from dyna.scores.arms import arm, arms
from dyna.scores.results import Row

WORDS = {
    "above": ("it beats {}", "it is ahead of {}"),
    "below": ("it does NOT beat {} but is below it", "it is behind {}"),
    "level": (
        "it does NOT beat {} beyond the scatter of the seeds",
        "it is NOT clearly ahead of {}",
    ),
}
"""What is said of a rival: over several seeds, and with one."""
CEILING = {
    "above": ("it is above {}", "it is ahead of {}"),
    "below": ("it is below the ceiling, {}", "it is behind the ceiling, {}"),
    "level": ("it is not told apart from the ceiling, {}", "it is close to the ceiling, {}"),
}
"""What is said of the simulator, whose imagined frames are as good as real ones."""
VARIANT = {
    "above": ("it is above {}", "it is ahead of {}"),
    "below": ("it is below {}", "it is behind {}"),
    "level": ("it is not told apart from {}", "it is close to {}"),
}
"""What is said of the arm that ours is a variant of."""


def findings(rows: Sequence[Row], about: str | None = None) -> list[str]:
    """One sentence for each setting of each learned model, then the trackers of each tier.

    Args:
        rows: Of a results file.
        about: The arm to speak of, instead of those that learn a model.
    """
    every = lines(rows)
    ours = [line for line in every if _is_ours(line, about)]
    sentences = [sentence(line, every) for line in ours]
    for tier in dict.fromkeys(line.tier for line in every):
        there = [line for line in ours if line.tier == tier]
        sentences += trackers(tier, there, every)
    failed = [row for row in rows if row["status"] != "ok"]
    if failed:
        sentences.append(f"{len(failed)} of {len(rows)} runs failed; their rows say why.")
    return sentences


def pooled(rows: Sequence[Row]) -> list[str]:
    """For each variant of an arm and budget, its difference from that arm over several tiers.

    Pairs are of the same tier and seed; the interval (Student's, 95 %) takes them as independent.
    """
    every = [line for line in lines(rows) if line.rows]
    pairs: dict[tuple[str, str, int, int], list[tuple[str, float]]] = {}
    for line in every:
        of = "" if line.is_reference else arm(line.arm).of
        for base in (x for x in every if x.setting == (of, *line.setting[1:])):
            found = pairs.setdefault((line.label, base.label, *line.setting[2:]), [])
            for ours, theirs in zip(*line.paired(base), strict=True):
                found.append((line.tier, ours - theirs))
    said = []
    for (label, base_label, real, imagined), found in pairs.items():
        if len({tier for tier, _ in found}) < 2:
            continue
        values = [value for _, value in found]
        half, below = statistics.student_interval(values), sum(value < 0 for value in values)
        frames = f"With {real:,} real and {imagined:,} imagined frames"
        said.append(
            f"{frames}, {label} is {np.mean(values):+.3f} ± {half:.3f} against {base_label}, over "
            f"{len(values)} pairs of tiers and seeds (below in {below})."
        )
    return said


def sentence(ours: Line, every: Sequence[Line]) -> str:
    """How good a setting is, and against whom that holds, as far as those were run."""
    half = "" if ours.half_width is None else f" ± {ours.half_width:.3f}"
    seeds = f"{len(ours.rows)} seed{'s' if len(ours.rows) > 1 else ''}"
    parts = [f"{_where(ours)}, {ours.label} reaches IoU {ours.mean('iou'):.3f}{half} ({seeds})"]
    parts += [compare(ours, rival) for rival in rivals(ours, every)]
    return "; ".join(parts) + "."


def _is_ours(line: Line, about: str | None) -> bool:
    return bool(line.rows) and (line.is_learned if about is None else line.arm == about)


def verdicts(rows: Sequence[Row], about: str | None = None) -> list[str]:
    """Whether each learned model earns its keep on each tier, and what was not run to tell.

    Args:
        rows: Of a results file.
        about: The one model to speak of.
    """
    every = lines(rows)
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in every:
        if line.is_learned and _is_ours(line, about):
            groups.setdefault((line.tier, line.label), []).append(line)
    return [_verdict(tier, label, group, every) for (tier, label), group in groups.items()]


def _verdict(tier: str, label: str, group: Sequence[Line], every: Sequence[Line]) -> str:
    met = [(ours, rival) for ours in group for rival in rivals(ours, every)]
    cheap = [(rival, standing(ours, rival)) for ours, rival in met if arm(rival.arm).is_rival]
    states = [(rival.label, found[0]) for rival, found in cheap if found]
    unbeaten = list(dict.fromkeys(name for name, state in states if state != "above"))
    if unbeaten:
        verb = "costs less, is" if len(unbeaten) == 1 else "cost less, are"
        said = f"{label} is not shown to earn its keep: {listed(unbeaten)}, which {verb} "
        said += "not clearly behind it"
    elif any(rival.kind == "free" for rival, _ in cheap):
        names = list(dict.fromkeys(name for name, _ in states))
        verb = "costs" if len(names) == 1 else "cost"
        said = f"{label} earns its keep: it is ahead of {listed(names)}, which {verb} less"
    else:
        said = f"nothing tells whether {label} earns its keep: nobody was run who imagines "
        said += "without learning"
    said = f"In short, on {tier}: {said}."
    known = {rival.arm for _, rival in met}
    usual = [one for one in arms() if one.kind != "learned" and not one.of]
    missing = [one.label for one in usual if one.name not in known]
    if missing:
        said += f" Not run with the same frames: {listed(missing)}."
    if max(len(line.rows) for line in group) < 2:
        said += " This is one seed; another may say otherwise."
    return said


def listed(names: Sequence[str]) -> str:
    """Names in a row, with "and" before the last."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _where(line: Line) -> str:
    frames = f"{line.real_frames:,} real and {line.imagined_frames:,} imagined frames"
    return f"On {line.tier} with {frames}"


def rivals(ours: Line, every: Sequence[Line]) -> list[Line]:
    """Who is compared with at the same frames, in the order of the arms.

    Those that were to be beaten, what ours is a variant of, and the simulator.
    """
    found, of = [], arm(ours.arm).of
    for one in arms():
        met = one.is_rival or one.kind == "simulator" or one.name == of
        if one.name == ours.arm or not met:
            continue
        imagined = 0 if one.kind == "model_free" else ours.imagined_frames
        same = (one.name, ours.tier, ours.real_frames, imagined)
        found += [x for x in every if x.rows and x.setting == same][:1]
    return found


def standing(ours: Line, rival: Line) -> tuple[str, str] | None:
    """Where we are against a rival, over the seeds that both have.

    Returns:
        ``above``, ``below`` or ``level`` (the noise is larger than the difference), and the
        difference in words; None without a shared seed.
    """
    a, b = ours.paired(rival)
    if not a:
        return None
    difference = np.subtract(a, b)
    gap = f"{difference.mean():+.3f}"
    if len(a) > 1:
        return statistics.verdict(a, b), f"{gap} ± {statistics.student_interval(difference):.3f}"
    [seed] = ours.rows.keys() & rival.rows.keys()
    errors = [line.rows[seed].get("iou_se") or 0.0 for line in (ours, rival)]
    noise = 1.96 * math.hypot(*errors)  # of the held-out episodes; seeds add their own
    return judged(float(difference[0]), noise), f"{gap}, one seed"


def judged(difference: float, noise: float) -> str:
    """``above``, ``below``, or ``level``: no larger than the noise."""
    if abs(difference) <= noise:
        return "level"
    return "above" if difference > 0 else "below"


def compare(ours: Line, rival: Line) -> str:
    """Says whether we beat the rival, over the seeds that both have."""
    found = standing(ours, rival)
    if found is None:
        return f"no seed is shared with {rival.label}"
    state, gap = found
    words = {"simulator": CEILING, "learned": VARIANT}.get(rival.kind, WORDS)[state]
    return f"{words['one seed' in gap].format(rival.label)} ({gap})"


def trackers(tier: str, ours: Sequence[Line], every: Sequence[Line]) -> list[str]:
    """The best classical tracker of a tier, and where the best of our settings is against it."""
    known = [x for x in every if x.tier == tier and x.is_classical and x.rows]
    if not known:
        return []
    best = max(known, key=lambda x: x.mean("iou") or 0.0)
    which = "The best classical tracker" if len(known) > 1 else "The one classical tracker run"
    said = f"{which} on {tier} is {best.label}: IoU {best.mean('iou'):.3f}"
    if not ours:
        return [f"{said}."]
    one = max(ours, key=lambda x: x.mean("iou") or 0.0)
    away = (one.mean("iou") or 0.0) - (best.mean("iou") or 0.0)
    noise = math.hypot(one.noise, best.noise)
    word = {"above": "above it", "below": "below it", "level": "not told apart from it"}
    seed = "" if len(one.rows) > 1 else ", one seed"
    budget = f", at its best with {one.real_frames:,} real and {one.imagined_frames:,} imagined "
    where = "" if len(ours) == 1 else f"{budget}frames,"
    return [f"{said}; {one.label}{where} is {word[judged(away, noise)]} ({away:+.3f}{seed})."]
