"""A world model worn as a scene: the tracking task on top cannot tell it from a real one.

So no reward is learned. The task draws a target among the objects that the model imagines, and
computes the reward from their boxes just as it does on real scenes.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from envs.scene import Scene, View
from world_models.base import WorldModel


class Imagination(Scene):
    """What a world model dreams.

    Args:
        model: A world model; it must have been fitted before the first ``reset``.
    """

    def __init__(self, model: WorldModel) -> None:
        self.model = model
        self.frame_shape = model.frame_shape
        self.num_slots = model.num_slots

    @torch.no_grad()
    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        """Starts ``batch_size`` dreams."""
        self._state = self.model.start(batch_size, rng)
        return self.model.decode(self._state)

    @torch.no_grad()
    def advance(self, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None) -> View:
        """Dreams one frame further."""
        self._state = self.model.prior(self._state, rng, camera)
        return self.model.decode(self._state)


@torch.no_grad()
def roll_forward(
    model: WorldModel,
    state: Any,
    steps: int,
    camera: Float[Tensor, "B S 2"] | None,
    rng: torch.Generator,
) -> list[View]:
    """What a model dreams from a state on, ``steps`` frames; ``camera`` is asked of the view."""
    views = []
    for step in range(steps):
        state = model.prior(state, rng, None if camera is None else camera[:, step])
        views.append(model.decode(state))
    return views
