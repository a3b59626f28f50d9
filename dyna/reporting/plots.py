"""Figures as SVG text: learning curves, data efficiency, where everyone stands.

Colours are Okabe and Ito's, which colour-blind people can tell apart; every arm has a marker and a
stroke of its own as well. Text and axes take the colour of the page around them.
"""

import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from dyna.reporting.tables import Line, intervals, lines, tiers
from dyna.scores import statistics
from dyna.scores.arms import arm
from dyna.scores.results import Row

INK = "#0a0b0c"
"""Stands for the colour of the page's text."""
SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dyna",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": True,
    "grid.alpha": 0.18,
    "grid.color": INK,
    "legend.frameon": False,
}

WIDE = (4.4, 6.2)
"""Inches: of a figure that a phone must show with legible letters, and of one in a document."""

LONGEST = 24
"""Letters of a name in a figure; the table has it whole."""


def learning_curves(rows: Sequence[Row], page_ink: bool = True) -> str | None:
    """Held-out IoU on the way, against the frames that the agent trained on.

    Drawn are the settings with the fewest real frames, and model-free learning with the most: one
    line per arm and budget, a band for the 95 % interval over seeds. None if the runs have no
    evaluations on the way.
    """
    known = [line for line in _arms(rows) if any("curve" in r for r in line.rows.values())]
    if not known:
        return None
    fewest = min(line.real_frames for line in known)
    most = max((line.real_frames for line in known if line.arm == "none"), default=fewest)
    figure, axes = framed("frames trained on (real and imagined)", page_ink=page_ink)
    drawn: set[str] = set()
    for line in known:
        if line.real_frames == fewest or (line.arm == "none" and line.real_frames == most):
            _band(axes, line, name(line), line.arm in drawn, *_curve(line))
            drawn.add(line.arm)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(SHORT)
    axes.minorticks_off()
    return _finish(figure, axes, page_ink)


def efficiency(rows: Sequence[Row], page_ink: bool = True) -> str | None:
    """Final held-out IoU against real frames, a panel for each tier with several budgets.

    None if there is no such tier.
    """
    found = {tier: [x for x in _arms(rows) if x.tier == tier] for tier in tiers(rows)}
    found = {tier: arms for tier, arms in found.items() if len(_budgets(arms)) > 1}
    if not found:
        return None
    across = 1 if page_ink else min(len(found), 3)  # a page is narrow
    down = math.ceil(len(found) / across)
    with matplotlib.rc_context(SETTINGS):
        wide = WIDE[0] if page_ink else max(WIDE[1], 3.1 * across)
        high = 3.2 * down if page_ink else 1.4 + 2.8 * down
        figure = Figure(figsize=(wide, high), layout="constrained")
        grid = figure.subplots(down, across, sharey=True, squeeze=False)
        panels = list(grid.flat)
        for axes, (tier, arms) in zip(panels, found.items(), strict=False):
            _budget_curves(axes, arms)
            if len(found) > 1:
                axes.set_title(tier)
        for axes in panels[len(found) :]:
            axes.set_axis_off()
        for row in grid:
            row[0].set_ylabel("held-out IoU")
        fullest = max(panels, key=lambda axes: len(axes.get_legend_handles_labels()[0]))
        return _finish(figure, fullest, page_ink)


def _budgets(arms: Sequence[Line]) -> list[int]:
    return sorted({line.real_frames for line in arms})


def _budget_curves(axes: Axes, arms: Sequence[Line]) -> None:
    drawn: set[str] = set()
    for name, imagined in dict.fromkeys((x.arm, x.imagined_frames) for x in arms):
        points = [x for x in arms if (x.arm, x.imagined_frames) == (name, imagined)]
        points.sort(key=lambda x: x.real_frames)
        means = np.array([x.mean("iou") or 0.0 for x in points])
        half = np.array([x.half_width or 0.0 for x in points])
        frames = np.array([x.real_frames for x in points])
        label = _label(points[0]) + (f" ({_short(imagined)} imagined)" if imagined else "")
        _band(axes, points[0], label, name in drawn, frames, means, half)
        drawn.add(name)
    axes.set_xscale("log")
    axes.set_xlabel("real frames")
    axes.set_xticks(_budgets(arms), [f"{budget:,}" for budget in _budgets(arms)])
    axes.minorticks_off()


def standings(rows: Sequence[Row], page_ink: bool = True) -> str | None:
    """Every method's IoU as a dot, best on top; None if there is nothing to compare."""
    every = sorted((x for x in lines(rows) if x.rows), key=lambda x: x.mean("iou") or 0.0)
    if len(every) < 2:
        return None
    with matplotlib.rc_context(SETTINGS):
        size = (WIDE[0] if page_ink else WIDE[1], 0.9 + 0.27 * len(every))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for place, line in enumerate(every):
            look = arm(line.arm)
            colour, marker = (INK, "o") if line.is_reference else (look.colour, look.marker)
            axes.errorbar(
                line.mean("iou") or 0.0,
                place,
                xerr=line.half_width or 0.0,
                fmt=marker,
                color=colour,
                markerfacecolor="none" if line.is_reference else colour,
                capsize=2,
            )
        axes.set_yticks(range(len(every)), [name(line) for line in every])
        axes.set_xlabel("held-out IoU")
        axes.set_xlim(0, 1.03)
        return as_svg(figure, page_ink)


