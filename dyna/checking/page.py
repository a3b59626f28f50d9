"""The page of one check: a sentence per test, and what policies earn, dreamed against real."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from dyna.checking.finding import GOOD, UNASKED, WRONG
from dyna.reporting import pages, plots
from dyna.scores import results

NOTE = (
    "Good, doubtful and wrong are set by how far dreams are from the world, beyond what chance "
    "may make of it; the limits stand beside each test in dyna/checking/."
)
CAPTION = (
    "Mean IoU that each policy earns in a frame, in dreams against in the world, with two "
    "standard errors. On the line dreams are worth what the world is."
)


def write(path: Path) -> Path:
    """Writes ``report.html`` beside a ``check.json``; returns its path."""
    document = results.load(path)
    rows = document["rows"]
    states = [row["state"] for row in rows]
    asked = [state for state in states if state != UNASKED]
    good = sum(state == GOOD for state in asked)
    wrong = [row["name"] for row in rows if row["state"] == WRONG]
    headline = f"{good} of {len(asked)} tests are good"
    headline += f"; wrong: {', '.join(wrong)}." if wrong else "; none is wrong."
    body = [
        {
            "kind": "" if row["state"] != UNASKED else "reference",
            "cells": [row["name"], row["state"], row["said"]],
            "wrong": [1] if row["state"] == WRONG else [],
        }
        for row in rows
    ]
    table = {"title": "Tests", "header": ["test", "found", "why"], "body": body, "note": NOTE}
    context = {
        "title": f"Is what {document['subject']} imagines right?",
        "subtitle": "Dreams of a world model beside the world, one sentence per test.",
        "headline": [headline],
        "charts": [{"svg": earnings(document["returns"]), "caption": CAPTION}],
        "charts_title": "What policies earn",
        "tables": [table],
        "provenance": pages.provenance_lines(document),
        "details": [("All figures", _figures(rows))],
    }
    return pages.page(context, path.with_name("report.html"))


def earnings(returns: Mapping[str, Mapping[str, Any]]) -> str:
    """What policies earn in dreams against what they earn in the world, as SVG."""
    with matplotlib.rc_context(plots.SETTINGS):
        figure = Figure(figsize=(plots.WIDE[0], plots.WIDE[0]), layout="constrained")
        axes = figure.subplots()
        top = max(max(one["real"][0], one["dreamed"][0]) for one in returns.values())
        top = math.ceil(10 * top + 0.5) / 10
        axes.plot([0, top], [0, top], color=plots.INK, linewidth=0.8, alpha=0.5)
        ordered = sorted(returns.items(), key=lambda item: item[1]["real"][0])
        for i, (name, one) in enumerate(ordered):
            (x, wide), (y, high) = one["real"], one["dreamed"]
            axes.errorbar(x, y, xerr=wide, yerr=high, fmt="o", color="#D55E00", markersize=4)
            # Neighbours are named on either side, lest names run into each other.
            side = {"xytext": (5, -9)} if i % 2 == 0 else {"xytext": (-5, 4), "ha": "right"}
            text = name.replace("_", " ")
            axes.annotate(text, (x, y), textcoords="offset points", fontsize=8, **side)
        axes.set_xlim(0, top)
        axes.set_ylim(0, top)
        axes.set_xlabel("in the world")
        axes.set_ylabel("in dreams")
        return plots.as_svg(figure, page_ink=True)


def _figures(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        lines.append(row["name"])
        lines += [
            f"  {name:24} {'' if value is None else f'{value:.4g}'}"
            for name, value in row["figures"].items()
        ]
    return "\n".join(lines)
