"""Scores an agent, and the world model of a checkpoint: from a config to ``evaluation.json``."""

import json
import shlex
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from agents.base import Agent
from agents.last_box import LastBox
from dyna.diagnosis.beside import EPISODES, beside, with_whole_truth
from dyna.diagnosis.measure import diagnose
from dyna.evaluation.heldout import SEED, available, observe, speed, start_over
from dyna.evaluation.metrics import counted, overlap, summary
from dyna.evaluation.one_pass import mean
from dyna.loop.rollout import rollout
from dyna.pictures import showcase
from dyna.reporting import beside as table
from dyna.reporting import comparison
from dyna.running.build import harder
from dyna.running.checks import check_device, check_factors, check_folder, check_keys
from dyna.running.lock import locked
from dyna.running.subject import check_fit, from_checkpoint, from_config, held_out
from dyna.scores import results
from dyna.scores.privacy import masked, writable
from envs.tracking import Tracking
from world_models.base import WorldModel

MODEL_EPISODES = 128
"""Held-out episodes to measure a world model on, at most."""
SHOWN = ("step", "error", "iou", "spread", "bounce_error", "copy_error", "oracle_error")
"""What is printed of rollouts."""


def measure(model: WorldModel, env: Tracking, seed: int) -> dict[str, Any] | None:
    """How well a model sees and predicts held-out episodes; None if it cannot look at any."""
    if not model.sees:
        return None
    start_over(env, seed)
    return diagnose(model, rollout(env, LastBox(), explore=False), seed)  # type: ignore[arg-type]


def put_beside(
    agent: Agent,
    held_out: Tracking,
    dream: Tracking | None,
    episodes: int = EPISODES,
    model: WorldModel | None = None,
) -> dict[str, float]:
    """Lets the agent of a run act in both; a failure is only a warning.

    Args:
        agent: It does not explore.
        held_out: The real task; its generator and batch size are set anew.
        dream: The same in the model's imagination; likewise. None: nothing is compared.
        episodes: How many of either, at most.
        model: Looks at both, if it is given and can see, which takes seconds.

    Returns:
        What `beside` finds, and ``beside/agent/iou/real`` and ``/dreamed``: how well the agent
        tracks in either. Who tracks much better in dreams has learned what holds there alone.
    """
    if dream is None:
        return {}
    try:
        shown, scores = [], {}
        for name, env in {"real": held_out, "dreamed": dream}.items():
            start_over(env, SEED)
            env.batch_size = min(available(env, episodes), EPISODES)
            shown.append(rollout(env, agent, explore=False))
            earned = mean(overlap(shown[-1], env.action_scale), counted(shown[-1]))
            if bool(earned.isfinite().any()):
                scores[f"beside/agent/iou/{name}"] = earned.nanmean().item()
        return scores | beside(with_whole_truth(held_out.scene, shown[0]), shown[1], model)
    except Exception as error:  # the run and its numbers are worth more than this
        warnings.warn(f"dreams were not put beside reality: {error!r}", stacklevel=2)
        return {}


def validate(cfg: DictConfig) -> None:
    """Checks what can be checked before any work.

    Raises:
        ValueError: A value is bad; the message names it and the mend.
    """
    whole = {"episodes": 1, "horizon": 2, "seed": 0, "threads": 1}
    flags = ("video", "world_model", "debug")
    optional, texts = ("episodes", "horizon"), ("checkpoint", "folder")
    check_keys(cfg, whole, flags=flags, optional=optional, texts=texts)
    check_factors("generalise", cfg.generalise)
    check_device(str(cfg.device))
    check_folder("folder", cfg.folder)


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
    with locked(Path(cfg.folder)):
        return _score(cfg, overrides)


def _score(cfg: DictConfig, overrides: list[str]) -> dict[str, Any]:
    subject = from_config(cfg) if cfg.checkpoint is None else from_checkpoint(cfg, overrides)
    world = harder(subject.env, cfg.generalise)
    env = held_out(world, cfg.seed, cfg.device, cfg.horizon)
    check_fit(subject, env)
    begin = time.process_time()
    outcome = observe(subject.agent, env, cfg.episodes, seed=SEED + cfg.seed)
    metrics = summary(outcome.episode_scores(), outcome.objects)
    metrics["time/cpu_seconds"] = time.process_time() - begin
    timed = speed(subject.agent, env)
    metrics |= {f"speed/{name}": value for name, value in timed.items()}
    episodes = round(metrics["eval/episodes"])
    print(f"{subject.name}: {episodes} held-out episodes of {env.horizon} frames")
    _table(metrics)
    model, compared = None, {}
    same = subject.frame_shape == env.scene.frame_shape
    if cfg.world_model and subject.model is not None and same:
        env.batch_size = min(MODEL_EPISODES, episodes)
        model = measure(subject.model, env, SEED + cfg.seed)
    if model is not None:
        parts = (subject.agent, env, subject.dream)
        compared = put_beside(*parts, env.batch_size, subject.model)
        print("world model")
        for group in ("perception", "target", "occlusion", "trust"):
            _table(model[group])
        _rollout_table(model["rollout"])
        print(table.text(compared))
    folder = Path(cfg.folder)
    document = {
        **results.provenance(shlex.join(["python", "-m", "dyna.evaluate", *overrides])),
        "subject": masked(subject.name),
        "env": writable(world),
        "horizon": env.horizon,
        "metrics": metrics,
        "curves": (curves := results.clean(outcome.curves())),
        "world_model": model,
        "beside": compared,
    }
    path = folder / "evaluation.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    figure = folder / "iou.svg"
    one = {"tracker": subject.name, "seed": None, f"iou_{env.horizon}": metrics["eval/iou"]}
    figure.write_text(comparison.figure([one | curves], page_ink=False))
    print(f"written: {path}\nwritten: {figure}")
    if cfg.video:
        for video in showcase.make_videos(folder / "videos", subject.agent, env, subject.dream):
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
