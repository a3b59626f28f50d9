"""The reference that looks at nothing: what chance is worth."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from agents.base import Agent
from envs.scene import restore
from envs.trajectory import Observation


class RandomActions(Agent):
    """Draws every action evenly from [-1, 1], exploring or not.

    Args:
        frame_shape: (C, H, W) of a frame; not used.
        seed: Seed of the actions.
        device: Where the actions are drawn.
    """

    def __init__(
        self, frame_shape: Sequence[int] | None = None, seed: int = 0, device: str = "cpu"
    ) -> None:
        self.rng = torch.Generator(device).manual_seed(seed)

    def initial(self, obs: Observation) -> None:
        """There is nothing to remember."""

    def act(
        self, obs: Observation, state: Any, explore: bool = False
    ) -> tuple[Float[Tensor, "B 4"], None, dict[str, Tensor]]:
        """Even noise."""
        noise = torch.rand(obs.box.shape, generator=self.rng, device=self.rng.device)
        return 2.0 * noise.to(obs.box) - 1.0, None, {}

    def state_dict(self) -> dict[str, Any]:
        """The generator's state."""
        return {"rng": self.rng.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        restore(self.rng, state["rng"])
