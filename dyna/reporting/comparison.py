"""Table, sentences and figure of compared trackers, from the rows that ``dyna.compare`` wrote.

Seeds become a mean with Student's 95 % interval. A tracker that does not learn, or of which there
is one seed, has an interval over episodes (1.96 standard errors).
"""

import itertools
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dyna.reporting import tables
from dyna.reporting.plots import SETTINGS, as_svg
from dyna.reporting.tables import folded
from dyna.scores import arms, statistics
from dyna.scores.results import Row

KIND = "comparison"
"""What such a results file calls itself."""
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C", "#000000")
STROKES = ("-", "--", ":")


def grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The seeds of each tracker, best tracker first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["tracker"], []).append(row)
    last = _horizon(rows)
    return dict(sorted(groups.items(), key=lambda item: -_mean(item[1], f"iou_{last}")))


def _horizon(rows: Sequence[Row]) -> int:
    return len(rows[0]["iou_by_step"])


def _values(group: Sequence[Row], name: str) -> list[float]:
    found = [row.get(name) for row in group]
    return [float(value) for value in found if value is not None and value == value]


def _mean(group: Sequence[Row], name: str) -> float:
    values = _values(group, name)
    return statistics.mean(values) if values else float("nan")


def half_width(group: Sequence[Row], steps: int) -> float:
    """Half the 95 % interval of a tracker's IoU over so many steps; NaN if nothing tells."""
    if len(group) > 1:
        return statistics.student_interval(_values(group, f"iou_{steps}"))
    return 1.96 * _mean(group, f"iou_se_{steps}")


def _number(value: float, digits: int = 2) -> str:
    return "" if value != value else f"{value:.{digits}f}"


