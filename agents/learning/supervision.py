"""What supervision hands to a policy's objective: where it was, and where it should have gone."""

import abc
import dataclasses
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from agents.learning.losses import meets
from agents.learning.policy import Sight
from envs.action_scale import ActionScale


@dataclasses.dataclass(frozen=True)
class LabelledEpisodes:
    """Whole episodes as they were acted, with the answers.

    Attributes:
        sight: What the policy saw.
        own: Its box before each action.
        target: The target's box in the frame that it saw; anything where ``known`` is 0.
        visible: 1 where the target is visible, else 0.
        known: 1 where the target has a box, seen or hidden, else 0.
        action_scale: What its actions did.
    """

    sight: Sight
    own: Float[Tensor, "B T 4"]
    target: Float[Tensor, "B T 4"]
    visible: Float[Tensor, "B T"]
    known: Float[Tensor, "B T"]
    action_scale: ActionScale


class Objective(abc.ABC):
    """What a policy is taught by: losses that are weighed against each other."""

    names: tuple[str, ...]
    """Of the losses."""

    @abc.abstractmethod
    def losses(self, policy: Any, episodes: LabelledEpisodes) -> dict[str, Float[Tensor, ""]]:
        """One number per name that applies; other keys are penalties, added as they are."""


def rescue(
    own: Float[Tensor, "B T 4"],
    target: Float[Tensor, "B T 4"],
    drawn: Float[Tensor, "B T 4"],
    after: int,
) -> Float[Tensor, "B T 4"]:
    """Boxes of episodes that a teacher helps: who has lost the target is put back to it, once.

    From there to the end the boxes are ``drawn``, so that even an early loss leaves a whole
    episode to learn from. Nothing of this reaches the env: episodes are only looked at again.

    Args:
        own: The boxes that were acted.
        target: The target's.
        drawn: Boxes near where the target was a step before.
        after: Steps in a row at which own box and target do not touch, before help comes.
    """
    lost = ~meets(own, target)
    if lost.shape[1] <= after:
        return own
    helped = torch.zeros_like(lost)
    helped[:, after:] = lost.unfold(1, after, 1).all(-1)[:, :-1].cumsum(1) > 0
    return torch.where(helped[..., None], drawn, own)


def reflect(
    box: Float[Tensor, "*n 4"], left_right: bool, top_bottom: bool
) -> Float[Tensor, "*n 4"]:
    """Boxes in the world that is reflected left to right, top to bottom, or both."""
    on = torch.tensor([left_right, top_bottom, False, False], device=box.device)
    return torch.where(on, 1 - box, box)
