"""What supervision hands to a policy's objective: where it was, and where it should have gone."""

import abc
import dataclasses
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from agents.policy import Sight

VISIBLE = 0.3
"""A target counts as visible if more than this share of it is."""


@dataclasses.dataclass(frozen=True)
class Lesson:
    """Whole episodes as they were acted, with the answers.

    Attributes:
        sight: What the policy saw.
        own: Its box before each action.
        target: The target's box in the frame that it saw; anything where ``known`` is 0.
        visible: 1 where the target is visible, else 0.
        known: 1 where the target has a box, seen or hidden, else 0.
        centre_gain: What its actions did (``envs.boxes.move``).
        size_gain: The same.
        min_size: The same.
        max_size: The same.
    """

    sight: Sight
    own: Float[Tensor, "B T 4"]
    target: Float[Tensor, "B T 4"]
    visible: Float[Tensor, "B T"]
    known: Float[Tensor, "B T"]
    centre_gain: float
    size_gain: float
    min_size: float
    max_size: float


class Objective(abc.ABC):
    """What a policy is taught by: losses that are weighed against each other."""

    names: tuple[str, ...]
    """Of the losses."""

    @abc.abstractmethod
    def losses(self, policy: Any, lesson: Lesson) -> dict[str, Float[Tensor, ""]]:
        """One number per name that applies; other keys are penalties, added as they are."""


def reflect(
    box: Float[Tensor, "*n 4"], left_right: bool, top_bottom: bool
) -> Float[Tensor, "*n 4"]:
    """Boxes in the world that is reflected left to right, top to bottom, or both."""
    on = torch.tensor([left_right, top_bottom, False, False], device=box.device)
    return torch.where(on, 1 - box, box)
