"""The objective of HART: follow the box, look at it, tell it from all else (equations 9 to 12)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from agents.learning import losses
from agents.learning.lesson import Lesson, Objective
from agents.learning.policy import Trace


class HARTObjective(Objective):
    """The paper's losses, over the policy's own boxes.

    Args:
        appearance: Whether the location map is taught (equation 12). False, and
            ``policy.appearance`` left on, is the paper's "appearance attention" arm.
        spatial: Whether the attended window is taught (equation 11). It matters only where the
            window has parameters of its own.
        pull: Weight of the distance in actions beside -log IoU (``losses.pull``), which alone
            cannot bring a box back that has lost touch.
        hidden: Weight of steps at which the target is hidden (a visible one has 1). There the
            policy can only remember how it moved; boxes must be amodal.
        lost: Weight of steps at which the window does not touch the target.
        filter_decay: Weight of the dynamic filters' L2 penalty.

    Raises:
        ValueError: A weight is negative.
    """

    def __init__(
        self,
        appearance: bool = True,
        spatial: bool = True,
        pull: float = 1.0,
        hidden: float = 0.3,
        lost: float = 0.03,
        filter_decay: float = 1e-4,
    ) -> None:
        for name, weight in {
            "pull": pull,
            "hidden": hidden,
            "lost": lost,
            "filter_decay": filter_decay,
        }.items():
            if weight < 0:
                raise ValueError(f"{name} must not be negative, got {weight}")
        self.appearance, self.spatial = appearance, spatial
        self.pull, self.hidden, self.lost = pull, hidden, lost
        self.filter_decay = filter_decay
        chosen = {"tracking": True, "spatial": spatial, "appearance": appearance}
        self.names = tuple(name for name, on in chosen.items() if on)

    def losses(self, policy: Any, lesson: Lesson) -> dict[str, Float[Tensor, ""]]:
        """One number per name, and ``filters``."""
        trace: Trace = policy.trace(lesson.sight, lesson.own)
        mean, target = trace.decision.mean, lesson.target
        moved = lesson.action_scale.move(lesson.own, mean)
        best = lesson.action_scale.action_to(lesson.own, target)
        met = losses.meets(trace.window.detach(), target)
        weight = lesson.known * torch.where(lesson.visible > 0, 1.0, self.hidden)
        weight = weight * torch.where(met, 1.0, self.lost)
        box_loss = losses.tracking(moved, target) + self.pull * losses.pull(mean, best)
        result = {"tracking": losses.average(box_loss, weight)}
        if self.spatial and trace.window.requires_grad:
            held = losses.spatial(trace.window, target)
            result["spatial"] = losses.average(held, lesson.known * lesson.visible)
        if self.appearance:
            side = int(trace.location.shape[-1] ** 0.5)
            covered = losses.places(trace.window.detach(), target, side)
            covered = covered * lesson.visible[..., None]
            entropy = losses.appearance(trace.location, covered)
            result["appearance"] = losses.average(entropy, torch.ones_like(entropy))
        result["filters"] = self.filter_decay * losses.filters(trace.filters)
        return result
