"""Performance profiles: the share of runs above each IoU, over several tiers at once."""

from collections.abc import Sequence

import matplotlib
import numpy as np

from dyna.reporting import plots
from dyna.reporting.tables import Line, lines, tiers
from dyna.scores import statistics
from dyna.scores.arms import arm
from dyna.scores.results import Row

LEVELS = np.linspace(0.0, 1.0, 201)
"""IoU at which the share is drawn."""


def profile(rows: Sequence[Row], page_ink: bool = True) -> str | None:
    """A line for each arm and budget that has runs on every tier.

    None where there are fewer than two tiers, or fewer than two such arms.

    Source:
        Agarwal et al., 2021, section 4.2, https://arxiv.org/abs/2108.13264.
    """
    names = tiers(rows)
    found: dict[tuple[str, int, int], list[Line]] = {}
    for line in lines(rows):
        if line.rows and line.kind not in ("wrong", "reference"):
            found.setdefault((line.arm, *line.setting[2:]), []).append(line)
    whole = [group for group in found.values() if len(group) == len(names)]
    if len(names) < 2 or len({group[0].arm for group in whole}) < 2:
        return None
    figure, axes = plots.framed("held-out IoU", "share of runs above it", page_ink)
    for group in whole:
        scores = [value for line in group for value in line.values("iou")]
        look = arm(group[0].arm)
        shares = statistics.performance_profile(scores, LEVELS)
        axes.plot(LEVELS, shares, look.stroke, color=look.colour, label=plots.name(group[0]))
    lowest = min(value for group in whole for line in group for value in line.values("iou"))
    axes.set_xlim(max(0.0, lowest - 0.05), 1.0)
    with matplotlib.rc_context(plots.SETTINGS):
        plots.legend(figure, axes, page_ink)
        return plots.as_svg(figure, page_ink)


def caption(rows: Sequence[Row]) -> str:
    """What is seen."""
    return f"Share of runs, over seeds and {len(tiers(rows))} tiers, that end above an IoU."
