"""Made-up rows for the tests of tables, plots and pages."""

from dyna.scores.results import KEY, Row

HEADER = {
    "command": "python -m dyna experiment=made_up",
    "commit": "0123456789abcdef",
    "dirty": False,
    "machine": {"processor": "abacus", "cores": 2},
    "date": "2026-01-02T03:04:05+00:00",
    "packages": {"torch": "2.13.0"},
}


def row(
    arm: str,
    iou: float,
    seed: int = 0,
    real: int = 1000,
    imagined: int | None = None,
    agent: str = "hart",
    **more: object,
) -> Row:
    """One row; ``imagined`` is 0 for model-free and references, 120,000 for others."""
    if imagined is None:
        imagined = 0 if arm in ("none", "reference") else 120_000
    values = (arm, agent, "plain", 0 if arm == "reference" else real, imagined, seed)
    known = dict(zip(KEY, values, strict=True))
    frames = [real, real + imagined // 2 + 1, real + imagined + 2]
    curve = {"real_frames": [real] * 3, "agent_frames": frames, "iou": [iou / 2, iou * 0.9, iou]}
    metrics = {"iou": iou, "iou_se": 0.01, "iou_1_object": iou, "iou_2_objects": iou - 0.1}
    metrics |= {"lost": 0.125, "success_0.5": 0.75, "cpu_seconds": 61.4}
    if arm != "reference":
        metrics["curve"] = curve
    return {**known, "status": "ok", **metrics, **more}


def seeds(arm: str, *ious: float, **more: object) -> list[Row]:
    """The same setting, one row per seed."""
    return [row(arm, iou, seed, **more) for seed, iou in enumerate(ious)]


def failed(arm: str, seed: int = 0) -> Row:
    """A run that broke."""
    known = {name: row(arm, 0.5, seed)[name] for name in KEY}
    return {**known, "status": "failed", "error": "ValueError: no <disk> left"}


def study_rows() -> list[Row]:
    """Three arms with three seeds, one failure, two trackers."""
    return [
        *seeds("none", 0.50, 0.51, 0.52),
        *seeds("cut_paste", 0.69, 0.70, 0.71),
        *seeds("air", 0.70, 0.69, 0.72),
        *seeds("none", 0.60, 0.61, 0.62, real=4000),
        *seeds("air", 0.75, 0.76, 0.77, real=4000),
        failed("rigid"),
        row("reference", 0.57, agent="kcf"),
        row("reference", 1.0, agent="oracle"),
    ]
