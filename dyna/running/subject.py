"""Who is scored: the agent of a checkpoint, or one that its config describes."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from agents.base import Agent
from dyna.evaluation.heldout import SEED
from dyna.loop import seeding
from dyna.running import foreign
from dyna.running.build import build, choice, make
from envs.action_scale import ActionScale
from envs.tracking import Tracking
from world_models.base import WorldModel


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
        centre_gain: What its actions did to the centre of its box in training, if known.
    """

    env: DictConfig
    agent: Agent
    name: str
    frame_shape: tuple[int, int, int]
    model: WorldModel | None = None
    dream: Tracking | None = None
    centre_gain: float | None = None


def from_checkpoint(given: DictConfig, overrides: list[str]) -> Subject:
    """The agent and the world model of a run; its agent alone where ``env=...`` is given.

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
    if "env" in names:
        return dataclasses.replace(restore(given.checkpoint, given.device), env=given.env)
    state = foreign.load(given.checkpoint)
    changed = {n: OmegaConf.select(given, n) for n in names if n.startswith("env.")}
    cfg = foreign.as_config(given.checkpoint, state["config"], changed)
    cfg.device = given.device
    with foreign.fitting(given.checkpoint):
        dyna = build(cfg)
        dyna.agent.load_state_dict(state["agent"])
        if dyna.model is not None:
            dyna.model.load_state_dict(state["world_model"])
    for name, value in changed.items():
        OmegaConf.update(cfg, name, value)
    shape, gain, name = dyna.env.scene.frame_shape, dyna.env.action_scale.centre, given.checkpoint
    return Subject(cfg.env, dyna.agent, name, shape, dyna.model, dyna.dream, gain)


def restore(path: str | Path, device: str = "cpu") -> Subject:
    """The agent of a run, told what its actions did there; its world model is left alone.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or no checkpoint of a run.
    """
    state = foreign.load(path)
    config, task = state["config"], state.get("task")
    if task is not None:  # then the env need not be made
        config = {**config, "env": foreign.without_interpolations(config["env"])}
    cfg = foreign.as_config(path, config, {})
    with foreign.fitting(path):
        if task is None:  # an older file: the env must be there to tell
            task = describe(make(cfg.env, split="train", batch_size=1, seed=0, device=device))
        shape = tuple(task["frame_shape"])
        with seeding.initialised(cfg.seed, "agent/init"):
            agent = make(cfg.agent, frame_shape=shape, seed=cfg.seed, device=device)
        agent.load_state_dict(state["agent"])
        agent.set_action_scale(ActionScale(task["centre_gain"], task["size_gain"]))
    return Subject(cfg.env, agent, str(path), shape, centre_gain=agent.action_scale.centre)


def describe(env: Tracking) -> dict[str, Any]:
    """What an agent must know of the task that it was trained in, as plain values."""
    return {
        "frame_shape": list(env.scene.frame_shape),
        "centre_gain": env.action_scale.centre,
        "size_gain": env.action_scale.size,
    }


def from_config(cfg: DictConfig) -> Subject:
    """An agent as its config describes it.

    Raises:
        ValueError: It must be trained first.
    """
    shape = held_out(cfg.env, cfg.seed, cfg.device, cfg.horizon).scene.frame_shape
    agent = make(cfg.agent, frame_shape=shape, seed=cfg.seed, device=cfg.device)
    if agent.learns:
        raise ValueError(
            f"agent={choice('agent', cfg.agent)} has learned nothing yet: give checkpoint=PATH of "
            "a run of it (python -m dyna trains one)"
        )
    return Subject(cfg.env, agent, choice("agent", cfg.agent), shape)


def named(name: str, frame_shape: Sequence[int], seed: int, device: str = "cpu") -> Agent:
    """The agent that ``agent=NAME`` stands for, as it is before it learns anything."""
    if GlobalHydra.instance().is_initialized():
        cfg = hydra.compose("evaluate", overrides=[f"agent={name}"])
    else:
        with hydra.initialize_config_module("conf", version_base="1.3"):
            cfg = hydra.compose("evaluate", overrides=[f"agent={name}"])
    return make(cfg.agent, frame_shape=frame_shape, seed=seed, device=device)


def held_out(
    env: DictConfig, seed: int = 0, device: str = "cpu", horizon: int | None = None
) -> Tracking:
    """Scenes that no training has seen.

    Args:
        env: A config of an env.
        seed: Another one draws other episodes.
        device: Where the scenes live.
        horizon: Frames per episode; None: as the config says.
    """
    more = {} if horizon is None else {"horizon": horizon}
    return make(env, split="test", batch_size=1, seed=SEED + seed, device=device, **more)


def check_fit(subject: Subject, env: Tracking) -> None:
    """Makes sure that an agent meets frames and actions of the kind that it was made for.

    Raises:
        ValueError: Frames have other channels, or actions do other things than in its training.
    """
    known, shown = subject.frame_shape[0], env.scene.frame_shape[0]
    if known != shown:
        raise ValueError(
            f"{subject.name} was trained on frames of {known} channel(s), but these have {shown}: "
            "score it on another env or env.tier"
        )
    centre_gain = env.action_scale.centre
    if subject.centre_gain not in (None, centre_gain):
        raise ValueError(
            f"{subject.name} was trained with a centre_gain of {subject.centre_gain:g}, but the "
            f"env has {centre_gain:g}: set env.centre_gain (env=video: env.task.centre_gain)"
        )
