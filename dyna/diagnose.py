"""How well a world model sees and predicts held-out scenes, beside hand-written rivals.

``python -m dyna.diagnose world_model=air env.tier=plain`` trains models from scratch and prints
their figures; ``python -m dyna.evaluate checkpoint=...`` measures the model of a finished run.
Truth is read here to measure, and for nothing else.
"""

import dataclasses
import time
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from envs.boxes import iou
from envs.trajectory import Trajectory, Truth
from world_models.base import Posterior, WorldModel

CONTEXT = 6
SETTLED = 2
MATCH_IOU = 0.3
VISIBLE = 0.3


@dataclasses.dataclass(frozen=True)
class Matches:
    """Which slot each true object is matched with at each time (-1: none), and their IoU."""

    slot: Int[Tensor, "B T O"]
    iou: Float[Tensor, "B T O"]
    present: Bool[Tensor, "B T O"]


def match(posterior: Posterior, truth: Truth) -> Matches:
    """Pairs true objects with slots frame by frame, best pairs first (greedily)."""
    overlap = (
        iou(truth.box[:, :, :, None], posterior.box[:, :, None])
        * (posterior.visible > VISIBLE)[:, :, None]
    )
    present = (truth.id >= 0) & (truth.visible > VISIBLE)
    overlap = overlap * present[..., None]
    shape = overlap.shape
    flat = overlap.flatten(0, 1).clone()
    slot = torch.full(flat.shape[:2], -1)
    best = torch.zeros(flat.shape[:2])
    rows = torch.arange(len(flat))
    for _ in range(min(shape[2:])):
        value, index = flat.flatten(1).max(-1)
        obj, slt = index // shape[3], index % shape[3]
        good = value > 0
        slot[rows[good], obj[good]] = slt[good]
        best[rows[good], obj[good]] = value[good]
        flat[rows, obj] = 0.0
        flat[rows, :, slt] = 0.0
    return Matches(slot.view(shape[:3]), best.view(shape[:3]), present)


def perception(posterior: Posterior, truth: Truth) -> dict[str, float]:
    """Counting, boxes and identities on filtered episodes.

    Returns:
        ``count_accuracy`` over frames from `SETTLED` on (also by number of objects), ``box_iou``
        over all visible true objects (missed ones count 0), ``switches`` of identity per object,
        and ``false_objects`` per frame.
    """
    matches = match(posterior, truth)
    number = matches.present.sum(-1)
    found = (posterior.visible > VISIBLE).sum(-1)
    right = (number == found)[:, SETTLED:]
    metrics = {"count_accuracy": right.float().mean().item()}
    for n in number.unique().tolist():
        chosen = number[:, SETTLED:] == n
        metrics[f"count_accuracy_{n}"] = right[chosen].float().mean().item()
    metrics["box_iou"] = matches.iou[matches.present].mean().item()
    matched = (matches.iou > 0).sum(-1)
    metrics["false_objects"] = (found - matched).clamp(min=0).float().mean().item()
    metrics["switches"] = _switches(posterior, matches)
    return metrics


def _switches(posterior: Posterior, matches: Matches) -> float:
    """How often the identity that follows an object changes, per object."""
    identity = posterior.id.gather(-1, matches.slot.clamp(min=0))
    identity = torch.where((matches.slot >= 0) & (matches.iou > MATCH_IOU), identity, -1)
    batch, horizon, objects = identity.shape
    last = torch.full((batch, objects), -1)
    switches = torch.zeros(batch, objects)
    for t in range(horizon):
        now = identity[:, t]
        switches += (now >= 0) & (last >= 0) & (now != last)
        last = torch.where(now >= 0, now, last)
    ever = matches.present.any(1)
    return (switches[ever]).mean().item()


