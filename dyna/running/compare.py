"""Scores several trackers on the same episodes: from a config to a results file and a figure."""

import glob
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig, ListConfig

from agents.base import Agent
from dyna.evaluation.heldout import SEED, Outcome, observe, speed
from dyna.reporting import comparison
from dyna.running import checkpoint
from dyna.running.checks import check_device, check_folder, check_keys, check_list
from dyna.running.lock import locked_file
from dyna.running.subject import Subject, check_fit, held_out, named, restore
from dyna.scores import results
from dyna.scores.privacy import writable
from envs.tracking import Tracking


class Entry(NamedTuple):
    """One tracker, or one seed of it.

    Attributes:
        tracker: Name in tables.
        seed: Of its training; None for what does not learn.
        checkpoint: Where it lies; None for what does not learn.
    """

    tracker: str
    seed: int | None = None
    checkpoint: str | None = None


def entries(cfg: DictConfig) -> Iterator[Entry]:
    """Who is compared: first what learned, then the rest.

    Raises:
        FileNotFoundError: A checkpoint is missing.
        ValueError: It is damaged.
    """
    for name, given in (cfg.checkpoints or {}).items():
        for path in _paths(given):
            yield Entry(str(name), checkpoint.load(path)["config"]["seed"], path)
    for name in cfg.agents or []:
        yield Entry(str(name))


def _paths(given: str | ListConfig) -> list[str]:
    """The paths of a list, or those that fit a pattern.

    Raises:
        FileNotFoundError: None fits.
    """
    if not isinstance(given, str):
        return [str(path) for path in given]
    if Path(given).exists():  # its name may hold what is special in patterns
        return [given]
    found = sorted(glob.glob(given))
    if not found:
        raise FileNotFoundError(f"no checkpoint at {given}: give folders of runs, or a pattern")
    return found


def agent_of(entry: Entry, env: Tracking, cfg: DictConfig) -> Agent:
    """Makes or loads the tracker.

    Raises:
        ValueError: It is unknown, or does not know frames like these.
    """
    shape = env.scene.frame_shape
    if entry.checkpoint is not None:
        subject = restore(entry.checkpoint, cfg.device)
        check_fit(subject, env)
        return subject.agent
    agent = named(entry.tracker, shape, cfg.seed, cfg.device)
    if agent.learns:
        raise ValueError(
            f"agents=[{entry.tracker}] has learned nothing yet: name a run of it under "
            f"'checkpoints={{{entry.tracker}: [FOLDER]}}'"
        )
    check_fit(Subject(cfg.env, agent, entry.tracker, shape), env)
    return agent


def row(entry: Entry, agent: Agent, env: Tracking, cfg: DictConfig) -> results.Row:
    """Scores one tracker; every one of them meets the same episodes."""
    outcome = observe(agent, env, cfg.episodes, seed=SEED + cfg.seed)
    found: results.Row = {**entry._asdict(), "episodes": len(outcome.iou)}
    if entry.checkpoint is not None:
        found["training"] = results.training(Path(entry.checkpoint))
    for steps in cfg.horizons:
        found |= {f"{name}_{steps}": value for name, value in _means(outcome.first(steps)).items()}
    found |= outcome.curves()
    found |= speed(agent, env)
    found["iou_by_episode"] = outcome.episode_scores()["iou"].tolist()
    return found


def _means(outcome: Outcome) -> dict[str, float]:
    """Means over the episodes that had something to score; None where there are none."""
    means = {}
    for name, value in outcome.episode_scores().items():
        known = value[~value.isnan()].double()
        means[name] = known.mean().item() if len(known) else float("nan")
        if name == "iou" and len(known) > 1:
            means["iou_se"] = (known.std() / len(known) ** 0.5).item()
    return means


def validate(cfg: DictConfig) -> None:
    """Checks what can be checked before any work.

    Raises:
        ValueError: A value is bad; the message names it and the mend.
    """
    check_list("horizons", cfg.horizons, int, least=2)
    if list(cfg.horizons) != sorted(set(cfg.horizons)):
        raise ValueError(f"horizons={cfg.horizons} must be rising numbers of steps")
    whole = {"episodes": 1, "seed": 0, "threads": 1}
    flags = ("reuse", "publish", "debug")
    check_keys(cfg, whole, flags=flags, optional=("episodes",), texts=("output",))
    named = cfg.checkpoints
    if named is not None and not (
        isinstance(named, DictConfig)
        and all(isinstance(paths, str | ListConfig) for paths in named.values())
    ):
        raise ValueError(
            f"checkpoints={named} must name folders: 'checkpoints={{HART: [FOLDER, FOLDER]}}'"
        )
    if cfg.agents != [] and cfg.agents is not None:
        check_list("agents", cfg.agents, str)
    if not cfg.agents and not cfg.checkpoints:
        raise ValueError("nobody to compare: give agents=[...] or checkpoints=...")
    check_device(str(cfg.device))
    check_folder("output", _output(cfg).parent)


def _output(cfg: DictConfig) -> Path:
    name = f"comparison_{cfg.env.get('tier') or 'scene'}.json"
    return results.destination(cfg.output, cfg.publish, Path("outputs/compare", name), name)


def run(cfg: DictConfig, overrides: list[str]) -> list[results.Row]:
    """Scores everybody, writes the results after each, prints the table, draws the figure.

    Args:
        cfg: A composed ``conf/compare.yaml``.
        overrides: What of it the user gave.

    Returns:
        The rows that were written.
    """
    validate(cfg)
    torch.set_num_threads(cfg.threads)
    with locked_file(_output(cfg)):
        return _score(cfg, overrides)


def _score(cfg: DictConfig, overrides: list[str]) -> list[results.Row]:
    everybody = list(entries(cfg))
    env = held_out(cfg.env, cfg.seed, cfg.device, max(cfg.horizons))
    setting: dict[str, Any] = {
        "kind": comparison.KIND,
        "env": writable(cfg.env),
        "horizons": list(cfg.horizons),
        "asked_episodes": cfg.episodes,
        "seed": cfg.seed,
    }
    path = _output(cfg)
    known = _known(path, setting) if cfg.reuse else {}
    command = shlex.join(["python", "-m", "dyna.compare", *overrides])
    header = {**results.provenance(command), **setting}
    rows: list[results.Row] = []
    for entry in everybody:
        found = known.get(entry.tracker) if entry.checkpoint is None else None
        if found is None:
            found = row(entry, agent_of(entry, env, cfg), env, cfg)
            found["commit"] = header["commit"]
        rows.append(found)
        results.write(path, header, rows)
        print(comparison.progress(found, max(cfg.horizons)), flush=True)
    print("\n" + comparison.as_text(rows, list(cfg.horizons)))
    for sentence in comparison.sentences(rows):
        print(sentence)
    figure = path.with_suffix(".svg")
    figure.write_text(comparison.figure(rows, page_ink=False))
    print(f"\nwritten: {path}\nwritten: {figure}")
    return rows


def _known(path: Path, setting: dict[str, Any]) -> dict[str, results.Row]:
    """The rows of agents that were scored in the very same setting before, by name."""
    if not path.exists():
        return {}
    document = results.load(path)
    if any(document.get(name) != value for name, value in setting.items()):
        return {}
    return {x["tracker"]: x for x in document["rows"] if x["checkpoint"] is None}
