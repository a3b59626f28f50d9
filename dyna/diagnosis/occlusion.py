"""What becomes of objects that hide: are they still believed in, and re-found as the same ones?

An object hides while not more than `matching.VISIBLE` of it can be seen (behind something, or
out of the view). A hidden spell counts if the object was followed when it began (in one of the
`RECENT` frames before) and if it ends within the episode.
"""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dyna.diagnosis.extrapolation import camera_path, coast, true_velocity, wall_margin
from dyna.diagnosis.matching import Matches
from dyna.diagnosis.rollouts import sample_rollouts
from envs.boxes import iou
from envs.trajectory import Trajectory
from world_models.base import Posterior, WorldModel

RECENT = 3
REFOUND_FRAMES = 3
"""An object is re-found if it is followed in one of so many frames from its re-appearance on."""
GOOD_IOU = 0.5
LENGTHS = {"1_5": (1, 5), "3_5": (3, 5), "6_up": (6, 10**9)}
"""Spells by their number of hidden frames."""


@dataclasses.dataclass(frozen=True)
class Spells:
    """N hidden spells.

    Attributes:
        episode: Where.
        slot: Which of the true objects.
        last: Last frame that showed it.
        back: First frame that shows it again.
        identity: The identity that the model had given it.
    """

    episode: Int[Tensor, " N"]
    slot: Int[Tensor, " N"]
    last: Int[Tensor, " N"]
    back: Int[Tensor, " N"]
    identity: Int[Tensor, " N"]


def spells(matches: Matches, there: Tensor) -> Spells:
    """Finds all hidden spells of objects that were followed.

    Args:
        matches: Of the model's slots with the true objects.
        there: ``B T O``, whether the object is in the world.
    """
    followed = matches.identity
    for _ in range(RECENT - 1):
        older = torch.cat([torch.full_like(followed[:, :1], -1), followed[:, :-1]], 1)
        followed = torch.where(followed < 0, older, followed)
    hidden = there & ~matches.present
    found = []
    for b, o in hidden.any(1).nonzero().tolist():
        last = None
        for t, (seen, hides) in enumerate(
            zip(matches.present[b, :, o].tolist(), hidden[b, :, o].tolist(), strict=True)
        ):
            if seen:
                if last is not None and t - last > 1 and followed[b, last, o] >= 0:
                    found.append((b, o, last, t, int(followed[b, last, o])))
                last = t
            elif not hides:
                last = None  # gone from the world
    columns = torch.tensor(found, dtype=torch.long, device=followed.device).view(-1, 5)
    return Spells(*columns.unbind(1))


def occlusion(
    model: WorldModel,
    posterior: Posterior,
    episodes: Trajectory,
    matches: Matches,
    rng: torch.Generator,
    samples: int = 4,
) -> dict[str, float]:
    """Hidden spells by length, each figure with the suffixes of `LENGTHS`.

    Returns:
        ``occlusions``: how many; ``refound``: share followed by the same identity again; and the
        shares with an IoU of at least `GOOD_IOU` at the first visible frame of: ``predicted``,
        the box that the model expects before it sees that frame; ``filtered``, its box after;
        ``held``, the last true box that was seen; ``extrapolated``, constant velocity with
        bounces from the true state when it was last seen.
    """
    truth = episodes.truth
    assert truth is not None
    found = spells(matches, truth.id >= 0)
    length = found.back - found.last - 1
    shares: dict[str, Tensor] = {}
    if len(length):
        true = truth.box[found.episode, found.back, found.slot]
        boxes = _boxes(model, posterior, episodes, found, samples, rng)
        shares = {name: iou(box, true) >= GOOD_IOU for name, box in boxes.items()}
        shares = {"refound": _refound(matches, found), **shares}
    figures = {}
    for name, (low, high) in LENGTHS.items():
        chosen = (length >= low) & (length <= high)
        figures[f"occlusions_{name}"] = float(chosen.sum())
        for share, good in shares.items():
            if bool(chosen.any()):
                figures[f"{share}_{name}"] = good[chosen].float().mean().item()
    return figures


def _refound(matches: Matches, found: Spells) -> Tensor:
    horizon = matches.identity.shape[1]
    again = torch.zeros_like(found.back, dtype=torch.bool)
    for t in range(REFOUND_FRAMES):
        moment = (found.back + t).clamp(max=horizon - 1)
        again |= matches.identity[found.episode, moment, found.slot] == found.identity
    return again


def _boxes(
    model: WorldModel,
    posterior: Posterior,
    episodes: Trajectory,
    found: Spells,
    samples: int,
    rng: torch.Generator,
) -> dict[str, Float[Tensor, "N 4"]]:
    """Where each object is expected as it re-appears; boxes of no size where nowhere."""
    truth, camera = episodes.truth, camera_path(episodes)
    assert truth is not None
    blank = posterior.box.new_zeros(len(found.back), 4)
    boxes = {"predicted": blank.clone(), "filtered": blank.clone()}
    for t in found.back.unique().tolist():
        moved = None if camera is None else camera[:, t - 1 : t]
        rollouts = sample_rollouts(model, posterior, t - 1, 1, moved, samples, rng)
        expected = rollouts.box.mean(0)[:, 0]
        now = found.back == t
        episode, identity = found.episode[now], found.identity[now, None]
        for name, time, box in (
            ("predicted", t - 1, expected),
            ("filtered", t, posterior.box[:, t]),
        ):
            same = posterior.id[episode, time] == identity
            there = box[episode, same.int().argmax(-1)]
            boxes[name][now] = torch.where(same.any(-1, keepdim=True), there, 0.0)
    start = truth.box[found.episode, found.last, found.slot][:, None]
    velocity = true_velocity(truth, camera)[found.episode, found.last, found.slot][:, None]
    length = found.back - found.last
    longest = int(length.max())
    after = found.last[:, None] + torch.arange(longest, device=length.device)
    path = None
    if camera is not None:
        path = camera[found.episode[:, None], after.clamp(max=camera.shape[1] - 1)]
    ahead = coast(start, velocity, longest, path, wall_margin(truth))
    each = torch.arange(len(length), device=length.device)
    return {**boxes, "held": start[:, 0], "extrapolated": ahead[each, length - 1, 0]}
