"""The reference that never moves: what standing still is worth."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from agents.base import Agent
from envs.trajectory import Observation


class LastBox(Agent):
    """Holds the first box for ever.

    Args:
        frame_shape: (C, H, W) of a frame; not used.
        seed: Not used.
        device: Not used; the actions live where the boxes do.
    """

    def __init__(
        self, frame_shape: Sequence[int] | None = None, seed: int = 0, device: str = "cpu"
    ) -> None:
        pass

    def initial(self, obs: Observation) -> None:
        """There is nothing to remember."""

    def act(
        self, obs: Observation, state: Any, explore: bool = False
    ) -> tuple[Float[Tensor, "B 4"], None, dict[str, Tensor]]:
        """The action that does nothing."""
        return torch.zeros_like(obs.box), None, {}
