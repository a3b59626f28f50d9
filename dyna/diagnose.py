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
from world_models.air import AIR
from world_models.history import History

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


def match(history: History, truth: Truth) -> Matches:
    """Pairs true objects with slots frame by frame, best pairs first (greedily)."""
    overlap = iou(truth.box[:, :, :, None], history.box[:, :, None]) * history.alive[:, :, None]
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


def perception(history: History, truth: Truth) -> dict[str, float]:
    """Counting, boxes and identities on filtered episodes.

    Returns:
        ``count_accuracy`` over frames from `SETTLED` on (also by number of objects), ``box_iou``
        over all visible true objects (missed ones count 0), ``switches`` of identity per object,
        and ``false_objects`` per frame.
    """
    matches = match(history, truth)
    number = matches.present.sum(-1)
    found = history.alive.sum(-1).long()
    right = (number == found)[:, SETTLED:]
    metrics = {"count_accuracy": right.float().mean().item()}
    for n in number.unique().tolist():
        chosen = number[:, SETTLED:] == n
        metrics[f"count_accuracy_{n}"] = right[chosen].float().mean().item()
    metrics["box_iou"] = matches.iou[matches.present].mean().item()
    matched = (matches.iou > 0).sum(-1)
    metrics["false_objects"] = (found - matched).clamp(min=0).float().mean().item()
    metrics["switches"] = _switches(history, matches)
    return metrics


def _switches(history: History, matches: Matches) -> float:
    """How often the identity that follows an object changes, per object."""
    identity = history.id.gather(-1, matches.slot.clamp(min=0))
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
    model: AIR,
    history: History,
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
    matches = match(history, truth)
    height, width = model.frame_shape[1:]
    unit = torch.tensor([width, height])
    usable = (matches.iou[:, now] > MATCH_IOU) & (matches.slot[:, now] >= 0)
    slot = matches.slot[:, now].clamp(min=0)

    def of_objects(x: Tensor) -> Tensor:
        return x.gather(1, slot[..., None].expand(-1, -1, x.shape[-1]))

    steps = min(horizon, truth.box.shape[1] - CONTEXT)
    dreams: list[Tensor] = []
    for _ in range(samples):
        state = model.dream_from(history.slots[now])
        path = []
        for _ in range(steps):
            state = model.prior(state, rng)
            path.append(of_objects(model.decode(state).box))
        dreams.append(torch.stack(path, 1))
    dream = torch.stack(dreams)  # S B steps O 4

    seen = history.box[:, : now + 1]
    tracked = [of_objects(seen[:, t]) for t in (now - 3, now)]
    rivals = {
        "bounce": coast(tracked[1], (tracked[1] - tracked[0])[..., :2] / 3, steps),
        "copy": tracked[1][:, None].expand(-1, steps, -1, -1),
        "oracle": coast(
            truth.box[:, now], (truth.box[:, now] - truth.box[:, now - 1])[..., :2], steps
        ),
    }
    rows = []
    for h in range(steps):
        true = truth.box[:, now + 1 + h]
        keep = usable & (truth.id[:, now + 1 + h] >= 0)

        def error(box: Tensor, true: Tensor = true, keep: Tensor = keep) -> float:
            return ((box - true)[..., :2] * unit).norm(dim=-1)[keep].mean().item()

        mean = dream[:, :, h].mean(0)
        pair = ((dream[0, :, h] - dream[1, :, h])[..., :2] * unit).norm(dim=-1)
        row = {
            "step": float(h + 1),
            "error": error(mean),
            "sample_error": error(dream[0, :, h]),
            "spread": pair[keep].mean().item(),
            "iou": iou(mean, true)[keep].mean().item(),
        }
        for name, boxes in rivals.items():
            row[f"{name}_error"] = error(boxes[:, h])
            row[f"{name}_iou"] = iou(boxes[:, h], true)[keep].mean().item()
        rows.append(row)
    return rows


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


def diagnose(model: AIR, episodes: Trajectory, seed: int = 0) -> dict[str, Any]:
    """All diagnostics of a model on held-out episodes that carry their truth."""
    truth = episodes.truth
    if truth is None:
        raise ValueError("diagnosing needs episodes with truth: take them from rollout()")
    began = time.process_time()
    history = model.posterior(episodes.without_truth())
    seconds = time.process_time() - began
    metrics = perception(history, truth)
    error = (history.reconstruction.float() - episodes.frame.float()) / 255
    metrics["reconstruction_mse"] = error.square().mean().item()
    metrics["nats_per_frame"] = history.surprise[:, 1:].mean().item()
    metrics["filtered_frames_per_cpu_second"] = episodes.num_frames / seconds
    rng = torch.Generator().manual_seed(seed)
    return {"perception": metrics, "rollout": rollouts(model, history, truth, 30, rng)}


def main() -> None:
    """Entry point of the command line."""
    from dyna import probe  # which builds on this module

    probe.main()


if __name__ == "__main__":
    main()
