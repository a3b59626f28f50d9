"""The command line of ``dyna.evaluate``: finds agent, env and world model, scores, writes."""

import contextlib
import dataclasses
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from agents.base import Agent
from agents.last_box import LastBox
from dyna import checkpoint, results, showcase
from dyna.build import build, make
from dyna.cli import check_device, clear_errors, quote_paths
from dyna.diagnose import diagnose
from dyna.evaluate import BATCH, SEED, evaluate
from dyna.rollout import rollout
from envs.tracking import Tracking
from world_models.base import WorldModel

MODEL_EPISODES = 128
"""Held-out episodes to measure a world model on, at most."""
SHOWN = ("step", "error", "iou", "spread", "bounce_error", "copy_error", "oracle_error")
"""What is printed of rollouts."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is scored.

    Attributes:
        env: Config of the env.
        agent: Whom to score.
        name: Its name in print.
        frame_shape: (C, H, W) that it was made for.
        model: The world model of the checkpoint, if there is one.
        dream: The task in its imagination.
    """

    env: DictConfig
    agent: Agent
    name: str
    frame_shape: tuple[int, int, int]
    model: WorldModel | None = None
    dream: Tracking | None = None


def from_checkpoint(given: DictConfig, overrides: list[str]) -> Subject:
    """The agent and the world model of a run.

    Args:
        given: A composed ``conf/evaluate.yaml``.
        overrides: What of it the user gave; that of ``env.`` changes the run's env.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or an override does not go with it.
    """
    names = [override.lstrip("+~").split("=")[0] for override in overrides]
    wrong = [name for name in names if name == "agent" or name.startswith("agent.")]
    if wrong:
        raise ValueError(f"{wrong[0]}=... does not go with checkpoint=..., which has its agent")
    state = checkpoint.load(given.checkpoint)
    cfg = OmegaConf.create({**state["config"], "device": given.device})
    dyna = build(cfg)
    for name in names:
        if name.startswith("env."):
            OmegaConf.update(cfg, name, OmegaConf.select(given, name))
    dyna.agent.load_state_dict(state["agent"])
    if dyna.model is not None:
        dyna.model.load_state_dict(state["world_model"])
    shape = dyna.env.scene.frame_shape
    return Subject(cfg.env, dyna.agent, given.checkpoint, shape, dyna.model, dyna.dream)


def from_config(cfg: DictConfig) -> Subject:
    """An agent as its config describes it, untrained."""
    shape = held_out(cfg.env, 1, cfg).scene.frame_shape
    agent = make(cfg.agent, frame_shape=shape, seed=cfg.seed, device=cfg.device)
    given = HydraConfig.get().runtime.choices["agent"] if HydraConfig.initialized() else None
    return Subject(cfg.env, agent, given or type(agent).__name__, shape)


def held_out(env: DictConfig, batch_size: int, cfg: DictConfig) -> Tracking:
    """Scenes of digits that no training has seen."""
    more = {} if cfg.horizon is None else {"horizon": cfg.horizon}
    return make(
        env, split="test", batch_size=batch_size, seed=SEED + cfg.seed, device=cfg.device, **more
    )


def measure(model: WorldModel, env: Tracking, seed: int) -> dict[str, Any] | None:
    """How well a model sees and predicts held-out episodes; None if it cannot look at any."""
    if not model.sees:
        return None
    env.rng.manual_seed(seed)
    return diagnose(model, rollout(env, LastBox(), explore=False), seed)  # type: ignore[arg-type]


def check_channels(subject: Subject, env: Tracking) -> None:
    """Makes sure that an agent meets frames of as many channels as it was made for.

    Raises:
        ValueError: It does not.
    """
    known, shown = subject.frame_shape[0], env.scene.frame_shape[0]
    if known != shown:
        raise ValueError(
            f"{subject.name} was trained on frames of {known} channel(s), but these have {shown}: "
            "score it on another env.tier"
        )


def validate(cfg: DictConfig) -> None:
    """Checks what can be checked before any work.

    Raises:
        ValueError: A value is bad; the message names it and the mend.
    """
    for key, least in {"episodes": 1, "horizon": 2, "seed": 0, "threads": 1}.items():
        value = cfg[key]
        if value is None and key == "horizon":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{key}={value} must be a whole number from {least} up")
    for key in ("video", "world_model"):
        if not isinstance(cfg[key], bool):
            raise ValueError(f"{key}={cfg[key]} is neither true nor false: give one of them")
    check_device(str(cfg.device))


def run(cfg: DictConfig, overrides: list[str]) -> dict[str, Any]:
    """Scores what a config asks for, prints it, and writes ``evaluation.json``.

    Args:
        cfg: A composed ``conf/evaluate.yaml``.
        overrides: What of it the user gave.

    Returns:
        The document that was written.
    """
    validate(cfg)
    torch.set_num_threads(cfg.threads)
    subject = from_config(cfg) if cfg.checkpoint is None else from_checkpoint(cfg, overrides)
    env = held_out(subject.env, min(BATCH, cfg.episodes), cfg)
    check_channels(subject, env)
    begin = time.process_time()
    metrics = evaluate(subject.agent, env, cfg.episodes, seed=SEED + cfg.seed)
    metrics["time/cpu_seconds"] = time.process_time() - begin
    print(f"{subject.name}: {cfg.episodes} held-out episodes of {env.horizon} frames")
    _table(metrics)
    model = None
    same = subject.frame_shape == env.scene.frame_shape
    if cfg.world_model and subject.model is not None and same:
        episodes = min(MODEL_EPISODES, cfg.episodes)
        model = measure(subject.model, held_out(subject.env, episodes, cfg), SEED + cfg.seed)
    if model is not None:
        print("world model")
        for group in ("perception", "target", "occlusion", "trust"):
            _table(model[group])
        _rollout_table(model["rollout"])
    folder = Path(cfg.folder)
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        **results.provenance(shlex.join(["python", "-m", "dyna.evaluate", *overrides])),
        "subject": subject.name,
        "env": OmegaConf.to_container(subject.env, resolve=True),
        "horizon": env.horizon,
        "metrics": metrics,
        "world_model": model,
    }
    path = folder / "evaluation.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"written: {path}")
    if cfg.video:
        for video in showcase.record(folder / "videos", subject.agent, env, subject.dream):
            print(f"written: {video}")
    return document


def _table(metrics: dict[str, float]) -> None:
    for name, value in metrics.items():
        print(f"  {name:32} {value:.4g}")


def _rollout_table(rows: list[dict[str, float]]) -> None:
    """Predictions 1, 2, 5, 10, ... frames ahead; errors are of the centre, in pixels."""
    shown = [n for n in SHOWN if rows and n in rows[0]]
    print("".join(f"{name:>14}" for name in shown))
    for row in rows:
        if row["step"] in (1, 2) or row["step"] % 5 == 0:
            print("".join(f"{row[name]:14.3g}" for name in shown))


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="evaluate")
def _task(cfg: DictConfig) -> None:
    # In a sweep Hydra itself goes on with the other agents, and raises in the end.
    alone = HydraConfig.get().mode is RunMode.RUN
    with clear_errors() if alone else contextlib.nullcontext():
        run(cfg, list(HydraConfig.get().overrides.task))


def main() -> None:
    """Entry point."""
    sys.argv[1:] = quote_paths(sys.argv[1:])
    with clear_errors():
        _task()
