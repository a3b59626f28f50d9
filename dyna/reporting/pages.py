"""Pages that open from disk: one per run and one per study, nothing fetched from anywhere."""

import importlib.resources
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from agents.base import Agent
from dyna.pictures import render, showcase, video_file
from dyna.reporting import beside, plots, profiles, savings, tables
from dyna.reporting.accuracy import plot, words
from dyna.reporting.findings import findings, pooled, verdicts
from dyna.scores import results
from dyna.scores.arms import arm
from dyna.scores.results import Row
from envs import drawing
from envs.tracking import Tracking

GREEN, ORANGE, GREY = (
    "rgb({}, {}, {})".format(*c) for c in (drawing.TARGET, drawing.AGENT, drawing.OTHER)
)
TRACKING_KEY = (
    ("target", f"border: 2px dashed {GREEN}"),
    ("agent", f"border: 2px solid {ORANGE}"),
    ("other objects", f"border: 1px solid {GREY}"),
)
MODEL_KEY = (
    ("target, its true box", f"border: 2px dashed {GREEN}"),
    ("what the model takes for the target", f"border: 2px solid {ORANGE}"),
    ("other objects", f"border: 1px solid {GREY}"),
)
SECTIONS = {
    "tracking": (
        "Tracking held-out episodes",
        "Scenes that were never seen in training; every arm shows the same episodes. Beside a "
        "frame, if the agent has one: the glimpse, which is all that it sees of the frame, and "
        "below it, if a loss teaches one, the location map, bright where the agent takes the "
        "target to be. Rewards alone teach no such map, so with PPO there is none to show.",
        TRACKING_KEY,
        "Stills: moments of the first three episodes.",
    ),
    "world_model": (
        "What the world model sees and predicts",
        "Real frames, what the model makes of them, and what it dreams without looking any "
        f"more, after {showcase.CONTEXT} frames. The model is told the first box of the target; "
        "the slot that fits it best is marked from then on.",
        MODEL_KEY,
        "Stills of the first episode.",
    ),
    "imagination": (
        "Imagined episodes",
        "What the agent was trained on beside real frames, with the boxes that give the reward.",
        TRACKING_KEY,
        "Stills: moments of the first three episodes.",
    ),
}


def page(context: Mapping[str, Any], path: Path) -> Path:
    """Fills the template and writes the page in one go."""
    template = importlib.resources.files("dyna.reporting").joinpath("report.html.j2").read_text()
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(environment.from_string(template).render(**context))
    draft.replace(path)
    return path


def write_study(path: Path, folder: Path) -> Path:
    """The page of a study.

    Args:
        path: The results file.
        folder: Where the runs are, for their videos; the page is written there.

    Returns:
        The page.
    """
    document = results.read(path)
    rows = document["rows"]
    runs: dict[str, Path] = {}  # the first run of each arm stands for it in pictures
    for row in rows:
        run = row.get("folder")
        if run and row["status"] == "ok" and row["arm"] != "reference":
            runs.setdefault(arm(row["arm"]).label, Path(run))
    failed = [row for row in rows if row["status"] != "ok"]
    lines = [f"{row['arm']} {row['agent']} seed {row['seed']}: {row['error']}" for row in failed]
    context = {
        **_figures(rows),
        "title": f"{path.stem if path.stem != 'results' else folder.name}: arms compared",
        "subtitle": "An agent learns to follow a digit with a box, from real frames and from "
        "frames that a world model imagines.",
        "sections": _sections(runs),
        "provenance": provenance_lines(document),
        "details": [("Runs that failed", "\n".join(lines))] if lines else [],
    }
    return page(context, folder / "report.html")


def write_run(folder: Path) -> Path:
    """The page of a finished run, from what lies in its folder; returns the page.

    Raises:
        ValueError: There is no finished run.
    """
    try:
        summary = results.table(folder / "summary.json")
        row = run_row(folder, summary)
    except (*results.ODD, yaml.YAMLError) as error:
        raise ValueError(f"{folder} holds no finished run: {error}") from None
    config = (folder / "config.yaml").read_text() if (folder / "config.yaml").exists() else ""
    name = arm(row["arm"]).label
    rows = [row, *_beside(folder, row), *_references(summary, row)]
    figures = _figures(rows, about=row["arm"])
    figures["charts"] += [
        {"svg": svg, "caption": "Reward while training: IoU of the exploring agent's box."}
        for svg in [plots.rewards(results.read_metrics(folder))]
        if svg
    ]
    everything = {k: v for k, v in row.items() if isinstance(v, int | float)}
    context = {
        **figures,
        "title": f"{name}, seed {row['seed']}",
        "subtitle": f"{row['tier']}, {row['real_frames']:,} real and "
        f"{row['imagined_frames']:,} imagined frames",
        "tables": beside.tables([summary]),
        "sections": _sections({name: folder}),
        "provenance": provenance_lines(summary),
        "details": [
            ("Configuration", config),
            ("All final metrics", "\n".join(f"{k:32} {v:.6g}" for k, v in everything.items())),
        ],
    }
    return page(context, folder / "report.html")


def _references(summary: Mapping[str, Any], row: Row) -> list[Row]:
    """Rows of the trackers that the run was scored beside."""
    known = {"arm": "reference", "tier": row["tier"], "status": "ok"}
    known |= dict.fromkeys(("real_frames", "imagined_frames", "seed"), 0)
    scored = summary.get("references") or {}
    return [{**known, "agent": name, **metrics} for name, metrics in scored.items()]


