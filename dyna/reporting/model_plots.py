"""Figures of how well world models predict, step by step, as SVG text."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dyna.reporting.plots import SETTINGS, WIDE, as_svg, legend
from dyna.scores.results import Row


class Curve(NamedTuple):
    """One column of the rollout's rows as it is drawn."""

    column: str
    label: str
    colour: str
    stroke: str = "-"


MODEL, BOUNCE, COPY, ORACLE, BLIND = "#D55E00", "#0072B2", "#8C8C8C", "#009E73", "#CC79A7"
CHARTS: Sequence[tuple[str, str, Sequence[Curve]]] = (
    (
        "centre error, pixels",
        "How far the mean rollout is from the truth.",
        (
            Curve("error", "model", MODEL),
            Curve("no_action_error", "model, not told the action", BLIND, "--"),
            Curve("bounce_error", "tracked, constant velocity", BOUNCE, "--"),
            Curve("copy_error", "tracked, last box", COPY, ":"),
            Curve("oracle_error", "true state, constant velocity", ORACLE, "-."),
            Curve("simulator_error", "simulator", ORACLE),
        ),
    ),
    (
        "box IoU",
        "IoU of the predicted box with the true one. The trust horizon is where it falls "
        "below .5.",
        (
            Curve("iou", "model", MODEL),
            Curve("no_action_iou", "model, not told the action", BLIND, "--"),
            Curve("bounce_iou", "tracked, constant velocity", BOUNCE, "--"),
            Curve("copy_iou", "tracked, last box", COPY, ":"),
            Curve("oracle_iou", "true state, constant velocity", ORACLE, "-."),
            Curve("simulator_iou", "simulator", ORACLE),
        ),
    ),
    (
        "pixels",
        "Calibration: two rollouts should be as far from each other as one is from the truth.",
        (
            Curve("sample_error", "one rollout from the truth", MODEL),
            Curve("spread", "two rollouts from each other", BOUNCE, "--"),
        ),
    ),
    (
        "share, or error of the reward",
        "Which objects can be seen, how many, and the reward of a fixed policy.",
        (
            Curve("presence", "visibility right", MODEL),
            Curve("count_accuracy", "number of objects right", ORACLE, "-."),
            Curve("reward_error", "error of the reward", BOUNCE, "--"),
        ),
    ),
)


def charts(rows: Sequence[Row]) -> list[dict[str, str]]:
    """``svg`` and ``caption`` of everything that can be drawn of one model's rows, all seeds."""
    every = [row["steps"] for row in rows if row.get("steps")]
    if not every:
        return []
    band = " Bands: from the best seed to the worst." if len(every) > 1 else ""
    return [
        {"svg": _chart(every, label, curves), "caption": text + band}
        for label, text, curves in CHARTS
        if any(curve.column in every[0][0] for curve in curves)
    ]


def _chart(every: Sequence[Sequence[Row]], label: str, curves: Sequence[Curve]) -> str:
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(WIDE[0], 3.0), layout="constrained")
        axes = figure.subplots()
        for curve in curves:
            if curve.column in every[0][0]:
                _draw(axes, every, curve)
        axes.set_xlabel("steps ahead")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        legend(figure, axes)
        return as_svg(figure, page_ink=True)


def _draw(axes: Axes, every: Sequence[Sequence[Row]], curve: Curve) -> None:
    steps = [row["step"] for row in every[0]]
    values = np.array([[row[curve.column] for row in rows] for rows in every], dtype=float)
    style = {"color": curve.colour, "linestyle": curve.stroke}
    axes.plot(steps, values.mean(0), label=curve.label, **style)  # type: ignore[arg-type]
    if len(values) > 1:
        low, high = values.min(0), values.max(0)
        axes.fill_between(steps, low, high, color=curve.colour, alpha=0.15, linewidth=0)
