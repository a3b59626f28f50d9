"""Does a world model foretell the rewards of real episodes? It can be asked without any truth.

The model follows the target from its first box, dreams on for a few frames at a time, moved by
what was really asked of the view, and foretells what the agent's real boxes earn there.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from dyna.loop.following import follow_target, pick, slot_of
from dyna.loop.imagination import roll_forward
from envs.boxes import iou
from envs.trajectory import Trajectory
from world_models.base import WorldModel

AHEAD, FIRST, SAMPLES = 3, 1, 4
"""Frames that are foretold at a time, the first that is looked at before, dreams of each."""


@torch.no_grad()
def foretold(model: WorldModel, real: Trajectory, rng: torch.Generator) -> Float[Tensor, "B S 4"]:
    """Boxes of the target from frame ``FIRST + 1`` on, each seen up to `AHEAD` frames before.

    Args:
        model: One that can look at frames.
        real: Episodes, without truth.
        rng: Of the dreams.

    Raises:
        ValueError: Episodes are too short.
    """
    if real.horizon < FIRST + 2:
        raise ValueError(f"episodes of {real.horizon} frames are too short to foretell rewards")
    posterior = model.posterior(real)
    target = follow_target(posterior, real.box[:, 0])
    camera = real.camera if bool(real.camera.any()) else None
    boxes = []
    for now in range(FIRST, real.horizon - 1, AHEAD):
        steps = min(AHEAD, real.horizon - 1 - now)
        path = None if camera is None else camera[:, now : now + steps]
        slot, there = slot_of(posterior, now, target.identity[:, None])
        drawn = []
        for _ in range(SAMPLES):
            views = roll_forward(model, model.resume(posterior, now), steps, path, rng)
            drawn.append(torch.stack([pick(view.box, slot)[:, 0] for view in views], 1))
        box = torch.stack(drawn).mean(0)
        boxes.append(torch.where(there[:, None], box, target.box[:, now, None]))
    return torch.cat(boxes, 1)


def agreement(real: Trajectory, boxes: Float[Tensor, "B S 4"], late: int = 0) -> float:
    """Correlation of foretold with received rewards, over episodes, within frames.

    That all agents earn less the longer an episode lasts tells nothing of a model, so the mean of
    every frame is taken away. 1: foretold exactly; 0: not at all, also if all earn the same.

    Args:
        real: The episodes.
        boxes: Of `foretold`.
        late: What the agent is taken to have earned so many frames later: a model that is right
            agrees less with that.
    """
    first = FIRST + 1
    moved = boxes_moved(real)
    frames = slice(max(0, -late), boxes.shape[1] - max(0, late))
    mine = iou(moved[:, first:], boxes)[:, frames]
    received = real.reward[:, first + frames.start + late : first + frames.stop + late]
    mine, received = (value - value.mean(0) for value in (mine, received))
    scale = (mine.square().sum() * received.square().sum()).sqrt()
    return (mine * received).sum().div(scale.clamp(min=1e-9)).item()


def skill(model: WorldModel, real: Trajectory, rng: torch.Generator) -> float:
    """How much better rewards are foretold than by a target that stays where it was at first.

    One less the ratio of the mean absolute errors: 1 if foretold exactly, 0 if no better.

    Args:
        model: One that can look at frames.
        real: Episodes, without truth.
        rng: Of the dreams.
    """
    first = FIRST + 1
    received, moved = real.reward[:, first:], boxes_moved(real)[:, first:]
    wrong = (iou(moved, foretold(model, real, rng)) - received).abs().mean()
    still = (iou(moved, real.box[:, :1].expand_as(moved)) - received).abs().mean()
    return 1 - wrong.div(still.clamp(min=1e-6)).item()


def boxes_moved(real: Trajectory) -> Float[Tensor, "B T 4"]:
    """The agent's boxes as they were when they earned their rewards, before the view moved."""
    moved = real.box[:, 1:].clone()
    moved[..., :2] += real.camera
    return moved
