"""The page of world models measured on their own: tables, figures by step, pictures, films."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dyna.pictures.beside import NAME
from dyna.reporting import beside, model_plots, model_tables, pages
from dyna.scores import results, statistics
from dyna.scores.results import Row

PICTURES = (
    "One colour is one identity: the real rows have the true ones, the others those of the model, "
    "each in the colour of the object that it followed first. +5: five frames after the last that "
    "the model saw. These are the first held-out episodes, not chosen ones."
)
BESIDE = (
    "Three held-out episodes, each above a dream that has nothing to do with it but its length: "
    "they should look alike, not the same. Boxes are those that the scene and the dream tell of."
)
KEY = (
    (
        "target: a white rim (among the model's objects, the one that fitted its first box best)",
        "border: 2px solid #fff; box-shadow: inset 0 0 0 2px #ff9500, 0 0 0 1px #18191d",
    ),
    ("hidden", "border: 2px dashed #ff9500"),
)

TOLD_KEY = (("target: a white rim", KEY[0][1]), KEY[1])


def write(output: Path, folder: Path) -> Path:
    """Writes ``report.html`` beside the pictures of ``dyna.diagnose``; returns its path.

    Args:
        output: The results file.
        folder: Holds a folder of pictures for each seed.
    """
    document = results.load(output)
    rows = document["rows"]
    asked = [row for row in rows if not row.get("test_factors")]
    context = {
        "title": f"{asked[0].get('arm', 'air')} on {asked[0]['tier']}",
        "subtitle": "How well a world model sees and predicts scenes that it was not trained on.",
        "headline": headline(asked),
        "charts": model_plots.charts(asked),
        "charts_title": "Prediction, step by step",
        "tables": [*_tables(rows), *beside.tables(asked)],
        "sections": _sections(folder),
        "provenance": pages.provenance_lines(document),
        "details": [("All figures", _everything(rows))],
    }
    return pages.page(context, folder / "report.html")


def headline(rows: Sequence[Row]) -> list[str]:
    """What the figures say, in sentences."""

    def mean(name: str) -> float | None:
        values = [row[name] for row in rows if row.get(name) is not None]
        return statistics.mean(values) if values else None

    said = []
    seeds = f"{len(rows)} seed{'s' if len(rows) > 1 else ''}"
    if (count := mean("count_accuracy")) is not None:
        said.append(
            f"Counts rightly in {count:.1%} of the frames; box IoU {mean('box_iou'):.2f} "
            f"({seeds})."
        )
    elif (iou := mean("target_iou")) is not None:
        said.append(f"Follows the target with an IoU of {iou:.2f} ({seeds}).")
    if (found := mean("refound_1_5")) is not None:
        said.append(
            f"Of objects hidden for 1 to 5 frames {found:.0%} are re-found as the same ones; "
            f"{mean('predicted_1_5'):.0%} of their boxes are right before they are seen "
            f"(last box held: {mean('held_1_5'):.0%})."
        )
    if (ahead := mean("error_at_10")) is not None:
        text = f"Ten frames ahead it is {ahead:.1f} px off"
        if (held := mean("bounce_error_at_10")) is not None:
            judged = "closer" if ahead < held else "no closer"
            text += f", {judged} than constant velocity from its own boxes ({held:.1f})"
        if (known := mean("oracle_error_at_10")) is not None:
            text += f"; constant velocity from the true state: {known:.1f}"
        said.append(f"{text}.")
    if (like := beside.sentence(rows)) is not None:
        said.append(like)
    return said


def _tables(rows: Sequence[Row]) -> list[dict[str, Any]]:
    tables = []
    for title, columns, text in (
        ("What it sees", model_tables.SEES, model_tables.SEEN_NOTE),
        ("What it predicts", model_tables.PREDICTS, model_tables.PREDICTED_NOTE),
    ):
        header, body = model_tables.cells(rows, columns)
        if len(header) > len(model_tables.WHO):
            lines = [{"kind": "", "cells": texts} for texts in body]
            note = model_tables.note(text, rows, body)
            tables.append({"title": title, "header": header, "body": lines, "note": note})
    return tables


def _sections(folder: Path) -> list[dict[str, Any]]:
    sections, clips = [], []
    for path in sorted(folder.glob(f"seed=*/{NAME}"))[:1]:
        clip = {"title": path.parent.name, "strip": pages.uri(path, "image/png"), "video": ""}
        section = {
            "title": "Real and dreamed episodes",
            "text": BESIDE,
            "key": TOLD_KEY,
            "wide": True,
        }
        sections.append({**section, "rows": "Moments from left to right.", "clips": [clip]})
    for path in sorted(folder.glob("seed=*/sheet.png")):
        clip = {"title": path.parent.name, "strip": pages.uri(path, "image/png"), "video": ""}
        film = path.with_name("film.mp4")
        clips.append(clip | pages.film(film) if film.exists() else clip)
        break  # one seed is enough to look at; the others lie in their folders
    if clips:
        section = {"title": "Real, filtered, imagined", "text": PICTURES, "key": KEY, "wide": True}
        sections.append({**section, "rows": "Moments of the same episodes.", "clips": clips})
    return sections


def _everything(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for row in rows:
        lines.append(f"seed {row['seed']} {row.get('test_factors') or ''}".rstrip())
        numbers = {k: v for k, v in row.items() if isinstance(v, int | float)}
        lines += [f"  {name:34} {value:.6g}" for name, value in numbers.items()]
    return "\n".join(lines)
