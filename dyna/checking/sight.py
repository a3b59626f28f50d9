"""Does the model see what there is, and know how sure it can be of what comes?"""

from typing import Any

from dyna.checking.finding import DOUBTFUL, GOOD, UNASKED, WRONG, Finding, graded, worst

COUNTS, BOXES = (0.9, 0.75), (0.75, 0.6)
"""Shares of frames that are counted rightly, and IoU of boxes, from here on: good, doubtful."""
STEP, SPREADS = 5, (0.3, 0.6)
"""Rollouts are compared so many frames ahead; ratios that are off by these shares."""


def seeing(found: dict[str, Any] | None) -> Finding:
    """Of `dyna.diagnosis.measure.diagnose`: counts, boxes, the target."""
    if found is None:
        return Finding("sight", UNASKED, "The model cannot look at real frames.")
    known, target = found["perception"], found["target"]
    count, box = known.get("count_accuracy"), known.get("box_iou")
    if count is None or box is None:  # it follows the target alone
        state = _at_least(target["target_iou"], BOXES)
        said = f"It follows the target with an IoU of {target['target_iou']:.2f}."
        return Finding("sight", state, said, {"target_iou": target["target_iou"]})
    states = _at_least(count, COUNTS), _at_least(box, BOXES)
    said = (
        f"It counts rightly in {count:.0%} of the frames; its boxes have an IoU of {box:.2f}, and "
        f"of {target['target_iou']:.2f} with the target, which it follows from the first one."
    )
    figures = {"count_accuracy": count, "box_iou": box, "target_iou": target["target_iou"]}
    return Finding("sight", worst(*states), said, figures)


def spread(found: dict[str, Any] | None) -> Finding:
    """Of the same: whether rollouts differ from each other as much as from what comes."""
    row = next((row for row in (found or {}).get("rollout", []) if row["step"] == STEP), None)
    if row is None or not row["sample_error"] > 0:
        said = "There are no rollouts of the model from real frames."
        return Finding("spread", UNASKED, said)
    ratio = row["spread"] / row["sample_error"]
    state = graded(ratio - 1, *SPREADS)
    word = "as sure as it may be" if state == GOOD else "too sure" if ratio < 1 else "too unsure"
    said = (
        f"{STEP} frames ahead rollouts are {row['spread']:.1f} px from each other and "
        f"{row['sample_error']:.1f} px from the truth: the model is {word}."
    )
    return Finding("spread", state, said, {"spread": ratio})


def _at_least(value: float, limits: tuple[float, float]) -> str:
    return GOOD if value >= limits[0] else DOUBTFUL if value >= limits[1] else WRONG
