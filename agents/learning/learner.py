"""What learners of recurrent policies share: acting, exploring, gradient steps, being saved."""

import abc
import copy
import dataclasses
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from agents.base import Agent
from agents.learning import schedule
from agents.learning.policy import Decision, RecurrentPolicy, Sight
from agents.learning.schedule import stage
from envs.action_scale import ActionScale
from envs.scene import restore
from envs.settings import Settings, setting
from envs.trajectory import Observation, Trajectory


@dataclasses.dataclass(frozen=True)
class LearnerSettings(Settings):
    """What can be set about every learner; tables are (until agent frames, value)."""

    policy: Any = dataclasses.field(
        kw_only=True, metadata={"help": "makes the recurrent policy from the shape of the frames"}
    )
    learning_rate: Any = setting(
        [[None, 1.5e-3]], "step size: a table; times a fall to final_rate"
    )
    final_rate: float = setting(
        0.03, "share of learning_rate that is left at the end; it falls linearly", least=0
    )
    std: Any = setting(
        [0.25, 0.075],
        "spread of the actions at the start and at the end; it falls geometrically",
        pair=float,
        above=0,
    )
    mirror: bool = setting(
        True, "passes see the episodes reflected left to right, top to bottom, or both, too"
    )
    epochs: Any = setting(
        [[1000, 40], [5000, 20], [10000, 8], [None, 3]], "passes over the episodes: a table"
    )
    minibatch: Any = setting([[None, 16]], "episodes per gradient step: a table")
    horizons: Any = setting(
        [[2500, 5], [5000, 10], [None, None]],
        "curriculum of episode lengths, steps: a table; null: as long as the task's",
    )
    max_grad_norm: float = setting(0.5, "gradients are scaled down to this norm", above=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.policy):
            raise ValueError(f"policy={self.policy} is none: set keys of policy, or leave it out")
        schedule.check("learning_rate", self.learning_rate)
        schedule.check("epochs", self.epochs, whole=True)
        schedule.check("minibatch", self.minibatch, whole=True)
        schedule.check("horizons", self.horizons, whole=True, optional=True)


class Learner(Agent):
    """Acts with a recurrent policy, with Gaussian noise of a scheduled spread while it learns.

    Args:
        frame_shape: (C, H, W) of the frames.
        seed: Seed of the weights, the exploration and the order of minibatches.
        device: Where the policy lives.
        settings: Keys of its ``Settings``.

    Raises:
        ValueError: A setting is out of range.
    """

    Settings: type[LearnerSettings]
    optimizer: torch.optim.Optimizer
    settings: LearnerSettings

    def __init__(
        self,
        frame_shape: tuple[int, int, int],
        seed: int = 0,
        device: str = "cpu",
        **settings: Any,
    ) -> None:
        self.settings = self.Settings(**settings)
        # Layers draw their weights from the global generator: lend them a seeded one.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy: RecurrentPolicy = self.settings.policy(frame_shape).to(device)
        self.rng = torch.Generator(device).manual_seed(seed)
        self.std = self.settings.std[0]
        self.frames = 0
        self.steps = 0
        self._begin(frame_shape, device)

    @abc.abstractmethod
    def _begin(self, frame_shape: tuple[int, int, int], device: str) -> None:
        """Makes what it learns with, its ``optimizer`` above all, for the policy that it has."""

    def set_action_scale(self, action_scale: ActionScale) -> None:
        """Tells the policy, too, what its actions do."""
        super().set_action_scale(action_scale)
        self.policy.action_scale = action_scale

    @torch.no_grad()
    def initial(self, obs: Observation) -> Any:
        """The policy's memory after its first look."""
        return self.policy.initial(self._sight(obs))

    @torch.no_grad()
    def act(
        self, obs: Observation, state: Any, explore: bool = False
    ) -> tuple[Float[Tensor, "B 4"], Any, dict[str, Tensor]]:
        """The policy's mean, or a draw around it."""
        decision, state = self.policy.step(self._sight(obs), state)
        action = decision.mean
        if explore:
            noise = torch.empty_like(action).normal_(generator=self.rng)
            action = action + self.std * noise
        return action, state, self._extras(action, decision)

    def horizon(self, frames: int) -> int | None:
        """Short episodes at first: early on, only the first steps carry a signal."""
        return stage(self.settings.horizons, frames)

    @abc.abstractmethod
    def update(self, trajectory: Trajectory, progress: float) -> dict[str, float]:
        """Learns from episodes that this policy has just explored; see ``Agent.update``."""

    def inherit(self, state: dict[str, Any]) -> None:
        """Starts from a policy of the same kind and size."""
        self.policy.inherit(state)

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser, generator, and where the schedules stand."""
        return {
            "policy": {k: v.clone() for k, v in self.policy.state_dict().items()},
            "optimizer": copy.deepcopy(self.optimizer.state_dict()),
            "rng": self.rng.get_state(),
            "std": self.std,
            "frames": self.frames,
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        restore(self.rng, state["rng"])
        self.std, self.frames, self.steps = state["std"], state["frames"], state["steps"]

    def _extras(
        self, action: Float[Tensor, "B 4"], decision: Decision
    ) -> dict[str, Float[Tensor, " B"]]:
        """What the learner wants back when it is updated."""
        return {}

    def _sight(self, obs: Observation) -> Sight:
        return self.policy.prepare(obs.frame[:, None], obs.box[:, None])

    def _set_rate(self, progress: float) -> float:
        """Tells the optimiser its step size, which is returned."""
        settings = self.settings
        left = 1 - (1 - settings.final_rate) * progress
        rate: float = stage(settings.learning_rate, self.frames) * left
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _descend(self, loss: Float[Tensor, ""], suspects: str) -> Float[Tensor, ""]:
        """One step down the gradient, whose norm is returned.

        Raises:
            FloatingPointError: The loss or its gradient is not finite; the weights stay.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.policy.parameters(), self.settings.max_grad_norm)
        if not math.isfinite(float(loss.detach()) + float(norm)):
            raise FloatingPointError(
                f"the loss of {type(self).__name__} is {float(loss.detach())} and its gradient's "
                f"norm {float(norm)} in gradient step {self.steps} (after {self.frames} frames); "
                f"the weights are still those before the step. Check {suspects}, or lower "
                "agent.learning_rate."
            )
        self.optimizer.step()
        self.steps += 1
        return norm
