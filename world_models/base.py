"""What every world model is: it may learn from real episodes, and it dreams scenes.

``dyna.imagination`` wears any of these as a `Scene`; the tracking task on top of it then computes
the reward from the boxes that ``decode`` gives, exactly as it does on real scenes.
"""

import abc
from typing import Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from envs.scene import View
from envs.trajectory import Trajectory

State = TypeVar("State")


class WorldModel(nn.Module, abc.ABC, Generic[State]):
    """A model of scenes, learned or hand-written."""

    frame_shape: tuple[int, int, int]
    num_slots: int

    @abc.abstractmethod
    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """Learns from all real episodes so far and remembers where imagination may start.

        Args:
            real: Every real episode so far, without truth: frames, boxes of the agent (the first
                is the target's), actions, rewards.
            rng: Source of all randomness.
            effort: Share of the full training schedule to spend; models without one ignore it.

        Returns:
            Metrics, keys without a group.
        """

    @abc.abstractmethod
    def start(self, batch_size: int, rng: torch.Generator) -> State:
        """States in which imagined episodes begin; ``fit`` must have come before."""

    @abc.abstractmethod
    def prior(
        self, state: State, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None
    ) -> State:
        """Draws the next state, given how the camera is moved."""

    @abc.abstractmethod
    def decode(self, state: State) -> View:
        """What a state looks like: the frame, and the box of every object in it."""