def rewards(history: Sequence[Row]) -> str | None:
    """Reward of one run against the frames it trained on, real and imagined, smoothed."""
    figure, axes = framed("frames trained on (real and imagined)")
    axes.set_ylabel("reward (IoU)")
    axes.xaxis.set_major_formatter(SHORT)
    drawn = False
    for name, look, label in (
        ("train", arm("none"), "real"),
        ("imagined", arm("air"), "imagined"),
    ):
        known = [row for row in history if f"{name}/reward" in row]
        if len(known) < 2:
            continue
        frames = np.array([row["agent_frames"] for row in known])
        reward = np.array([row[f"{name}/reward"] for row in known])
        width = max(1, len(known) // 40)
        axes.plot(frames, reward, color=look.colour, alpha=0.2, linewidth=0.8)
        smooth = np.convolve(reward, np.ones(width) / width, mode="valid")
        axes.plot(frames[width - 1 :], smooth, look.stroke, color=look.colour, label=label)
        drawn = True
    return _finish(figure, axes, page_ink=True) if drawn else None


def _bands(rows: Sequence[Row]) -> str:
    several = any(len(line.rows) > 1 for line in _arms(rows))
    return "bands: 95 % intervals over seeds" if several else "one seed, so without intervals"


def _of_curves(rows: Sequence[Row]) -> str:
    return f"Held-out IoU while the agent trains, evaluated on the way; {_bands(rows)}."


def _of_efficiency(rows: Sequence[Row]) -> str:
    return f"Held-out IoU at the end of a run against its real frames; {_bands(rows)}."


def _of_standings(rows: Sequence[Row]) -> str:
    bars = f"bars: {text}" if (text := intervals(rows)) else "one seed, so without intervals"
    hollow = any(line.is_reference for line in lines(rows))
    more = "; hollow: trackers that were not trained here" if hollow else ""
    return f"Everyone at the end; {bars}{more}."


CHARTS: Sequence[tuple[Callable[[Sequence[Row]], str | None], Callable[[Sequence[Row]], str]]] = (
    (learning_curves, _of_curves),
    (efficiency, _of_efficiency),
    (standings, _of_standings),
)
"""The figures of a page, each with its caption."""


def name(line: Line) -> str:
    """An arm and its frames, in few letters."""
    if line.is_reference:
        return _label(line)
    imagined = f" + {_short(line.imagined_frames)}" if line.imagined_frames else ""
    return f"{_label(line)}, {_short(line.real_frames)}{imagined}"


def _label(line: Line) -> str:
    return line.label if len(line.label) <= LONGEST else f"{line.label[: LONGEST - 1]}…"


def _short(frames: int) -> str:
    return f"{frames / 1000:g}k" if frames >= 1000 else str(frames)


SHORT = FuncFormatter(lambda frames, _: _short(round(frames)))
"""Frames on an axis."""


def _arms(rows: Sequence[Row]) -> list[Line]:
    return [line for line in lines(rows) if not line.is_reference and line.rows]


def framed(x: str, y: str = "held-out IoU", page_ink: bool = True) -> tuple[Figure, Axes]:
    """A figure of the usual size, with the names of its axes."""
    with matplotlib.rc_context(SETTINGS):
        size = (WIDE[0], 3.2) if page_ink else (WIDE[1], 4.2)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        return figure, axes


def _curve(line: Line) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames, mean and half-width over the seeds, at the evaluations that all seeds have."""
    curves = [row["curve"] for row in line.rows.values() if "curve" in row]
    tables = [dict(zip(c["agent_frames"], c["iou"], strict=True)) for c in curves]
    frames = sorted(set.intersection(*(set(table) for table in tables)) - {0})
    scores = [[table[f] for table in tables] for f in frames]
    half = [statistics.student_interval(s) if len(s) > 1 else 0.0 for s in scores]
    return np.array(frames), np.array([np.mean(s) for s in scores]), np.array(half)


def _band(
    axes: Axes,
    line: Line,
    label: str,
    again: bool,
    x: np.ndarray,
    means: np.ndarray,
    half: np.ndarray,
) -> None:
    """One line; hollow markers if it shows another budget of an arm that was drawn before."""
    look = arm(line.arm)
    axes.plot(
        x,
        means,
        look.stroke,
        color=look.colour,
        marker=look.marker,
        markersize=5,
        markerfacecolor="none" if again else look.colour,
        label=label,
    )
    if half.any():
        axes.fill_between(
            x, means - half, means + half, color=look.colour, alpha=0.15, linewidth=0
        )


def _finish(figure: Figure, axes: Axes, page_ink: bool) -> str:
    axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]), top=min(1.0, axes.get_ylim()[1]))
    with matplotlib.rc_context(SETTINGS):
        legend(figure, axes, page_ink)
        return as_svg(figure, page_ink)


def legend(figure: Figure, axes: Axes, page_ink: bool = True) -> None:
    """Names the lines below the axes; a page is narrow, so its figure grows by a line for each."""
    names = axes.get_legend_handles_labels()
    if page_ink:
        figure.set_figheight(figure.get_figheight() + 0.21 * len(names[0]))
    figure.legend(*names, loc="outside lower center", ncols=1 if page_ink else 2)


def as_svg(figure: Figure, page_ink: bool) -> str:
    """The figure as text, its ink in the colour of the page around it or in grey on white."""
    buffer = io.StringIO()
    blank = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    face = "none" if page_ink else "white"
    figure.savefig(buffer, format="svg", metadata=blank, facecolor=face)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    return text.replace(INK, "currentColor") if page_ink else text.replace(INK, "#222222")
