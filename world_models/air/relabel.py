"""Real frames with the boxes that AIR sees in them: dreams of which only the labels are imagined.

What is believed of them is as right as the posterior. Beside AIR's own dreams it tells what it is
worth to imagine scenes anew.
"""

from typing import Any

import torch

from envs.trajectory import Trajectory
from world_models.air.model import AIR
from world_models.air.settings import AIRSettings
from world_models.air.whole import judged
from world_models.replayed import Replayed


class Relabel(Replayed):
    """Learns what AIR learns, and shows the episodes that it has learned from.

    Args:
        frame_shape: (C, H, W).
        settings: Keys of `world_models.air.settings.AIRSettings`.
    """

    Settings = AIRSettings

    def __init__(self, frame_shape: tuple[int, int, int], **settings: Any) -> None:
        super().__init__()
        self.air = AIR(frame_shape, **settings)
        self.frame_shape, self.num_slots = self.air.frame_shape, self.air.num_slots

    @property
    def choices(self) -> dict[str, Any]:
        """See `WorldModel.choices`."""
        return self.air.choices

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """See `AIR.fit`; then all real episodes so far are looked at once more.

        Raises:
            ValueError: No object is seen well.
        """
        metrics = self.air.fit(real, rng, effort)
        found = judged(self.air.scene, self.air.posterior(real), self.air.viewpoint.canvas)
        self.label(real, found.box, found.visible, found.id)
        return metrics
