"""IoU against the size of each fault, in panels of one scale."""

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dyna.reporting import plots
from dyna.reporting.accuracy.curves import Curve
from dyna.reporting.accuracy.places import Place, places
from dyna.reporting.accuracy.words import ranked
from dyna.reporting.tables import Line, lines
from dyna.scores import statistics
from dyna.scores.arms import SIMULATOR, arm
from dyna.scores.results import Row


def panels(rows: Sequence[Row], page_ink: bool = True) -> str | None:
    """A panel for each fault of the first tier, those that cost most first.

    Lines across are the arms without a fault, marks on them how wrong their models are; None if
    the rows have no faults.
    """
    found = ranked(rows)
    found = [curve for curve in found if curve.setting == found[0].setting]
    if not found:
        return None
    tier, (real, imagined) = found[0].setting
    across = [
        line
        for line in lines(rows)
        if line.rows
        and line.kind not in ("wrong", "reference")
        and (line.tier, line.real_frames) == (tier, real)
        and line.imagined_frames in (0, imagined)
    ]
    placed = places(rows)
    columns = 2 if page_ink else 3
    height = math.ceil(len(found) / columns)
    with matplotlib.rc_context(plots.SETTINGS):
        size = (plots.WIDE[0] if page_ink else plots.WIDE[1] + 1.4, 0.6 + 1.75 * height)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(height, columns, sharey=True, squeeze=False)
        for axes, curve in zip(grid.flat, found, strict=False):
            what = curve.fault, curve.setting
            marks = [x for x in placed if (x.curve.fault, x.curve.setting) == what]
            _panel(axes, curve, across, marks)
        for axes in grid.flat[len(found) :]:
            axes.set_axis_off()
        for row in grid:
            row[0].set_ylabel("held-out IoU")
        names, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(names, labels, loc="outside lower center", ncols=2 if page_ink else 3)
        return plots.as_svg(figure, page_ink)


def _panel(axes: Axes, curve: Curve, across: Sequence[Line], placed: Sequence[Place]) -> None:
    """Levels evenly apart: each is about twice the one before."""
    for line in across:
        look = arm(line.arm)
        mean = line.mean("iou") or 0.0
        if line.arm != SIMULATOR:
            axes.axhline(
                mean, color=look.colour, linestyle=look.stroke, linewidth=1.2, label=line.label
            )
    look, place = arm(SIMULATOR), np.arange(len(curve.level))
    means = curve.iou.mean(0)
    half = np.nan_to_num([statistics.student_interval(scores) for scores in curve.iou.T])
    axes.plot(
        place, means, color=look.colour, marker=look.marker, markersize=4, label="wrong simulator"
    )
    axes.fill_between(
        place, means - half, means + half, color=look.colour, alpha=0.15, linewidth=0
    )
    for one in placed:
        own, iou = arm(one.line.arm), one.line.mean("iou") or 0.0
        axes.plot(one.position, iou, color=own.colour, marker=own.marker, markersize=7, zorder=3)
    axes.set_xticks(place, [f"{level:g}" for level in curve.level])
    axes.set_title(curve.fault.label, fontsize=9)
    axes.set_xlabel(curve.fault.unit, fontsize=8)


def _caption(rows: Sequence[Row]) -> str:
    return (
        "Held-out IoU of who learned in a simulator with one fault, against its size; lines "
        "across: other arms with the same frames, marked where their models are as wrong."
    )


CHART = (panels, _caption)
"""The figure for a page, with its caption."""
