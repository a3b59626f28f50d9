"""What learners of recurrent policies share: acting, exploring, gradient steps, being saved."""

import abc
import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from agents.base import Agent
from agents.learning.policy import Decision, RecurrentPolicy, Sight
from agents.learning.schedule import Table, stage
from envs.trajectory import Observation, Trajectory


class Learner(Agent):
    """Acts with a recurrent policy, with Gaussian noise of a scheduled spread while it learns.

    Args:
        frame_shape: (C, H, W) of the frames.
        policy: Makes the policy from ``frame_shape``.
        seed: Seed of the weights, the exploration and the order of minibatches.
        device: Where the policy lives.
        std: Spread of the actions at the start and at the end.
        horizons: Curriculum of episode lengths, as (until agent frames, steps).
        max_grad_norm: Gradients are scaled down to this norm.
    """

    optimizer: torch.optim.Optimizer

    def __init__(
        self,
        frame_shape: tuple[int, int, int],
        policy: Callable[..., RecurrentPolicy],
        seed: int,
        device: str,
        std: Sequence[float],
        horizons: Table,
        max_grad_norm: float,
    ) -> None:
        # Layers draw their weights from the global generator: lend them a seeded one.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy = policy(frame_shape).to(device)
        self.rng = torch.Generator(device).manual_seed(seed)
        self.std_range, self.horizons, self.max_grad_norm = tuple(std), horizons, max_grad_norm
        self.std = std[0]
        self.frames = 0
        self.steps = 0

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
        return stage(self.horizons, frames)

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
        self.rng.set_state(state["rng"])
        self.std, self.frames, self.steps = state["std"], state["frames"], state["steps"]

    def _extras(
        self, action: Float[Tensor, "B 4"], decision: Decision
    ) -> dict[str, Float[Tensor, " B"]]:
        """What the learner wants back when it is updated."""
        return {}

    def _sight(self, obs: Observation) -> Sight:
        return self.policy.prepare(obs.frame[:, None], obs.box[:, None])

    def _descend(self, loss: Float[Tensor, ""], suspects: str) -> Float[Tensor, ""]:
        """One step down the gradient, whose norm is returned.

        Raises:
            FloatingPointError: The loss or its gradient is not finite; the weights stay.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
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
