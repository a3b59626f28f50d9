"""What a results file says, in sentences; a learned model that earns nothing is told so."""

import math
from collections.abc import Sequence

import numpy as np

from dyna.reporting.tables import Line, lines
from dyna.scores import statistics
from dyna.scores.arms import arm, arms
from dyna.scores.results import Row


def findings(rows: Sequence[Row]) -> list[str]:
    """One sentence for each setting of each learned model, then the best classical tracker."""
    every = lines(rows)
    ours = [line for line in every if line.is_learned and line.rows]
    sentences = [_sentence(line, every) for line in ours]
    for tier in dict.fromkeys(line.tier for line in every):
        trackers = [x for x in every if x.tier == tier and x.is_classical and x.rows]
        if trackers:
            best = max(trackers, key=lambda x: x.mean("iou") or 0.0)
            sentences.append(
                f"The best classical tracker on {tier} is {best.label}: "
                f"IoU {best.mean('iou'):.3f}."
            )
    failed = [row for row in rows if row["status"] != "ok"]
    if failed:
        sentences.append(f"{len(failed)} of {len(rows)} runs failed; their rows say why.")
    return sentences


def _sentence(ours: Line, every: Sequence[Line]) -> str:
    half = "" if ours.half_width is None else f" ± {ours.half_width:.3f}"
    seeds = f"{len(ours.rows)} seed{'s' if len(ours.rows) > 1 else ''}"
    head = (
        f"On {ours.tier} with {ours.real_frames:,} real and {ours.imagined_frames:,} imagined "
        f"frames, {ours.label} reaches IoU {ours.mean('iou'):.3f}{half} ({seeds})"
    )
    parts = []
    for name in (one.name for one in arms() if one.is_rival):
        rival = _rival(ours, name, every)
        if rival is not None:
            parts.append(compare(ours, rival))
    return "; ".join([head, *parts]) + "."


def _rival(ours: Line, name: str, every: Sequence[Line]) -> Line | None:
    imagined = 0 if arm(name).kind == "model_free" else ours.imagined_frames
    for line in every:
        same = (line.arm, line.tier, line.real_frames) == (name, ours.tier, ours.real_frames)
        if same and line.imagined_frames == imagined and line.rows:
            return line
    return None


def compare(ours: Line, rival: Line) -> str:
    """Says whether we beat the rival, over the seeds that both have."""
    seeds = sorted(set(ours.rows) & set(rival.rows))
    if not seeds:
        return f"no seed is shared with {rival.label}"
    a = [ours.rows[seed]["iou"] for seed in seeds]
    b = [rival.rows[seed]["iou"] for seed in seeds]
    difference = np.subtract(a, b)
    gap = f"{difference.mean():+.3f}"
    if len(seeds) < 2:
        errors = [line.rows[seeds[0]].get("iou_se") or 0.0 for line in (ours, rival)]
        noise = 1.96 * math.hypot(*errors)  # of the held-out episodes; seeds add their own
        word = "ahead of" if difference[0] > noise else "NOT clearly ahead of"
        if difference[0] < -noise:
            word = "behind"
        return f"it is {word} {rival.label} ({gap}, one seed)"
    gap += f" ± {statistics.student_interval(difference):.3f}"
    judged = statistics.verdict(a, b)
    if judged == "above":
        return f"it beats {rival.label} ({gap})"
    if judged == "below":
        return f"it does NOT beat {rival.label} but is below it ({gap})"
    return f"it does NOT beat {rival.label} beyond the scatter of the seeds ({gap})"
