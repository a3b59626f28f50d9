"""From a config to the parts of a run."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig, OmegaConf

from conf.members import OWN, PLACES, check, find
from dyna.loop import seeding
from dyna.loop.imagination import Imagination
from dyna.loop.loop import Dyna, Schedule
from dyna.loop.replay import Replay
from dyna.loop.sharing import Fits
from envs.factors import Factors
from envs.tracking import Tracking
from world_models.base import WorldModel


def make(node: DictConfig, **arguments: Any) -> Any:
    """Makes the member that a node of a config describes, and its parts.

    Keys are arguments, as plain values; so are those given here, which stay what they are.
    ``hydra.utils.instantiate`` would make whatever a config names.

    Raises:
        ValueError: It is no member, or does not take one of the config's keys.
    """
    plain: Any = OmegaConf.to_container(node, resolve=True)
    target = plain.get("_target_")
    member = find(target)
    check(plain, min(PLACES[target], key=lambda place: place.count(".")))
    given = {key: _part(value) for key, value in plain.items() if key not in OWN}
    try:
        return member(**{**_known(given), **arguments})
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ValueError(f"{error}: it is no key of {target}") from error


def _part(value: Any) -> Any:
    """A value of a checked config, with all that it names made."""
    if isinstance(value, list):
        return [_part(item) for item in value]
    if not isinstance(value, dict):
        return value
    given = {key: _part(item) for key, item in value.items() if key not in OWN}
    if "_target_" not in value:
        return given
    builder = functools.partial(find(value["_target_"]), **_known(given))
    return builder if value.get("_partial_") else builder()


def _known(given: dict[str, Any]) -> dict[str, Any]:
    """Without the keys that nobody has given a value."""
    return {key: value for key, value in given.items() if value != MISSING}


def choice(group: str, node: DictConfig | None) -> str:
    """Name of the member that a run has of a group of the configuration.

    On the command line it is what was chosen (``agent=hart_full``); else the name of its module.
    """
    if HydraConfig.initialized() and (name := HydraConfig.get().runtime.choices.get(group)):
        return str(name)
    target = None if node is None else node.get("_target_")
    return "none" if target is None else str(target).split(".")[-2]


def has_model(cfg: DictConfig) -> bool:
    """Whether the config names a world model."""
    return cfg.world_model is not None and cfg.world_model.get("_target_") is not None


def num_rounds(cfg: DictConfig, env: Tracking) -> int:
    """How often to collect, fit and imagine: as it is set, or else what suits the env.

    Where actions move the camera, an agent that has learned nothing loses its target from sight,
    and its episodes teach a model little: half of them come from one that has dreamed already.
    """
    if cfg.rounds is not None:
        return int(cfg.rounds)
    return 2 if env.camera_speed > 0 and cfg.real_frames >= 2 * env.horizon else 1


def check_frames(cfg: DictConfig, horizon: int, rounds: int) -> None:
    """Makes sure that there are real frames for one whole episode at least.

    Raises:
        ValueError: There are not; with a world model, in some round.
    """
    dreams = cfg.imagined_frames > 0 and has_model(cfg)
    rounds = rounds if dreams else 1
    asked = (
        2 if dreams and cfg.get("gate") is not None else 0
    )  # episodes to be fitted to, and asked of
    least = (rounds + asked) * horizon
    if cfg.real_frames < least:
        each = f" in each of {rounds} rounds" if rounds > 1 else ""
        each += " and two more for the gate" if asked else ""
        raise ValueError(
            f"real_frames={cfg.real_frames} is less than one episode of {horizon} frames{each}: "
            f"give {least} or more, or lower env.horizon"
        )


def imagined(model: WorldModel, env: Tracking, batch_size: int, seed: int) -> Tracking:
    """The task of an env in a model's imagination: same horizon, actions and camera."""
    return Tracking(
        Imagination(model),
        batch_size,
        horizon=env.horizon,
        action_scale=env.action_scale,
        camera_speed=env.camera_speed,
        seed=seed,
        device=str(env.rng.device),
    )