def _beside(folder: Path, row: Row) -> list[Row]:
    """Rows of the finished runs beside this one that differ in the world model alone."""
    found = []
    for path in sorted(folder.parent.parent.glob(f"*/seed={row['seed']}/summary.json")):
        other = path.parent
        if other.resolve() == folder.resolve() or folder.name != other.name:
            continue
        try:
            ours, others = (_task(one) for one in (folder, other))
            theirs = run_row(other, results.table(path))
        except (*results.ODD, yaml.YAMLError):  # a run that is half there says nothing
            continue
        if ours == others and "iou" in theirs and theirs["arm"] != row["arm"]:
            found.append(theirs)
    return found


def _task(folder: Path) -> list[Any]:
    """What a run had beside its world model: the env, also of the test, and the agent."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    return [config["env"], config["agent"], config.get("generalise")]


def make_videos(
    folder: Path, agent: Agent, held_out: Tracking, dream: Tracking | None
) -> list[Path]:
    """Films a run that has ended into ``folder/videos``; a failure is only a warning."""
    try:
        return showcase.make_videos(folder / "videos", agent, held_out, dream)
    except Exception as error:  # the run and its numbers are worth more than its pictures
        warnings.warn(f"no videos were made in {folder}: {error!r}", stacklevel=2)
        return []


def write_run_or_warn(folder: Path) -> None:
    """The page of a run that has ended; a failure is only a warning."""
    try:
        write_run(folder)
    except Exception as error:  # as above
        warnings.warn(f"no report was made in {folder}: {error!r}", stacklevel=2)


def run_row(folder: Path, summary: Mapping[str, Any]) -> Row:
    """The row of one run that was not part of a study."""
    metrics = results.final_metrics(folder)
    # As it is written: nothing is looked up for a config that may be from anybody.
    config = yaml.safe_load((folder / "config.yaml").read_text())
    known: Row = {
        "arm": str(summary.get("arm") or _stem(config["world_model"])),
        "agent": str(summary.get("agent") or _stem(config["agent"])),
        "tier": str(config["env"].get("tier", "")),
    }
    budget = {k: int(summary.get(k, 0)) for k in ("real_frames", "imagined_frames", "seed")}
    return {**known, **budget, "status": "ok", **metrics, "iou": float(metrics["iou"])}


def _stem(node: Mapping[str, Any] | None) -> str:
    """What older summaries do not say: ``world_models.air.AIR`` -> ``air``."""
    target = (node or {}).get("_target_")
    return "none" if target is None else str(target).split(".")[-2]


def analyses(rows: Sequence[Row]) -> list[str]:
    """What is said of all rows together: of faults, of frames that are saved, of variants."""
    return [*words.sentences(rows), *savings.sentences(rows), *pooled(rows)]


def _figures(rows: Sequence[Row], about: str | None = None) -> dict[str, Any]:
    header, body = tables.cells(rows)
    kinds = []
    for line in tables.lines(rows):
        kind = "reference" if line.is_reference else ""
        kinds.append("learned" if line.is_learned else kind if line.rows else "failed")
    names, charts = tables.tiers(rows), []
    if (svg := profiles.profile(rows)) is not None:
        charts.append({"svg": svg, "caption": profiles.caption(rows)})
    for tier in names:
        there = [row for row in rows if row["tier"] == tier]
        where = f"On {tier}. " if len(names) > 1 else ""
        for draw, caption in (plot.CHART, *plots.CHARTS):
            if (svg := draw(there)) is not None:
                charts.append({"svg": svg, "caption": f"{where}{caption(there)}"})
    return {
        "headline": [
            *analyses(rows),
            *verdicts(rows, about),
            *findings(rows, about),
        ],
        "charts": charts,
        "header": header,
        "body": [{"kind": k, "cells": c} for k, c in zip(kinds, body, strict=True)],
        "table_note": tables.note(rows),
    }


def _sections(runs: Mapping[str, Path]) -> list[dict[str, Any]]:
    sections = []
    for name, (title, text, key, rows) in SECTIONS.items():
        clips = []
        for label, folder in runs.items():
            video, strip = (folder / "videos" / f"{name}.{e}" for e in ("mp4", "png"))
            if video.exists():
                clip = {"title": label, **film(video)}
                clips.append({**clip, "strip": uri(strip, "image/png") if strip.exists() else ""})
        if clips:
            sections.append(
                {"title": title, "text": text, "key": key, "rows": rows, "clips": clips}
            )
    return sections


def film(path: Path) -> dict[str, str]:
    """A film for the page, and its first picture for browsers that do not start it."""
    first = render.data_uri(video_file.poster(path), "image/jpeg")
    return {"video": uri(path, "video/mp4"), "poster": first}


def uri(path: Path, mime: str) -> str:
    """The file as an address, so that the page needs nothing beside it."""
    return render.data_uri(path.read_bytes(), mime)


def provenance_lines(known: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and texts of what is known of where figures come from."""
    found = []
    for name in ("command", "commit", "date", "machine", "packages"):
        value = known.get(name)
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {item}" for key, item in value.items())
        if name == "commit" and known.get("dirty"):
            value = f"{value} (with changes that were not committed)"
        if value:
            found.append((name, str(value)))
    return found
