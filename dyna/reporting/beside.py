"""Tables of dreams beside reality, from what ``dyna.diagnosis.beside.beside`` put in rows."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from dyna.diagnosis.beside import FLOOR, GOOD, verdict
from dyna.scores import statistics
from dyna.scores.results import Row

LABELS = {
    "objects": "objects in a frame",
    "speed": "speed, px per frame",
    "acceleration": "acceleration, px per frame²",
    "size": "size, px",
    "size_spread": "spread of sizes",
    "size_change": "size change, per frame",
    "size_drift": "size change, per episode",
    "visible": "visible share",
    "overlaps": "overlaps per object",
    "restyling": "restyling of objects",
    "brightness": "brightness of frames",
    "contrast": "contrast of frames",
    "flicker": "difference of successive frames",
    "sharpness": "sharpness of frames",
}
HOWS = {
    "model": "Model: the world model looks at real and dreamed episodes alike, so what it sees "
    "wrongly cancels out.",
    "truth": "Truth: what the scene knows of its objects, beside what the dream says of its own.",
}
"""Ways to compare, and what they are."""
QUARTERS = ("narrowest", "narrow", "wide", "widest")
NOTE = (
    "Ratios from {low:g} to {high:g} are good, others low or high; a question mark: it may be "
    "chance. {hows} Speeds are those in the world; spreads and changes of size are standard "
    "deviations of the logarithm; restyling is how the looks of an object differ five frames "
    "later; hidden objects count."
)
BOXES_NOTE = (
    "Boxes of real objects that are followed and well seen, by quarter of true widths: geometric "
    "means in pixels."
)


@dataclasses.dataclass(frozen=True)
class Line:
    """One figure, the mean over seeds.

    Attributes:
        name: As in rows.
        real: Of the world.
        dreamed: Of dreams.
        ratio: Mean of the seeds' ratios.
        verdict: Of that ratio (`verdict`).
    """

    name: str
    real: float
    dreamed: float
    ratio: float
    verdict: str

    @property
    def cells(self) -> list[str]:
        """Real, dreamed, and the ratio with its verdict."""
        ratio = f"{self.ratio:.2f} {self.verdict}".strip()
        return [*(f"{x if x > FLOOR else 0:#.3g}" for x in (self.real, self.dreamed)), ratio]

    @property
    def wrong(self) -> bool:
        """Whether the ratio is bad, and not by chance."""
        return self.verdict in ("low", "high")


def lines(rows: Sequence[Row], how: str) -> dict[str, Line]:
    """The figures of one way to compare, by name."""
    found = {}
    group = f"beside/{how}/"
    keys = [key for row in rows for key in row if key.startswith(group)]
    for name in dict.fromkeys(key.split("/")[2] for key in keys):
        known = {
            part: [row[k] for row in rows if row.get(k := f"{group}{name}/{part}") is not None]
            for part in ("real", "dreamed", "ratio", "error")
        }
        if not known["ratio"]:
            continue
        ratio, number = statistics.mean(known["ratio"]), len(known["ratio"])
        # One episode or group tells nothing of chance: then anything may be.
        sure = len(known["error"]) == number
        error = statistics.mean(known["error"]) / math.sqrt(number) if sure else math.inf
        real, dreamed = (statistics.mean(known[part]) for part in ("real", "dreamed"))
        found[name] = Line(name, real, dreamed, ratio, verdict(ratio, error))
    return found


def label(name: str) -> str:
    """What a figure is called in print."""
    stem, _, step = name.rpartition("_")
    return f"speed into frame {step}" if stem == "speed" else LABELS.get(name, name)


def tables(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Tables for a page: figures of dreams, and sizes of boxes; those that rows can fill."""
    shown = []
    if sides := lines(rows, "boxes"):
        header = ["objects"]
        axes = ("width", "height")
        header += [f"{axis}: {part}" for axis in axes for part in ("true", "model", "ratio")]
        body = [
            _row(text, [sides.get(f"{axis}_{number}") for axis in axes])
            for number, text in enumerate(QUARTERS, 1)
        ]
        shown.append(_table("How large the model sees objects", header, body, BOXES_NOTE))
    found = {how: lines(rows, how) for how in HOWS}
    hows = [how for how in HOWS if found[how]]
    header = ["figure"]
    header += [f"{how}: {part}" for how in hows for part in ("real", "dreamed", "ratio")]
    names = dict.fromkeys(name for how in hows for name in found[how])
    body = [_row(label(name), [found[how].get(name) for how in hows]) for name in names]
    if body:
        said = " ".join(HOWS[how] for how in hows)
        note = NOTE.format(low=GOOD[0], high=GOOD[1], hows=said)
        note = f"Means over {len(rows)} seeds. {note}" if len(rows) > 1 else note
        shown.append(_table("Dreams beside reality", header, body, note))
    return shown


def _row(name: str, found: Sequence[Line | None]) -> dict[str, Any]:
    """A row of a page; ``wrong`` are the places of its bad ratios."""
    cells = [text for line in found for text in (line.cells if line else [""] * 3)]
    wrong = [3 * (i + 1) for i, line in enumerate(found) if line and line.wrong]
    return {"kind": "", "cells": [name, *cells], "wrong": wrong}


def _table(title: str, header: list[str], body: list[dict[str, Any]], note: str) -> dict[str, Any]:
    return {"title": title, "header": header, "body": body, "note": note}


def sentence(rows: Sequence[Row]) -> str | None:
    """In which figures dreams are not like the world; None if nothing was compared."""
    how = next((how for how in HOWS if lines(rows, how)), None)
    if how is None:
        return None
    found = lines(rows, how).values()
    wrong = [
        f"{label(line.name)} ({line.verdict}, {line.ratio:.2f})" for line in found if line.wrong
    ]
    by = "as the model sees both" if how == "model" else "by what each says of its objects"
    like = f"Dreams are like the world in {len(found) - len(wrong)} of {len(found)} figures, {by}."
    return like if not wrong else f"{like} Not in: {'; '.join(wrong)}."


def text(row: Mapping[str, Any]) -> str:
    """The tables of one row, in print; empty if nothing was compared."""
    printed = []
    for table in tables([dict(row)]):
        header = [name.replace(": ", " ") for name in table["header"]]
        grid = [header, *(line["cells"] for line in table["body"])]
        wide = [max(map(len, column)) for column in zip(*grid, strict=True)]
        printed.append(f"  {table['title']}")
        for name, *figures in grid:
            right = [text.rjust(w) for text, w in zip(figures, wide[1:], strict=True)]
            printed.append("  ".join(["   ", name.ljust(wide[0]), *right]).rstrip())
    return "\n".join(printed)
