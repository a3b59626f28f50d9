"""Tables and sentences from the rows of a results file: nothing in them is typed by hand.

Seeds become a mean with Student's 95 % interval. A reference tracker needs no training, so its
interval is over held-out episodes (1.96 standard errors).
"""

import dataclasses
import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from dyna.scores import statistics
from dyna.scores.arms import arm, tracker
from dyna.scores.results import Row, key
from envs.simulator.tiers import TIERS

DREAMED = "beside/agent/iou/dreamed"
"""How well the agent tracks in dreams, where there are any."""


@dataclasses.dataclass(frozen=True)
class Line:
    """All seeds of one setting.

    Attributes:
        rows: The runs that ended well, by seed.
        failed: Those that did not.
    """

    arm: str
    agent: str
    tier: str
    real_frames: int
    imagined_frames: int
    rows: dict[int, Row]
    failed: list[Row]

    @property
    def is_reference(self) -> bool:
        """Whether it is a tracker that was only scored."""
        return self.arm == "reference"

    @property
    def is_classical(self) -> bool:
        """Whether it is a classical tracker that was only scored."""
        return self.is_reference and tracker(self.agent).classical

    @property
    def is_learned(self) -> bool:
        """Whether a learned world model took part."""
        return self.kind == "learned"

    @property
    def kind(self) -> str:
        """Of its arm (``dyna.scores.arms.Arm``), or "reference"."""
        return "reference" if self.is_reference else arm(self.arm).kind

    @property
    def setting(self) -> tuple[str, str, int, int]:
        """Arm, tier and frames: what rivals are looked for by."""
        return self.arm, self.tier, self.real_frames, self.imagined_frames

    @property
    def label(self) -> str:
        """Name for people."""
        return tracker(self.agent).label if self.is_reference else arm(self.arm).label

    def values(self, name: str) -> list[float]:
        """The metric of every seed that has it."""
        found = [row.get(name) for _, row in sorted(self.rows.items())]
        return [float(value) for value in found if value is not None]

    def mean(self, name: str) -> float | None:
        """Mean over seeds, None where no run has the metric."""
        values = self.values(name)
        return statistics.mean(values) if values else None

    def paired(self, other: "Line") -> tuple[list[float], list[float]]:
        """Our IoU and theirs, of the seeds that both have."""
        seeds = sorted(self.rows.keys() & other.rows.keys())
        ours, theirs = ([line.rows[seed]["iou"] for seed in seeds] for line in (self, other))
        return ours, theirs

    @property
    def noise(self) -> float:
        """Half the 95 % interval of the IoU, that over episodes where one seed cannot tell."""
        return self.half_width or 1.96 * (self.mean("iou_se") or 0.0)

    @property
    def half_width(self) -> float | None:
        """Half the 95 % interval of the IoU; None where one seed cannot tell."""
        if self.is_reference:
            error = self.mean("iou_se")
            return None if error is None else 1.96 * error
        values = self.values("iou")
        return statistics.student_interval(values) if len(values) > 1 else None


def lines(rows: Sequence[Row]) -> list[Line]:
    """Groups rows by setting: arms by budget, in the order of the file, then references by IoU."""
    groups: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)[:-1]].append(row)  # all but the seed
    every = []
    for setting, group in groups.items():
        good = {row["seed"]: row for row in group if row["status"] == "ok"}
        bad = [row for row in group if row["status"] != "ok"]
        name, agent, tier, real, imagined = setting
        every.append(Line(name, agent, tier, real, imagined, good, bad))
    arms = [line for line in every if not line.is_reference]
    order = {line.arm: i for i, line in reversed(list(enumerate(arms)))}
    place = {tier: i for i, tier in enumerate(tiers(rows))}
    arms.sort(key=lambda x: (place[x.tier], x.real_frames, order[x.arm], x.imagined_frames))
    references = [line for line in every if line.is_reference]
    references.sort(key=lambda x: (place[x.tier], -(x.mean("iou") or 0.0)))
    return arms + references


def tiers(rows: Sequence[Row]) -> list[str]:
    """The tiers of some rows, in the order in which they are declared; others come last."""
    known = {tier: i for i, tier in enumerate(TIERS)}
    names = dict.fromkeys(row["tier"] for row in rows)
    return sorted(names, key=lambda name: known.get(name, len(known)))


