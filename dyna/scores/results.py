"""Published figures: one JSON file per study, with where they come from and one row per run.

A row is flat and tidy: ``arm``, ``agent``, ``tier``, ``real_frames``, ``imagined_frames``,
``seed``, ``status`` (``ok`` or ``failed``, then with ``error``), the commit it was run at, and
every final metric of the run. Metrics of the evaluation and of time stand without their group
(``iou``, ``cpu_seconds``), all others under their full name. ``curve`` keeps the evaluations on
the way.
"""

import datetime
import importlib.metadata
import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dyna.scores.privacy import masked, masked_command

Row = dict[str, Any]

KEY = ("arm", "agent", "tier", "real_frames", "imagined_frames", "seed")
"""What tells one row from another."""

PUBLISHED = Path("results")
"""Where published files lie; nothing is written there unless it is asked for."""
ODD = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError)
"""What comes out when a file of a run is missing, or not what it should be."""
HERE = Path(__file__).parent
WRITTEN = (":/", ":(exclude,top)results", ":(exclude,top)docs", ":(exclude,top)README.md")
PACKAGES = ("torch", "numpy", "gymnasium", "hydra-core", "opencv-contrib-python-headless")


def key(row: Mapping[str, Any]) -> tuple:
    """Which run a row is of."""
    return tuple(row[name] for name in KEY)


def _git(*arguments: str) -> str | None:
    command = ["git", *arguments]
    try:
        done = subprocess.run(
            command, cwd=HERE, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def provenance(command: str) -> dict[str, Any]:
    """What one must know to run it again: command, code, machine, packages, date.

    ``dirty`` says whether tracked code differed from the commit (published results aside).
    """
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", *WRITTEN)
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "command": masked_command(command),
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if changes is None else bool(changes),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
            "python": platform.python_version(),
        },
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "packages": packages,
    }


def destination(output: str | None, publish: bool, unpublished: Path, name: str) -> Path:
    """Which file a command writes.

    Args:
        output: The path that the user gave, if any.
        publish: Whether to write (over) the published file ``name``.
        unpublished: The file if neither is said.
        name: Its name among the published ones.

    Raises:
        ValueError: A path is given, and publishing asked for.
    """
    if output and publish:
        raise ValueError(f"publish=true writes {PUBLISHED / name}, not {output}: give one of them")
    if output:
        return Path(output)
    return PUBLISHED / name if publish else unpublished


def clean(value: Any) -> Any:
    """JSON knows no NaN; six digits are more than the noise deserves; secrets stay out."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: clean(item) for name, item in value.items()}
    return [clean(item) for item in value] if isinstance(value, list | tuple) else value


def write(path: Path, header: Mapping[str, Any], rows: list[Row]) -> None:
    """Writes the file in one go: whoever reads sees the old rows or the new, never a half."""
    lines = [f" {json.dumps(name)}: {json.dumps(clean(item))}" for name, item in header.items()]
    body = ",\n".join("  " + json.dumps(clean(row), allow_nan=False) for row in rows)
    text = "{\n" + ",\n".join([*lines, f' "rows": [\n{body}\n ]']) + "\n}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


def read(path: Path) -> dict[str, Any]:
    """The file's header and its ``rows``.

    Raises:
        ValueError: The file is missing or is no results file; says which and what to run.
    """
    try:
        document = load(path)
    except FileNotFoundError:
        raise ValueError(
            f"{path} is missing: run `python -m dyna experiment={path.stem}`"
        ) from None
    if not all(name in row for row in document["rows"] for name in KEY):
        raise ValueError(f"{path} holds rows without {', '.join(KEY)}: run its study anew")
    return document


def load(path: Path) -> dict[str, Any]:
    """Any file that `write` wrote, whatever its rows hold.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is no such file.
    """
    try:
        document = table(path)
    except ValueError as error:
        raise ValueError(f"{error}; it is no results file") from None
    rows = document.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path} is no results file (it has no rows): run its study anew")
    return document


def table(path: Path) -> dict[str, Any]:
    """A file of JSON that holds a table (an object).

    Raises:
        FileNotFoundError: There is none.
        ValueError: It holds something else.
    """
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON ({error}): run again what wrote it") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is JSON, but no table: run again what wrote it")
    return found


def read_metrics(folder: Path) -> list[Row]:
    """The rows of ``metrics.jsonl``; a last line that was cut off by a kill is left out."""
    try:
        lines = (folder / "metrics.jsonl").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(row, dict):
            break
        rows.append(row)
    return rows


def evaluation_metrics(folder: Path) -> Row:
    """The metrics that ``python -m dyna.evaluate`` left in a folder."""
    path = folder / "evaluation.json"
    metrics = table(path).get("metrics")
    if not isinstance(metrics, dict):
        raise ValueError(f"{path} holds no metrics: run again what wrote it")
    return short_names(metrics)


def final_metrics(folder: Path) -> Row:
    """The last value of every metric of a run, and its evaluations on the way as ``curve``."""
    history = read_metrics(folder)
    last: Row = {}
    for row in history:
        last.update(row)
    summary = folder / "summary.json"
    if summary.exists():
        found = table(summary)
        last.update({n: v for n, v in found.items() if isinstance(v, int | float)})
    metrics = short_names(last)
    evaluations = [row for row in history if "eval/iou" in row]
    if evaluations:
        axes = {"real_frames": "real_frames", "agent_frames": "agent_frames", "iou": "eval/iou"}
        metrics["curve"] = {
            axis: [row.get(name) for row in evaluations] for axis, name in axes.items()
        }
    return metrics


def of_world_model(folder: Path) -> Row:
    """What the last fit of a run's world model said, also if that was before a restart."""
    history = read_metrics(folder)
    return {k: v for row in history for k, v in row.items() if k.startswith("world_model/")}


def code(folder: Path) -> Row:
    """The commit that a finished run was made at; nothing if it does not say."""
    path = folder / "summary.json"
    found = table(path) if path.exists() else {}
    return {name: found[name] for name in ("commit", "dirty") if name in found}


def training(run: Path) -> Row | None:
    """How a finished run came about: its command, commit, frames and CPU seconds.

    Args:
        run: The run's folder, that of its checkpoints, or one of these; None if it is unknown.

    Raises:
        ValueError: Its ``summary.json`` is no table.
    """
    for folder in (run, *run.parents[:2]):
        if (summary := folder / "summary.json").exists():
            found = table(summary)
            names = ("command", "commit", "real_frames", "imagined_frames", "time/cpu_seconds")
            return {name.removeprefix("time/"): found.get(name) for name in names}
    return None


def short_names(metrics: Mapping[str, Any]) -> Row:
    """Drops ``eval/`` and ``time/``, and leaves out axes and speeds."""
    found = {}
    for name, value in metrics.items():
        group, _, short = name.rpartition("/")
        if group == "eval":
            found[short] = value
        elif group == "time":
            found[short.removesuffix("_seconds") + "_seconds"] = value
        elif group not in ("", "speed"):
            found[name] = value
    return found