def cells(rows: Sequence[Row], horizons: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    """Header and body of the table, as texts."""
    last = max(horizons)
    header = ["tracker", *(f"IoU, {steps} steps" for steps in horizons), "success area"]
    header += ["IoU > .5", "within 20 px", "times lost", "found again", "frames/s", "seeds"]
    body = []
    for tracker, group in grouped(rows).items():
        line = [arms.tracker(tracker).label]
        for steps in horizons:
            half = half_width(group, steps)
            spread = "" if half != half else f" ± {half:.3f}"
            line.append(f"{_mean(group, f'iou_{steps}'):.3f}{spread}")
        for metric in ("success_auc", "success_0.5", "precision_20px", "losses", "refound"):
            line.append(_number(_mean(group, f"{metric}_{last}")))
        seeds = sum(row["checkpoint"] is not None for row in group)
        body.append([*line, _number(_mean(group, "fps_cpu"), 0), str(seeds or "")])
    return header, body


def as_text(rows: Sequence[Row], horizons: Sequence[int]) -> str:
    """The table for a terminal."""
    return tables.in_columns(*cells(rows, horizons))


def as_markdown(rows: Sequence[Row], horizons: Sequence[int]) -> str:
    """The table for the documents."""
    return tables.in_markdown(*cells(rows, horizons))


def difference(ours: Sequence[Row], theirs: Sequence[Row]) -> tuple[float, float, float]:
    """Our IoU minus theirs, episode by episode: the mean and its 95 % interval (bootstrap).

    Seeds are averaged first, so the interval tells how sure the episodes are, not the training.
    """
    a, b = (
        np.mean([np.array(row["iou_by_episode"], dtype=float) for row in group], axis=0)
        for group in (ours, theirs)
    )
    away = (a - b)[np.isfinite(a - b)]
    return (float(away.mean()), *statistics.bootstrap_interval(away))


def over_seeds(ours: Sequence[Row], theirs: Sequence[Row]) -> tuple[float, float] | None:
    """Our IoU minus theirs, seed by seed: the mean and half its 95 % interval (Student).

    None unless both have the same seeds, two or more.
    """
    a, b = ({row["seed"]: row for row in group} for group in (ours, theirs))
    if a.keys() != b.keys() or len(a) < 2:
        return None
    name = f"iou_{_horizon(ours)}"
    away = [a[seed][name] - b[seed][name] for seed in sorted(a)]
    return statistics.mean(away), statistics.student_interval(away)


def sentences(rows: Sequence[Row]) -> list[str]:
    """The best tracker against each other one, and each that learned against the next such."""
    groups = grouped(rows)
    best, *others = groups
    learned = [name for name, group in groups.items() if group[0]["checkpoint"] is not None]
    pairs = [(best, other) for other in others]
    pairs += [pair for pair in itertools.pairwise(learned) if pair not in pairs]
    return [_sentence(groups, *pair) for pair in pairs]


def _sentence(groups: dict[str, list[Row]], ours: str, theirs: str) -> str:
    mean, low, high = difference(groups[ours], groups[theirs])
    number = groups[ours][0]["episodes"]
    said = f"{mean:+.3f} IoU, 95 % interval over {number} episodes {low:+.3f} to {high:+.3f}"
    sure = low > 0
    if (seeds := over_seeds(groups[ours], groups[theirs])) is not None:
        said += f"; over {len(groups[ours])} seeds {seeds[0]:+.3f} ± {seeds[1]:.3f}"
        sure = sure and seeds[0] > seeds[1]
    told = "above" if sure else "not told apart from"
    return f"{arms.tracker(ours).label} is {told} {arms.tracker(theirs).label}: {said}"


def block(document: dict[str, Any], name: str, folder: str) -> str:
    """What a document in ``folder`` says of one results file.

    That is figure, table, sentences, and where they are from.
    """
    rows, machine = document["rows"], document["machine"]
    said = "\n".join(f"- {sentence}" for sentence in sentences(rows))
    commits = ", ".join(sorted({str(row["commit"])[:9] for row in rows}))
    source = (
        f"{tables.source(f'{name}.json', folder)}: `{document['command']}` at {commits}, "
        f"{document['date'][:10]}, {machine['processor']}"
    )
    table = as_markdown(rows, document["horizons"])
    drawn = tables.link(f"results/{name}.svg", folder)
    picture = f'<img src="{drawn}" alt="IoU step by step, {name}" width="640">'
    return f"{picture}\n\n{table}\n\n{said}\n\n{folded([source, *trainings(rows)])}"


def trainings(rows: Sequence[Row]) -> list[str]:
    """By what command each tracker that learned was trained, all its seeds in one."""
    found = []
    for tracker, group in grouped(rows).items():
        known = [row["training"] for row in group if row.get("training")]
        if not known:
            continue
        seeds = ",".join(str(row["seed"]) for row in group)
        command = re.sub(r" seed=\d+", "", known[0]["command"]) + f" seed={seeds}"
        cpu = statistics.mean([float(x["cpu_seconds"]) for x in known])
        frames = known[0]["real_frames"] + known[0]["imagined_frames"]
        said = f"{arms.tracker(tracker).label}: {frames:,} frames, {cpu:.0f} CPU s, `{command}`"
        found.append(f"{said} at {str(known[0]['commit'])[:9]}")
    return found


def progress(row: Row, steps: int) -> str:
    """One line for a tracker that was scored."""
    seed = "" if row["seed"] is None else f" seed {row['seed']}"
    name = arms.tracker(row["tracker"]).label
    return (
        f"{name}{seed}: IoU {row[f'iou_{steps}']:.3f} over {steps} steps of "
        f"{row['episodes']} episodes, {row['fps_cpu']:.0f} frames a CPU second"
    )


def figure(rows: Sequence[Row], page_ink: bool = True) -> str:
    """IoU step by step, one curve per tracker (figure 5 of HART), as SVG.

    A band is the 95 % interval: over seeds where there are several, else over episodes.
    """
    with matplotlib.rc_context(SETTINGS):
        picture = Figure(figsize=(7.4, 4.2), layout="constrained")
        axes = picture.subplots()
        axes.set_xlabel("step")
        axes.set_ylabel("IoU")
        for place, (tracker, group) in enumerate(grouped(rows).items()):
            curves = np.array([row["iou_by_step"] for row in group], dtype=float)
            centre, half = curves.mean(0), _half_by_step(group, curves)
            steps = np.arange(1, len(centre) + 1)
            colour = COLOURS[place % len(COLOURS)]
            stroke = STROKES[place // len(COLOURS) % len(STROKES)]
            axes.plot(steps, centre, stroke, color=colour, label=arms.tracker(tracker).label)
            axes.fill_between(
                steps, centre - half, centre + half, color=colour, alpha=0.13, linewidth=0
            )
        axes.set_ylim(0, 1)
        axes.set_xlim(1, _horizon(rows))
        if len(axes.lines) > 1:
            picture.legend(loc="outside right upper")
        else:
            axes.set_title(str(axes.lines[0].get_label()), fontsize=9)
        return as_svg(picture, page_ink)


def _half_by_step(group: Sequence[Row], curves: np.ndarray) -> np.ndarray:
    if len(group) > 1:
        return np.array(
            [statistics.student_interval(c) if np.isfinite(c).all() else np.nan for c in curves.T]
        )
    return 1.96 * np.array(group[0]["se_by_step"], dtype=float)
