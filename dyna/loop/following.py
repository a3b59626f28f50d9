"""How a world model follows the target: by the identity whose box fits the first one best."""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from envs.boxes import iou
from world_models.base import Posterior


def slot_of(
    posterior: Posterior, t: int, identity: Int[Tensor, "B O"]
) -> tuple[Int[Tensor, "B O"], Bool[Tensor, "B O"]]:
    """Where identities are after frame ``t``: their slots, and whether they are there at all."""
    same = (posterior.id[:, t, None] == identity[..., None]) & (identity >= 0)[..., None]
    return same.int().argmax(-1), same.any(-1)


def pick(value: Float[Tensor, "*n B K d"], slot: Int[Tensor, "B O"]) -> Float[Tensor, "*n B O d"]:
    """What stands in the chosen slots."""
    index = slot[..., None].expand(*value.shape[:-2], -1, value.shape[-1])
    return value.gather(-2, index)


@dataclasses.dataclass(frozen=True)
class Target:
    """The target as a model follows it from the box that is given in the first frame.

    Attributes:
        identity: The identity whose box fitted the given one best; -1: none did.
        box: Its box through time. Where the identity is gone its last box is held, as a tracker
            would that has to answer.
    """

    identity: Int[Tensor, " B"]
    box: Float[Tensor, "B T 4"]


def follow_target(posterior: Posterior, given: Float[Tensor, "B 4"]) -> Target:
    """Follows the target from its first box, which is the one thing a tracker is told."""
    fit = iou(given[:, None], posterior.box[:, 0]) * (posterior.id[:, 0] >= 0)
    value, slot = fit.max(-1)
    identity = posterior.id[:, 0].gather(-1, slot[:, None])[:, 0]
    identity = torch.where(value > 0, identity, -1)
    path, now = [], given
    for t in range(posterior.box.shape[1]):
        place, there = slot_of(posterior, t, identity[:, None])
        now = torch.where(there, pick(posterior.box[:, t], place)[:, 0], now)
        path.append(now)
    return Target(identity, torch.stack(path, 1))