def object_columns(rows: Sequence[Row]) -> list[str]:
    """The metrics of IoU by number of objects that the rows hold, fewest objects first."""
    found = {name for row in rows for name in row if re.fullmatch(r"iou_\d+_objects?", name)}
    return sorted(found, key=lambda name: int(name.split("_")[1]))


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _column(name: str) -> Callable[[Line], str]:
    return lambda line: _number(line.mean(name))


def iou(line: Line) -> str:
    """Mean and interval, and how many runs failed."""
    if not line.rows:
        return "failed"
    half = line.half_width
    spread = "" if half is None else f" ± {half:.3f}"
    failed = f" ({len(line.failed)} failed)" if line.failed else ""
    return f"{line.mean('iou') or 0:.3f}{spread}{failed}"


def cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and body of the one table, as texts."""
    by_objects = object_columns(rows)
    many_tiers = len({row["tier"] for row in rows}) > 1
    columns: list[tuple[str, Callable[[Line], str]]] = [
        ("method", lambda x: x.label),
        ("tier", lambda x: x.tier),
        ("real frames", lambda x: "" if x.is_reference else f"{x.real_frames:,}"),
        ("imagined", lambda x: "" if x.is_reference else f"{x.imagined_frames:,}"),
        ("IoU", iou),
    ]
    for name in by_objects:
        title = name.removeprefix("iou_").replace("_", " ")
        columns.append((title, _column(name)))
    if any(DREAMED in row for row in rows):
        columns.append(("in dreams", _column(DREAMED)))
    columns += [
        ("IoU > .5", lambda x: _number(x.mean("success_0.5"))),
        ("lost", lambda x: _number(x.mean("lost"))),
        ("CPU s", lambda x: _number(x.mean("cpu_seconds"), 0)),
        ("seeds", lambda x: "" if x.is_reference else str(len(x.rows))),
    ]
    if not many_tiers:
        columns = [column for column in columns if column[0] != "tier"]
    return [title for title, _ in columns], [[f(x) for _, f in columns] for x in lines(rows)]


def intervals(rows: Sequence[Row]) -> str:
    """What the intervals are that the rows have, for captions; empty if they have none."""
    every = [line for line in lines(rows) if line.rows]
    seeds = any(line.half_width is not None for line in every if not line.is_reference)
    episodes = any(line.half_width is not None for line in every if line.is_reference)
    told = ["over seeds (Student's t)"] if seeds else []
    told += ["over episodes for trackers, which learn nothing"] if episodes else []
    return f"95 % interval {' and '.join(told)}" if told else ""


def note(rows: Sequence[Row]) -> str:
    """What the table's columns mean, as far as it has them."""
    said = ["IoU: mean over held-out episodes, first frame not counted."]
    said += [f"±: {text}."] if (text := intervals(rows)) else []
    if any(len(line.rows) == 1 and not line.is_reference for line in lines(rows)):
        said.append("One seed has no interval: another may end elsewhere.")
    if any(DREAMED in row for row in rows):
        said.append(
            "In dreams: IoU of the same agent there; who is better than in reality has "
            "learned what holds in dreams alone."
        )
    said += ["Lost: share of episodes that end off the target."]
    return " ".join([*said, "CPU s: whole run, evaluation included."])


def as_text(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    return in_columns(*cells(rows))


def as_markdown(rows: Sequence[Row]) -> str:
    """The table for the documents."""
    return in_markdown(*cells(rows))


def in_columns(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Texts below each other, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]

    def line(texts: Sequence[str]) -> str:
        pairs = zip(texts, widths, strict=True)
        parts = [t.ljust(w) if i == 0 else t.rjust(w) for i, (t, w) in enumerate(pairs)]
        return "  ".join(parts).rstrip()

    return "\n".join([line(header), line(["-" * w for w in widths]), *map(line, body)])


def in_markdown(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """The same as a table in Markdown."""
    rule = ["---", *["--:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(texts) + " |" for texts in [header, rule, *body])


def link(path: str, folder: str) -> str:
    """The address of a file in a document; both are given from the root of the repository."""
    return posixpath.relpath(path, folder)


def source(name: str, folder: str) -> str:
    """A link to a results file, for a document in ``folder``."""
    return f"[{name}]({link(f'results/{name}', folder)})"


def folded(sources: Sequence[str]) -> str:
    """What tables were made by, in Markdown that unfolds when it is asked for."""
    items = "\n".join(f"- {source}" for source in sources)
    return f"<details><summary>Commands, commits, machine</summary>\n\n{items}\n\n</details>\n"
