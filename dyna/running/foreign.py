"""A checkpoint that anybody may have written: what is read of it, and what is not done for it."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from agents.base import Agent
from conf import members
from dyna.loop.loop import Schedule
from dyna.running import checkpoint

MEMBERS = ("env", "agent", "world_model")
NUMBERS = (
    "seed",
    "batch_size",
    "replay_capacity",
    *(f.name for f in dataclasses.fields(Schedule)),
)
ODD = (KeyError, IndexError, TypeError, AttributeError, RuntimeError, AssertionError)
"""What comes out when a config or weights are not what they should be."""


def load(path: str | Path) -> dict[str, Any]:
    """The state of a checkpoint; of its config, plain values, what it takes to make it again.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, no checkpoint of a run, or its config names what is no member.
    """
    state = checkpoint.load(path)
    config: Any = state.get("config")
    whole = isinstance(config, dict) and all(
        isinstance(config.get(name), dict) and "_target_" in config[name] for name in MEMBERS[:2]
    )
    if "agent" not in state or not whole:
        raise ValueError(
            f"{path} holds no agent: give a checkpoint of a run (outputs/.../checkpoints)"
        )
    config = {name: config[name] for name in (*MEMBERS, *NUMBERS) if name in config}
    for place in MEMBERS:
        node = config.get(place)
        if place == "world_model" and not (isinstance(node, dict) and node.get("_target_")):
            continue  # model-free
        try:
            members.check(node, place)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return {**state, "config": config}


def interpolations(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted keys of the texts that OmegaConf would look up (``${...}``), and the texts."""
    found: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                found |= interpolations(item, f"{name}.")
            elif "${" in str(item):
                found[name] = str(item)
    return found


def without_interpolations(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a config is known without looking anything up."""
    unknown = {name.partition(".")[0] for name in interpolations(config)}
    return {
        key: without_interpolations(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if isinstance(value, Mapping) or key not in unknown
    }


def as_config(path: str | Path, config: Mapping[str, Any], given: Mapping[str, Any]) -> DictConfig:
    """The config of a checkpoint, in which nothing is left that would be looked up.

    Whoever wrote it could read variables of our environment, or call resolvers, that way.

    Args:
        path: Of the checkpoint, for messages.
        config: Its config.
        given: Values that the user gave for dotted keys of it; they replace interpolations.

    Raises:
        ValueError: There is an interpolation for which nothing was given.
    """
    made = OmegaConf.create(without_interpolations(config))
    for name, text in interpolations(config).items():
        if name not in given:
            raise ValueError(
                f"{path}: its {name}={text} is not looked up, since anybody may have written it: "
                f"give {name}=... if it is of the env, else train with the value itself"
            )
        OmegaConf.update(made, name, given[name])
    return made


@contextlib.contextmanager
def fitting(path: str | Path) -> Iterator[None]:
    """Turns what goes wrong with a config or weights of another shape into one line.

    Raises:
        ValueError: Something did.
    """
    try:
        yield
    except (ValueError, OmegaConfBaseException) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    except ODD as error:
        said = " ".join(repr(error).split())[:200]
        raise ValueError(
            f"{path} does not fit this version, or its own config ({said}): take another one"
        ) from error


def inherit(agent: Agent, cfg: DictConfig) -> None:
    """Lets an agent start from the policy of the checkpoint ``cfg.start``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or its policy is of another kind or size.
    """
    state = checkpoint.load(cfg.start)
    now = OmegaConf.to_container(cfg.agent, resolve=True)
    config = state.get("config")
    before = config.get("agent") if isinstance(config, Mapping) else None
    try:
        agent.inherit(state["agent"])
    except (ValueError, *ODD) as error:
        raise ValueError(
            f"start={cfg.start} is of {_who(before)}, whose policy is not that of {_who(now)} "
            "here: give a checkpoint of the same agent=..., with the same agent.policy.*"
        ) from error


def _who(node: object) -> str:
    """An agent in few words, such as ``Supervised with HART (memory=20)``."""
    if not isinstance(node, Mapping):
        return "nobody"
    name = str(node.get("_target_")).rpartition(".")[2]
    policy = node.get("policy")
    if not isinstance(policy, Mapping):
        return name
    sizes = ", ".join(f"{key}={x}" for key, x in policy.items() if not str(key).startswith("_"))
    return f"{name} with {str(policy.get('_target_')).rpartition('.')[2]} ({sizes[:120]})"
