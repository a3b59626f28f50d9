"""What a tracker is scored by: pure functions of an episode and its truth."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dyna.evaluation import one_pass
from envs import boxes
from envs.action_scale import ActionScale
from envs.trajectory import VISIBLE, Trajectory, Truth

HIDDEN_FRAMES = 3
"""A target reappears after at least so many frames in which it did not count."""
LOST = 0.05
"""A target is lost if the IoU in its last visible frame is below this."""


def answer(trajectory: Trajectory, action_scale: ActionScale) -> Float[Tensor, "B T 4"]:
    """Each moved box, which answers for the frame that was seen.

    It is computed afresh from box and action, because the boxes in the trajectory have also been
    moved by the camera.

    Args:
        trajectory: Episodes.
        action_scale: The task's.
    """
    return action_scale.move(trajectory.box[:, :-1], trajectory.action)


def overlap(trajectory: Trajectory, action_scale: ActionScale) -> Float[Tensor, "B T"]:
    """IoU of each moved box with the target in the frame that was seen, both cut at the border.

    The reward is the same without the cut.

    Args:
        trajectory: Episodes with their truth.
        action_scale: The task's.

    Raises:
        ValueError: The episodes come without truth.
    """
    truth = _truth(trajectory)
    moved = answer(trajectory, action_scale)
    return boxes.iou(boxes.clip_to_frame(moved), boxes.clip_to_frame(truth.target_box))


def centre_error(trajectory: Trajectory, action_scale: ActionScale) -> Float[Tensor, "B T"]:
    """Pixels between the centres of the moved box and of the target, in the frame that was seen.

    Args:
        trajectory: Episodes with their truth.
        action_scale: The task's.

    Raises:
        ValueError: The episodes come without truth.
    """
    away = answer(trajectory, action_scale) - _truth(trajectory).target_box
    height, width = trajectory.frame.shape[-2:]
    return torch.hypot(away[..., 0] * width, away[..., 1] * height)


def counted(trajectory: Trajectory) -> Bool[Tensor, "B T"]:
    """The steps that count: the target is visible, and its box was not given away (step 0)."""
    visible = _truth(trajectory).target_visible > VISIBLE
    visible[:, 0] = False
    return visible


def episode_scores(
    iou: Float[Tensor, "B T"],
    counts: Bool[Tensor, "B T"],
    error: Float[Tensor, "B T"] | None = None,
) -> dict[str, Float[Tensor, " B"]]:
    """One number per episode and metric; NaN where an episode has nothing to score.

    Args:
        iou: Overlap with the target at each step.
        counts: Which steps count. After ``HIDDEN_FRAMES`` steps that do not (step 0 aside), the
            next one that does is a reappearance.
        error: Distance of the centres in pixels, for the precision.
    """
    number = counts.sum(-1)
    none = number == 0

    steps = torch.arange(counts.shape[1], device=counts.device)
    last = torch.where(counts, steps, 0).argmax(-1, keepdim=True)
    lost = (iou.gather(1, last)[:, 0] < LOST).to(iou.dtype)
    losses, refound = one_pass.losses(iou, counts)
    with_first = counts.clone()
    with_first[:, 0] = True
    back = torch.zeros_like(counts)
    if counts.shape[1] > HIDDEN_FRAMES + 1:
        hidden = (~counts[:, 1:]).unfold(1, HIDDEN_FRAMES, 1).all(-1)
        back[:, HIDDEN_FRAMES + 1 :] = counts[:, HIDDEN_FRAMES + 1 :] & hidden[:, :-1]
    scores = {
        "iou": one_pass.mean(iou, counts),
        "iou_with_first": torch.where(none, torch.nan, one_pass.mean(iou, with_first)),
        "success_0.5": one_pass.mean((iou > 0.5).to(iou.dtype), counts),
        "success_auc": one_pass.success_curve(iou, counts).mean(-1),
        "lost": torch.where(none, torch.nan, lost),
        "losses": torch.where(none, torch.nan, losses),
        "refound": refound,
        "reappearance_iou": one_pass.mean(iou, back),
        "visible": number / max(counts.shape[1] - 1, 1),
    }
    if error is not None:
        close = (error <= one_pass.PRECISION).to(error.dtype)
        scores["precision_20px"] = one_pass.mean(close, counts)
    return scores


def summary(
    scores: dict[str, Float[Tensor, " B"]], objects: Float[Tensor, " B"]
) -> dict[str, float]:
    """Means over episodes, keys ``eval/...``; what no episode could score is left out.

    Args:
        scores: What ``episode_scores`` gave for all episodes.
        objects: How many objects each episode starts with.
    """
    metrics: dict[str, float] = {}
    for name, value in scores.items():
        known = value[~value.isnan()]
        if len(known):
            metrics[f"eval/{name}"] = known.double().mean().item()
    iou = scores["iou"].double()
    known = ~iou.isnan()
    if known.sum() > 1:
        metrics["eval/iou_se"] = (iou[known].std() / known.sum().sqrt()).item()
    for number in objects[known].unique().int().tolist():
        name = f"eval/iou_{number}_object" + ("s" if number > 1 else "")
        metrics[name] = iou[known & (objects == number)].mean().item()
    metrics["eval/episodes"] = float(len(iou))
    return metrics


def num_objects(trajectory: Trajectory) -> Float[Tensor, " B"]:
    """How many objects each episode starts with."""
    return (_truth(trajectory).id[:, 0] >= 0).sum(-1).float()


def _truth(trajectory: Trajectory) -> Truth:
    if trajectory.truth is None:
        raise ValueError("only episodes with their truth can be scored; these have truth=None")
    return trajectory.truth
