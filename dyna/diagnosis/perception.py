"""How well a world model sees: counting, boxes, identities, the target. Truth is only measured.

An object counts where more than `VISIBLE` of it can be seen; hidden ones are `occlusion`'s.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dyna.diagnosis.matching import Matches
from dyna.loop.following import Target
from envs.boxes import iou, overlap
from envs.trajectory import VISIBLE, Truth
from world_models.base import Posterior

OVERLAP = 0.2
"""Two objects overlap where their boxes share more than this of the smaller one."""


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
        (``count_accuracy_0`` ...); ``too_many``: share of these frames with more slots than
        objects; both with ``_overlap``: over frames in which visible objects overlap
        (`OVERLAP`), and with ``_overlap_start``: in frame ``settled`` of episodes whose first
        frame shows an overlap; ``box_iou`` over all visible objects (missed ones count 0);
        ``switches`` of identity per object; ``false_objects`` per frame. What had no frame to be
        scored on is left out.

    Raises:
        ValueError: There is no frame from ``settled`` on.
    """
    horizon = truth.box.shape[1]
    if not 0 <= settled < horizon:
        raise ValueError(f"settled={settled} must be from 0 to {horizon - 1}, the last frame")
    number = matches.present.sum(-1)
    found = (posterior.visible > VISIBLE).sum(-1)
    scored = torch.arange(horizon, device=number.device) >= settled
    overlaps = _overlapping(truth, matches.present)
    start = torch.arange(horizon, device=number.device) == settled
    frames = {"": scored.expand_as(number)}
    frames |= {f"_{n}": scored & (number == n) for n in number[:, settled:].unique().tolist()}
    frames["_overlap"] = scored & overlaps
    frames["_overlap_start"] = start & overlaps[:, :1]
    metrics: dict[str, float] = {}
    for name, chosen in frames.items():
        if bool(chosen.any()):
            right, more = (
                x[chosen].float().mean().item() for x in (found == number, found > number)
            )
            metrics |= {f"count_accuracy{name}": right, f"too_many{name}": more}
    metrics["box_iou"] = matches.iou[matches.present].mean().item()
    matched = (matches.iou > 0).sum(-1)
    metrics["false_objects"] = (found - matched).clamp(min=0).float().mean().item()
    metrics["switches"] = switches(matches)
    return metrics


def _overlapping(truth: Truth, present: Bool[Tensor, "B T O"]) -> Bool[Tensor, "B T"]:
    """Whether two visible objects of a frame overlap."""
    shared = overlap(truth.box[:, :, :, None], truth.box[:, :, None])
    pairs = present[..., None] & present[:, :, None]
    return ((shared > OVERLAP) & pairs.triu(1)).any(-1).any(-1)


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
