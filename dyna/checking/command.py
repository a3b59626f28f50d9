"""Tests what a world model imagines: from a config to ``check.json`` and a page."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, open_dict

from agents.base import Agent
from dyna.checking import camera, labels, page, returns, rewards, scenes, sight
from dyna.checking.finding import Finding
from dyna.diagnosis.behaviour import told
from dyna.diagnosis.beside import alike, with_whole_truth
from dyna.diagnosis.measure import diagnose
from dyna.evaluation.heldout import SEED
from dyna.loop.loop import Dyna
from dyna.loop.rollout import rollout
from dyna.running.build import build, choice, has_model, make
from dyna.running.checks import check_device, check_folder, check_keys, check_list
from dyna.running.lock import locked
from dyna.running.subject import from_checkpoint, named
from dyna.scores import results
from dyna.scores.privacy import masked
from envs.tracking import Tracking
from world_models.base import WorldModel

FIXED: dict[Any, Any] = {
    "imagined_frames": 1,
    "batch_size": 32,
    "rounds": 1,
    "refit_effort": 1.0,
    "replay_capacity": 10**9,
}
"""Keys of a run that are of no account here."""
ACTING = "random_actions"
"""Who acts where scenes, boxes and the camera are compared: no matter what is seen."""


@dataclasses.dataclass(frozen=True)
class Tested:
    """A world model, the task in it and in the world, and who acts in both.

    Attributes:
        name: Of the model.
        model: Fitted.
        world: Held-out scenes.
        dream: The same task in the model's imagination.
        policies: By name.
    """

    name: str
    model: WorldModel
    world: Tracking
    dream: Tracking
    policies: dict[str, Agent]


def validate(cfg: DictConfig) -> None:
    """Checks what can be checked before any work.

    Raises:
        ValueError: A value is bad; the message names it and the mend.
    """
    whole = {"real_frames": 1, "episodes": 2, "seed": 0, "threads": 1}
    check_keys(cfg, whole, ("effort",), flags=("debug",), texts=("checkpoint", "folder"))
    check_list("policies", cfg.policies, str)
    if len(set(cfg.policies)) < 2:
        raise ValueError(f"policies={list(cfg.policies)} have no order: name two or more")
    check_device(str(cfg.device))
    check_folder("folder", cfg.folder)
    if cfg.checkpoint is None and not has_model(cfg):
        raise ValueError("world_model=none imagines nothing: choose world_model=air")


def run(cfg: DictConfig, overrides: list[str]) -> list[Finding]:
    """Tests what a config asks for, prints a line per test, and writes both files."""
    validate(cfg)
    torch.set_num_threads(cfg.threads)
    with locked(Path(cfg.folder)):
        tested = _tested(cfg, overrides)
        found, earned = examine(tested, cfg.seed)
        for finding in found:
            print(f"{finding.state:>9}  {finding.name}: {finding.said}")
        document = {
            **results.provenance(shlex.join(["python", "-m", "dyna.check", *overrides])),
            "subject": masked(tested.name),
            "rows": [dataclasses.asdict(finding) for finding in found],
            "returns": {name: dataclasses.asdict(one) for name, one in earned.items()},
        }
        path = Path(cfg.folder) / "check.json"
        path.write_text(json.dumps(results.clean(document), indent=1) + "\n")
        print(f"written: {path}\nwritten: {page.write(path)}")
    return found


def examine(tested: Tested, seed: int) -> tuple[list[Finding], dict[str, returns.Earned]]:
    """All tests, and what every policy earns."""
    model, world, dream = tested.model, tested.world, tested.dream
    shown = []
    for env in (world, dream):
        env.rng.manual_seed(SEED + seed)
        shown.append(rollout(env, _acting(ACTING, world, seed), explore=False))
    real, dreamed = shown
    rng = torch.Generator(world.rng.device).manual_seed(seed)
    earned = returns.earn(tested.policies, world, dream, SEED + seed)
    found = [returns.judge(earned)]
    if with_whole_truth(world.scene, real).truth is not None:
        pair = told(alike(real, dreamed)), told(dreamed)
        found += [scenes.judge(*pair), labels.judge(*pair), camera.judge(*pair)]
    found.append(rewards.judge(model, real, rng))
    seen: dict[str, Any] | None = diagnose(model, real, seed) if model.sees else None
    return [*found, sight.seeing(seen), sight.spread(seen)], earned


def _tested(cfg: DictConfig, overrides: list[str]) -> Tested:
    """The model of a checkpoint, or one that learns now.

    Raises:
        ValueError: The run of the checkpoint had no world model.
    """
    if cfg.checkpoint is not None:
        subject = from_checkpoint(cfg, overrides)
        if subject.model is None or subject.dream is None:
            raise ValueError(f"checkpoint={cfg.checkpoint} has no world model: give another run")
        world = _world(cfg, subject.env)
        who = {**_policies(cfg, world), "its agent": subject.agent}
        tested = Tested(subject.name, subject.model, world, subject.dream, who)
    else:
        world = _world(cfg, cfg.env)
        who = _policies(cfg, world)  # whoever cannot act is named before a model learns
        dyna = _learned(cfg)
        assert dyna.model is not None
        assert dyna.dream is not None
        name = choice("world_model", cfg.world_model)
        tested = Tested(name, dyna.model, world, dyna.dream, who)
    tested.dream.batch_size = cfg.episodes
    return tested


def _world(cfg: DictConfig, env: DictConfig) -> Tracking:
    return make(env, split="test", batch_size=cfg.episodes, seed=SEED, device=cfg.device)


def _policies(cfg: DictConfig, world: Tracking) -> dict[str, Agent]:
    found = {one: _acting(one, world, cfg.seed) for one in cfg.policies}
    raw = [name for name, agent in found.items() if agent.learns]
    if raw:
        raise ValueError(
            f"policies={list(cfg.policies)}: {raw[0]} has learned nothing yet; leave it out, or "
            "give checkpoint=PATH of a run of it"
        )
    return found


def _acting(name: str, world: Tracking, seed: int) -> Agent:
    return named(name, world.scene.frame_shape, seed, str(world.rng.device))


def _learned(cfg: DictConfig) -> Dyna:
    """A run, stopped when its model is fitted."""
    with open_dict(whole := cfg.copy()):
        whole.update(FIXED)
    dyna = build(whole)
    for _ in dyna.steps():
        if dyna.fits:
            break
    return dyna