def dreamed(cfg: DictConfig, factors: Factors | None) -> DictConfig:
    """The env whose scenes a privileged model has for its dreams: with factors of its own.

    Args:
        cfg: Of the run.
        factors: Of the real env; None if its scenes have none.

    Raises:
        ValueError: The env has no factors, or none of these names that is a number.
    """
    instead, times = (cfg.world_model.get(key) or {} for key in ("factors", "times"))
    if not instead and not times:
        return cfg.env
    if factors is None or "factors" not in cfg.env:
        asked = f"world_model.factors={instead}" if instead else f"world_model.times={times}"
        raise ValueError(f"{asked}, but the scenes of this env have none")
    known = dataclasses.asdict(factors)
    for name, multiple in times.items():
        if not all(_is_number(value) for value in (known.get(name), multiple)):
            numbers = [key for key, value in known.items() if _is_number(value)]
            raise ValueError(
                f"world_model.times={times}: {name} is no factor that {multiple} can multiply; "
                f"give numbers for some of {', '.join(numbers)}"
            )
    env = cfg.env.copy()
    multiplied = {name: known[name] * multiple for name, multiple in times.items()}
    env.factors = {**(cfg.env.factors or {}), **multiplied, **instead}
    return env


def harder(env: DictConfig, factors: DictConfig | None) -> DictConfig:
    """An env with other factors instead of its own, if there are any.

    Raises:
        ValueError: Its scenes have none.
    """
    if factors is None:
        return env
    if "factors" not in env:
        raise ValueError(f"generalise={factors}, but the scenes of this env have no factors")
    changed = env.copy()
    changed.factors = {**(env.factors or {}), **factors}
    return changed


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def build(cfg: DictConfig) -> Dyna:
    """Makes the parts of a run; each draws from a seed of its own.

    A world model is made only if there are frames to imagine.
    """
    seed, device = cfg.seed, cfg.device

    def task(name: str, node: DictConfig = cfg.env) -> Tracking:
        with seeding.initialised(seed, f"{name}/init"):
            return make(
                node,
                split="train",
                batch_size=cfg.batch_size,
                seed=seeding.child(seed, name),
                device=device,
            )

    env = task("env/train")
    rounds = num_rounds(cfg, env)
    check_frames(cfg, env.horizon, rounds)
    frame_shape = env.scene.frame_shape
    with seeding.initialised(seed, "agent/init"):
        agent = make(
            cfg.agent, frame_shape=frame_shape, seed=seeding.child(seed, "agent"), device=device
        )
    model: WorldModel | None = None
    dream: Tracking | None = None
    if cfg.imagined_frames > 0 and has_model(cfg):
        privileged = getattr(find(cfg.world_model._target_), "privileged", False)
        more: dict[str, Any] = {}
        if privileged:
            own = dreamed(cfg, env.scene.factors)
            more["scene"] = task("world_model/scene", own).scene
        with seeding.initialised(seed, "world_model/init"):
            model = make(cfg.world_model, frame_shape=frame_shape, **more).to(device)
        if cfg.get("gate") is not None and not model.sees:
            raise ValueError(
                f"gate={cfg.gate} asks the model what real frames earn, but "
                f"{choice('world_model', cfg.world_model)} cannot look at any: give gate=null"
            )
        dream = imagined(model, env, cfg.batch_size, seeding.child(seed, "imagination"))
    budgets = {f.name: cfg.get(f.name, f.default) for f in dataclasses.fields(Schedule)}
    schedule = Schedule(**{**budgets, "rounds": rounds})
    replay = Replay(env.horizon, cfg.replay_capacity, device)
    rng = seeding.generator(seed, "world_model/fit", device)
    shared = Fits(Path(cfg.fits)) if cfg.get("fits") else None
    return Dyna(env, agent, model, dream, replay, rng, schedule, shared)
