"""Tables of world models measured on their own, from the rows that ``dyna.diagnose`` wrote.

One line per scene, model and test, the mean over its seeds.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from dyna.reporting.tables import folded, in_markdown, source
from dyna.scores import results, statistics
from dyna.scores.results import Row


@dataclasses.dataclass(frozen=True)
class Line:
    """All seeds of one model on one kind of scene."""

    tier: str
    arm: str
    test: str
    rows: list[Row]

    def values(self, name: str) -> list[float]:
        """The figure of every seed that has it."""
        return [float(row[name]) for row in self.rows if row.get(name) is not None]


def lines(rows: Sequence[Row]) -> list[Line]:
    """Rows by scene, model and test, in the order of the file."""
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        factors = row.get("test_factors") or {}
        objects = [factors.get(name) for name in ("min_objects", "max_objects")]
        test = f"{objects[0]} to {objects[1]} objects" if all(objects) else str(factors or "")
        groups[str(row["tier"]), str(row.get("arm", "air")), test].append(row)
    return [Line(*key, group) for key, group in groups.items()]


def mean(name: str, digits: int = 2) -> Callable[[Line], str]:
    """A column of means."""

    def text(line: Line) -> str:
        values = line.values(name)
        return f"{statistics.mean(values):.{digits}f}" if values else ""

    return text


def interval(name: str, digits: int = 3) -> Callable[[Line], str]:
    """A column of means with Student's 95 % interval over seeds."""

    def text(line: Line) -> str:
        values = line.values(name)
        if len(values) < 2:
            return mean(name, digits)(line)
        half = statistics.student_interval(values)
        return f"{statistics.mean(values):.{digits}f} ± {half:.{digits}f}"

    return text


def beside(*names: str, digits: int = 2) -> Callable[[Line], str]:
    """A column of several figures, ours first."""
    columns = [mean(name, digits) for name in names]
    return lambda line: " / ".join(t for t in (column(line) for column in columns) if t)


Columns = Sequence[tuple[str, Callable[[Line], str]]]

WHO: Columns = (
    ("scene", lambda x: x.tier),
    ("model", lambda x: x.arm),
    ("tested on", lambda x: x.test),
)
SEES: Columns = (
    *WHO,
    ("count right", interval("count_accuracy")),
    ("at overlaps", interval("count_accuracy_overlap")),
    ("box IoU", mean("box_iou")),
    ("switches", mean("switches")),
    ("target IoU", mean("target_iou")),
    ("re-found", mean("refound_1_5")),
    ("hidden: model / held / oracle", beside("predicted_1_5", "held_1_5", "extrapolated_1_5")),
    ("ELBO", mean("elbo", 0)),
    ("squared error", mean("reconstruction_mse", 4)),
    ("parameters", mean("parameters", 0)),
    ("CPU s", mean("cpu_seconds", 0)),
    ("seeds", lambda x: str(len(x.rows))),
)
PREDICTS: Columns = (
    *WHO,
    ("IoU at 5", interval("iou_at_5")),
    ("bounce / copy / oracle", beside("bounce_iou_at_5", "copy_iou_at_5", "oracle_iou_at_5")),
    ("simulator", mean("simulator_iou_at_5")),
    ("no action", mean("no_action_iou_at_5")),
    ("target IoU at 5", mean("target_iou_at_5")),
    ("px at 10", mean("error_at_10", 1)),
    ("bounce / copy / oracle ",
     beside("bounce_error_at_10", "copy_error_at_10", "oracle_error_at_10", digits=1)),
    ("px at 20: model / bounce", beside("error_at_20", "bounce_error_at_20", digits=1)),
    ("presence at 10", mean("presence_at_10")),
    ("reward error at 5", mean("reward_error_at_5", 3)),
    ("spread / error at 10", beside("spread_at_10", "sample_error_at_10", digits=1)),
    ("trust", mean("trust_horizon", 1)),
)  # fmt: skip
STILLS: Columns = (
    ("background", lambda x: x.tier),
    ("model", lambda x: x.arm),
    ("count right", interval("count_accuracy")),
    ("worst seed", lambda x: f"{min(x.values('count_accuracy') or [0.0]):.3f}"),
    ("0 digits", mean("count_accuracy_0", 3)),
    ("1 digit", mean("count_accuracy_1", 3)),
    ("2 digits", mean("count_accuracy_2", 3)),
    ("box IoU", mean("box_iou")),
    ("squared error", mean("reconstruction_mse", 4)),
    ("CPU s", mean("cpu_seconds", 0)),
    ("seeds", lambda x: str(len(x.rows))),
)
SEEN_NOTE = (
    "What models see. {seeds} Count right: frames whose number of visible objects is right; at "
    "overlaps: of the frames in which the boxes of two visible objects share more than a fifth "
    "of the smaller one. Switches: of identity, per object. Re-found: objects that were followed, "
    "then hidden for up to 5 frames, and are followed under the same identity again. Hidden: "
    "share of these whose box is right (IoU of .5 or more) in the frame that shows them again, "
    "before it is seen; held: the last box; oracle: true state, constant velocity."
)
PREDICTED_NOTE = (
    "What models predict from 6 frames, with as many steps ahead as the column says; px: error of "
    "the centre. Bounce and copy: constant velocity and the last box, both from the model's own "
    "boxes; oracle: constant velocity from the true state; simulator: run on from there without "
    "its noise. No action: the model, not told how the camera moves. Presence: objects whose "
    "visibility is right. Reward error: of what a fixed policy earns. Spread: of two rollouts. "
    "Trust: first step whose IoU is below .5."
)
KINDS: dict[str, tuple[str, Sequence[tuple[Columns, str]]]] = {
    "world_models": ("world_model_*.json", ((SEES, SEEN_NOTE), (PREDICTS, PREDICTED_NOTE))),
    "stills": ("stills_*.json", ((STILLS, ""),)),
}
"""Blocks of the documents that gather several results files: which, and the tables to draw."""


def cells(rows: Sequence[Row], columns: Columns) -> tuple[list[str], list[list[str]]]:
    """Header and body, without columns in which nothing stands."""
    body = [[text(line) for _, text in columns] for line in lines(rows)]
    kept = [i for i in range(len(columns)) if any(texts[i] for texts in body)]
    return [columns[i][0] for i in kept], [[texts[i] for i in kept] for texts in body]


def note(text: str, rows: Sequence[Row], body: Sequence[Sequence[str]]) -> str:
    """The note of a table, which speaks of seeds and intervals only where there are some."""
    known = any("±" in text for texts in body for text in texts)
    spread = "; ±: 95 % interval (Student's t)" if known else ""
    several = any(len(line.rows) > 1 for line in lines(rows))
    return text.format(seeds=f"Means over seeds{spread}." if several else "One seed.")


def block(kind: str, results_folder: Path, folder: str) -> str:
    """A gathered table for a document in ``folder``; says so if there is nothing to gather."""
    pattern, tables = KINDS[kind]
    paths = sorted(results_folder.glob(pattern))
    if not paths:
        return f"_Not run yet: no results/{pattern}._\n"
    documents = {path: results.load(path) for path in paths}
    rows = [row for document in documents.values() for row in document["rows"]]
    parts = []
    for columns, text in tables:
        header, body = cells(rows, columns)
        parts.append(in_markdown(header, body))
        parts += [f"<sub>{note(text, rows, body)}</sub>"] if text else []
    sources = [
        f"{source(path.name, folder)}: `{d['command']}` at {str(d['commit'])[:9]}"
        for path, d in documents.items()
    ]
    return "\n\n".join([*parts, folded(sources)])
