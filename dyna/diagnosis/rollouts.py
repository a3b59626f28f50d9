"""Stochastic rollouts of a world model from what it believes."""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dyna.loop.imagination import roll_forward
from world_models.base import Posterior, WorldModel


@dataclasses.dataclass(frozen=True)
class Rollouts:
    """N stochastic rollouts of B episodes, S steps each.

    Attributes:
        box: Box of every slot.
        visible: Visible share of every slot.
    """

    box: Float[Tensor, "N B S K 4"]
    visible: Float[Tensor, "N B S K"]

    def boxes(self, slot: Int[Tensor, "B O"]) -> Float[Tensor, "N B S O 4"]:
        """The boxes of some slots."""
        samples, _, steps = self.box.shape[:3]
        index = slot[None, :, None, :, None].expand(samples, -1, steps, -1, 4)
        return self.box.gather(3, index)

    def shares(self, slot: Int[Tensor, "B O"]) -> Float[Tensor, "N B S O"]:
        """The visible shares of some slots."""
        samples, _, steps, _ = self.visible.shape
        return self.visible.gather(3, slot[None, :, None].expand(samples, -1, steps, -1))


def sample_rollouts(
    model: WorldModel,
    posterior: Posterior,
    now: int,
    steps: int,
    camera: Float[Tensor, "B S 2"] | None,
    samples: int,
    rng: torch.Generator,
) -> Rollouts:
    """Rolls the belief after frame ``now`` on, ``samples`` times."""
    views = [
        view
        for _ in range(samples)
        for view in roll_forward(model, model.resume(posterior, now), steps, camera, rng)
    ]
    batch, slots = views[0].visible.shape
    boxes = torch.stack([view.box for view in views])
    shares = torch.stack([view.visible for view in views])
    box = boxes.view(samples, steps, batch, slots, 4).transpose(1, 2)
    return Rollouts(box, shares.view(samples, steps, batch, slots).transpose(1, 2))
