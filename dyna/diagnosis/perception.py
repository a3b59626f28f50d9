"""How well a world model sees: counting, boxes, identities, the target. Truth is only measured.

An object counts where more than `VISIBLE` of it can be seen; hidden ones are `occlusion`'s.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dyna.diagnosis.matching import Matches, Target
from envs.boxes import iou
from envs.trajectory import VISIBLE, Truth
from world_models.base import Posterior


def perception(
    posterior: Posterior, truth: Truth, matches: Matches, settled: int = 2
) -> dict[str, float]:
    """Counting, boxes and identities on filtered episodes.

    Args:
        posterior: What the model made of them.
        truth: What there was.
        matches: Of the two.
        settled: First frame whose count is scored; 0 for single images.

    Returns:
        ``count_accuracy`` over frames from ``settled`` on, also by number of visible objects
        (``count_accuracy_0`` ...); ``box_iou`` over all visible objects (missed ones count 0);
        ``switches`` of identity per object; ``false_objects`` per frame.

    Raises:
        ValueError: There is no frame from ``settled`` on.
    """
    horizon = truth.box.shape[1]
    if not 0 <= settled < horizon:
        raise ValueError(f"settled={settled} must be from 0 to {horizon - 1}, the last frame")
    number = matches.present.sum(-1)
    found = (posterior.visible > VISIBLE).sum(-1)
    right = (number == found)[:, settled:]
    metrics = {"count_accuracy": right.float().mean().item()}
    for n in number[:, settled:].unique().tolist():
        chosen = number[:, settled:] == n
        metrics[f"count_accuracy_{n}"] = right[chosen].float().mean().item()
    metrics["box_iou"] = matches.iou[matches.present].mean().item()
    matched = (matches.iou > 0).sum(-1)
    metrics["false_objects"] = (found - matched).clamp(min=0).float().mean().item()
    metrics["switches"] = switches(matches)
    return metrics


def switches(matches: Matches) -> float:
    """How often the identity that follows an object changes, per object that is ever seen."""
    last = torch.full_like(matches.identity[:, 0], -1)
    changes = torch.zeros_like(last, dtype=torch.float32)
    for now in matches.identity.unbind(1):
        changes += (now >= 0) & (last >= 0) & (now != last)
        last = torch.where(now >= 0, now, last)
    return changes[matches.present.any(1)].mean().item()


def target_figures(
    target: Target, truth: Truth, frame_size: Float[Tensor, " 2"]
) -> dict[str, float]:
    """How well the target is followed from the first box, in frames that show it.

    These have one meaning for every model, with objects or without.

    Args:
        target: As the model follows it.
        truth: What there was.
        frame_size: Width and height, pixels.

    Returns:
        ``target_found``: share of episodes in which something was at the given box;
        ``target_iou`` and ``target_error`` (centre, pixels) after the first frame, if there are
        more; ``target_lost``: share of episodes whose last visible frame has an IoU below .05.
    """
    there: Bool[Tensor, "B T"] = truth.target_visible > VISIBLE
    overlap = iou(target.box, truth.target_box)
    error = ((target.box - truth.target_box)[..., :2] * frame_size).norm(dim=-1)
    given = there[:, 0]
    figures = {"target_found": (target.identity >= 0)[given].float().mean().item()}
    after = there.clone()
    after[:, 0] &= there.shape[1] == 1
    figures["target_iou"] = overlap[after].mean().item()
    figures["target_error"] = error[after].mean().item()
    time = torch.arange(there.shape[1], device=there.device)
    last = torch.where(there, time, -1).amax(-1)
    final = overlap.gather(-1, last.clamp(min=0)[:, None])[:, 0]
    figures["target_lost"] = (final < 0.05)[last >= 0].float().mean().item()
    return figures
