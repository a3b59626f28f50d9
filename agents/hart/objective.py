"""The objective of HART: follow the box, look at it, tell it from all else (equations 9 to 12)."""

import dataclasses
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from agents.learning import losses
from agents.learning.policy import Trace
from agents.learning.supervision import LabelledEpisodes, Objective
from envs.settings import Settings, setting


@dataclasses.dataclass(frozen=True)
class HARTObjectiveSettings(Settings):
    """What can be set.

    ``appearance`` false, and that of the policy left on, is the paper's "appearance attention"
    arm. Hidden steps need amodal boxes: there the policy can only remember how the target moved.
    """

    appearance: bool = setting(True, "loss on the location map (equation 12)")
    spatial: bool = setting(True, "loss on the window (equation 11), where it has parameters")
    pull: float = setting(
        1.0, "weight of the distance in actions beside -log IoU (losses.pull)", least=0
    )
    hidden: float = setting(0.3, "weight of steps with a hidden target", least=0)
    lost: float = setting(0.03, "weight of steps with the target outside of the window", least=0)
    filter_decay: float = setting(1e-4, "weight of the dynamic filters' L2 penalty", least=0)


class HARTObjective(Objective):
    """The paper's losses, over the policy's own boxes.

    Args:
        settings: Keys of `HARTObjectiveSettings`.

    Raises:
        ValueError: A weight is negative.
    """

    Settings = HARTObjectiveSettings

    def __init__(self, **settings: Any) -> None:
        self.settings = HARTObjectiveSettings(**settings)
        chosen = {
            "tracking": True,
            "spatial": self.settings.spatial,
            "appearance": self.settings.appearance,
        }
        self.names = tuple(name for name, on in chosen.items() if on)

    def losses(self, policy: Any, episodes: LabelledEpisodes) -> dict[str, Float[Tensor, ""]]:
        """One number per name, and ``filters``."""
        settings = self.settings
        trace: Trace = policy.trace(episodes.sight, episodes.own)
        mean, target = trace.decision.mean, episodes.target
        moved = episodes.action_scale.move(episodes.own, mean)
        best = episodes.action_scale.action_to(episodes.own, target)
        met = losses.meets(trace.window.detach(), target)
        weight = episodes.known * torch.where(episodes.visible > 0, 1.0, settings.hidden)
        weight = weight * torch.where(met, 1.0, settings.lost)
        box_loss = losses.tracking(moved, target) + settings.pull * losses.pull(mean, best)
        result = {"tracking": losses.average(box_loss, weight)}
        if settings.spatial and trace.window.requires_grad:
            held = losses.spatial(trace.window, target)
            result["spatial"] = losses.average(held, episodes.known * episodes.visible)
        if settings.appearance:
            side = int(trace.location.shape[-1] ** 0.5)
            covered = losses.places(trace.window.detach(), target, side)
            covered = covered * episodes.visible[..., None]
            entropy = losses.appearance(trace.location, covered)
            result["appearance"] = losses.average(entropy, torch.ones_like(entropy))
        result["filters"] = settings.filter_decay * losses.filters(trace.filters)
        return result