def rollouts(
    model: WorldModel,
    posterior: Posterior,
    truth: Truth,
    horizon: int,
    rng: torch.Generator,
    samples: int = 8,
) -> list[dict[str, float]]:
    """Predictions from the belief after `CONTEXT` frames, one row per step ahead.

    Objects that were matched in the last seen frame are followed; ``error`` is of the mean of
    ``samples`` stochastic rollouts (pixels), ``sample_error`` of single ones and ``spread`` their
    distance from each other: equal if the model knows what it does not know. Beside it: constant
    velocity with bounces from the same tracked boxes, the last box held, and the oracle's constant
    velocity with bounces from the true state.
    """
    now = CONTEXT - 1
    matches = match(posterior, truth)
    usable = (matches.iou[:, now] > MATCH_IOU) & (matches.slot[:, now] >= 0)
    slot = matches.slot[:, now].clamp(min=0)[..., None]
    steps = min(horizon, truth.box.shape[1] - CONTEXT)
    dream = torch.stack([_dream(model, posterior, now, slot, steps, rng) for _ in range(samples)])

    before, after = (_pick(posterior.box[:, t], slot) for t in (now - 3, now))
    true_motion = truth.box[:, now] - truth.box[:, now - 1]
    rivals = {
        "bounce": coast(after, (after - before)[..., :2] / 3, steps),
        "copy": after[:, None].expand(-1, steps, -1, -1),
        "oracle": coast(truth.box[:, now], true_motion[..., :2], steps),
    }
    height, width = model.frame_shape[1:]
    unit = torch.tensor([width, height])

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return ((a - b)[..., :2] * unit).norm(dim=-1)

    rows = []
    for h in range(steps):
        true = truth.box[:, now + 1 + h]
        keep = usable & (truth.id[:, now + 1 + h] >= 0)
        mean = dream[:, :, h].mean(0)
        row = {
            "step": float(h + 1),
            "error": distance(mean, true)[keep].mean().item(),
            "sample_error": distance(dream[0, :, h], true)[keep].mean().item(),
            "spread": distance(dream[0, :, h], dream[1, :, h])[keep].mean().item(),
            "iou": iou(mean, true)[keep].mean().item(),
        }
        for name, boxes in rivals.items():
            row[f"{name}_error"] = distance(boxes[:, h], true)[keep].mean().item()
            row[f"{name}_iou"] = iou(boxes[:, h], true)[keep].mean().item()
        rows.append(row)
    return rows


def _pick(box: Float[Tensor, "B K 4"], slot: Int[Tensor, "B O 1"]) -> Float[Tensor, "B O 4"]:
    """The boxes of the slots that objects are matched with."""
    return box.gather(1, slot.expand(-1, -1, 4))


def _dream(
    model: WorldModel,
    posterior: Posterior,
    now: int,
    slot: Int[Tensor, "B O 1"],
    steps: int,
    rng: torch.Generator,
) -> Float[Tensor, "B S O 4"]:
    """The boxes of matched objects in one stochastic rollout."""
    state, path = model.resume(posterior, now), []
    for _ in range(steps):
        state = model.prior(state, rng)
        path.append(_pick(model.decode(state).box, slot))
    return torch.stack(path, 1)


def coast(
    box: Float[Tensor, "B O 4"], velocity: Float[Tensor, "B O 2"], steps: int
) -> Float[Tensor, "B S O 4"]:
    """Constant velocity, bouncing where the box would leave the frame."""
    centre, size = box[..., :2], box[..., 2:]
    low, room = size / 2, (1 - size).clamp(min=1e-6)
    path = []
    for h in range(1, steps + 1):
        phase = (centre + h * velocity - low) % (2 * room)
        path.append(
            torch.cat([low + torch.where(phase > room, 2 * room - phase, phase), size], -1)
        )
    return torch.stack(path, 1)


def diagnose(model: WorldModel, episodes: Trajectory, seed: int = 0) -> dict[str, Any]:
    """All diagnostics of a model on held-out episodes that carry their truth."""
    truth = episodes.truth
    if truth is None:
        raise ValueError("diagnosing needs episodes with truth: take them from rollout()")
    began = time.process_time()
    posterior = model.posterior(episodes.without_truth())
    seconds = time.process_time() - began
    metrics = perception(posterior, truth)
    error = (posterior.reconstruction.float() - episodes.frame.float()) / 255
    metrics["reconstruction_mse"] = error.square().mean().item()
    metrics["elbo"] = posterior.elbo[:, 1:].mean().item()
    metrics["filtered_frames_per_cpu_second"] = episodes.num_frames / seconds
    rng = torch.Generator().manual_seed(seed)
    return {"perception": metrics, "rollout": rollouts(model, posterior, truth, 30, rng)}


def main() -> None:
    """Entry point of the command line."""
    from dyna import probe  # which builds on this module

    probe.main()


if __name__ == "__main__":
    main()
