"""The simulator itself as the world model: the ceiling of what any model can give."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from envs.scene import Scene, View
from envs.trajectory import Trajectory
from world_models.base import WorldModel


class Oracle(WorldModel[View]):
    """Knows the scene; reads no real episode.

    Args:
        frame_shape: (C, H, W) of a frame.
        scene: A training scene of its own, not shared with the real env.
    """

    privileged = True

    def __init__(self, frame_shape: tuple[int, int, int], scene: Scene) -> None:
        super().__init__()
        self.frame_shape = frame_shape
        self.num_slots = scene.num_slots
        self._scene = scene

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """There is nothing to learn."""
        return {}

    def start(self, batch_size: int, rng: torch.Generator) -> View:
        """New scenes; the state is what they show, the rest stays inside the simulator."""
        return self._scene.reset(batch_size, rng)

    def prior(
        self, state: View, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None
    ) -> View:
        """Simulates one frame, always from the latest state."""
        return self._scene.advance(rng, camera)

    def decode(self, state: View) -> View:
        """The state is its own picture."""
        return state

    def get_extra_state(self) -> dict[str, Any]:
        """What the simulator keeps between episodes."""
        return self._scene.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what ``get_extra_state`` gave."""
        self._scene.load_state_dict(state)
