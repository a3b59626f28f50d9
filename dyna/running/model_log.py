"""What was found of a world model, in print and for loggers."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig

from conf.members import find
from dyna.reporting import beside
from dyna.running.build import make
from dyna.running.logger import JSONL, Logger
from dyna.scores.privacy import writable, write_config

CHOSEN = "chosen"
"""Group of what a world model chose, in tables; and the node of ``config.yaml``."""
SHOWN_STEPS = (1, 3, 5, 10, 20, 30)
"""Steps ahead that are printed."""


def flat(choices: Mapping[str, Any]) -> dict[str, Any]:
    """What a world model chose by itself, as keys of a row or a summary."""
    return {f"{CHOSEN}/{name}": value for name, value in choices.items()}


def keep_choices(choices: Mapping[str, Any], folder: Path) -> None:
    """Says once what a world model chose, and adds it to the run's ``config.yaml``.

    Args:
        choices: See `WorldModel.choices`.
        folder: Of the run.
    """
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    if not choices or CHOSEN in config:
        return
    said = " ".join(f"{name}={value}" for name, value in choices.items())
    print(f"the world model chose {said}", file=sys.stderr)
    config[CHOSEN] = {"world_model": dict(choices)}
    write_config(config, path)


def text(row: Mapping[str, Any]) -> str:
    """What is printed of a row."""
    lines = [f"seed {row['seed']}, {row['cpu_seconds']:.0f} CPU seconds to learn"]
    if row.get("test_factors"):
        lines = [f"seed {row['seed']}, tested on {row['test_factors']}, {row['test_slots']} slots"]
    chosen = [f"{k.split('/')[1]}={v}" for k, v in row.items() if k.startswith(f"{CHOSEN}/")]
    if chosen:
        lines.append(f"  chosen: {' '.join(chosen)}")
    if "count_accuracy" in row:
        counts = [n for n in row if n.startswith("count_accuracy_") and n[15:].isdigit()]
        by_number = ", ".join(f"{n[15:]}: {row[n]:.3f}" for n in counts)
        if "count_accuracy_overlap" in row:
            by_number += f"; overlaps: {row['count_accuracy_overlap']:.3f}"
        lines.append(
            f"  count accuracy {row['count_accuracy']:.3f} ({by_number}), "
            f"box IoU {row['box_iou']:.3f}, identity switches {row['switches']:.2f}"
        )
    lines.append(
        f"  target IoU {row['target_iou']:.3f}, found at first {row['target_found']:.3f}, "
        f"lost {row['target_lost']:.3f}; ELBO {row.get('elbo', math.nan):.1f}, "
        f"squared error {row['reconstruction_mse']:.4f}"
    )
    for name, text in {"1_5": "1 to 5", "6_up": "6 or more"}.items():
        if row.get(f"occlusions_{name}"):
            shares = ("refound", "predicted", "filtered", "held", "extrapolated")
            found = ", ".join(f"{share} {row[f'{share}_{name}']:.2f}" for share in shares)
            number = row[f"occlusions_{name}"]
            lines.append(f"  {number:.0f} times hidden for {text} frames: {found}")
    if row["steps"]:
        lines.append("  steps ahead: centre error in pixels (IoU)")
    for step in (r for r in row["steps"] if r["step"] in SHOWN_STEPS):
        figures = [
            f"{label} {step[f'{name}error']:.2f} ({step[f'{name}iou']:.2f})"
            for name, label in (
                ("", "model"), ("no_action_", "without actions"), ("bounce_", "bounce"),
                ("copy_", "copy"), ("oracle_", "oracle"), ("simulator_", "simulator"),
                ("target_", "target"),
            )
            if f"{name}error" in step
        ]  # fmt: skip
        lines.append(f"  {step['step']:3.0f}: {'   '.join(figures)}")
    lines += [table] if (table := beside.text(row)) else []
    return "\n".join(lines)


def log(
    cfg: DictConfig, folder: Path, row: Mapping[str, Any], pictures: Sequence[Path] = ()
) -> None:
    """Gives one seed's figures to the loggers: ``diagnose/NAME``, and ``forecast/NAME`` by step.

    Args:
        cfg: A composed ``conf/diagnose.yaml``.
        folder: Where the loggers write.
        row: The figures.
        pictures: Sheets (png) and films (mp4).
    """
    config = {**writable(cfg), "name": "diagnose", "seed": row["seed"]}
    frames = row["episodes"] * int(cfg.env.get("horizon", 1))
    axes = {"real_frames": frames, "imagined_frames": 0, "agent_frames": frames}
    figures = _numbers("diagnose", row)
    first = JSONL(folder, config)
    first.load_state_dict({"bytes": 0})  # figures of the same seed are replaced
    loggers: list[Logger] = [first]
    try:
        if find(cfg.logger._target_) is not JSONL:
            loggers.append(make(cfg.logger, folder=folder, config=config))
        for logger in loggers:
            logger.log({**axes, **figures})
            for step in row["steps"]:
                later = _later(axes, int(step["step"]))
                logger.log({**later, **_numbers("forecast", step)})
            for path in pictures:
                show = logger.video if path.suffix == ".mp4" else logger.picture
                show(f"diagnose/{path.stem}", path, axes)
            logger.summary(figures)
    finally:
        for logger in loggers:
            logger.close()


def _numbers(group: str, row: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a row (what had no case to measure is none), keys ``group/name``."""
    return {
        f"{group}/{name}": value
        for name, value in row.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _later(axes: Mapping[str, int], steps: int) -> dict[str, int]:
    """The axes so many imagined frames later."""
    return {
        "real_frames": axes["real_frames"],
        "imagined_frames": steps,
        "agent_frames": axes["agent_frames"] + steps,
    }
