"""From a config to the parts of a run."""

import dataclasses
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig

from dyna.loop import seeding
from dyna.loop.imagination import Imagination
from dyna.loop.loop import Dyna, Schedule
from dyna.loop.replay import Replay
from envs.tracking import Tracking
from world_models.base import WorldModel


def make(node: DictConfig, **arguments: Any) -> Any:
    """Calls a config's ``_target_`` with arguments that stay what they are.

    ``hydra.utils.instantiate`` alone would turn tuples among them into lists.

    Raises:
        ValueError: The target does not take one of the config's keys.
    """
    try:
        return instantiate(node, _partial_=True)(**arguments)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ValueError(f"{error}: it is no key of {node._target_}") from error


def choice(group: str, node: DictConfig | None) -> str:
    """Name of the member that a run has of a group of the configuration.

    On the command line it is what was chosen (``agent=hart_full``); else the name of its module.
    """
    if HydraConfig.initialized() and (name := HydraConfig.get().runtime.choices.get(group)):
        return str(name)
    target = None if node is None else node.get("_target_")
    return "none" if target is None else str(target).split(".")[-2]


def build(cfg: DictConfig) -> Dyna:
    """Makes the parts of a run; each draws from a seed of its own."""
    seed, device = cfg.seed, cfg.device

    def task(name: str) -> Tracking:
        with seeding.initialised(seed, f"{name}/init"):
            return make(
                cfg.env,
                split="train",
                batch_size=cfg.batch_size,
                seed=seeding.child(seed, name),
                device=device,
            )

    env = task("env/train")
    frame_shape = env.scene.frame_shape
    with seeding.initialised(seed, "agent/init"):
        agent = make(
            cfg.agent, frame_shape=frame_shape, seed=seeding.child(seed, "agent"), device=device
        )
    model: WorldModel | None = None
    dream: Tracking | None = None
    if cfg.world_model is not None and cfg.world_model.get("_target_") is not None:
        privileged = getattr(get_class(cfg.world_model._target_), "privileged", False)
        more = {"scene": task("world_model/scene").scene} if privileged else {}
        with seeding.initialised(seed, "world_model/init"):
            model = make(cfg.world_model, frame_shape=frame_shape, **more).to(device)
        dream = Tracking(
            Imagination(model),
            cfg.batch_size,
            horizon=env.horizon,
            action_scale=env.action_scale,
            camera_speed=env.camera_speed,
            seed=seeding.child(seed, "imagination"),
            device=device,
        )
    schedule = Schedule(**{f.name: cfg[f.name] for f in dataclasses.fields(Schedule)})
    replay = Replay(env.horizon, cfg.replay_capacity, device)
    rng = seeding.generator(seed, "world_model/fit", device)
    return Dyna(env, agent, model, dream, replay, rng, schedule)
