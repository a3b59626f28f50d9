"""Whole episodes as the filter saw them: beliefs after every frame, tracks of objects."""

import dataclasses
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from world_models.air.frame.scene_model import to_float
from world_models.air.motion.learning import Tracks
from world_models.air.objects.filtering import Filter
from world_models.air.objects.slots import Slots
from world_models.air.viewpoint import CameraFilter

BATCH = 64


@torch.no_grad()
def follow(
    tracker: Filter,
    frames: UInt8[Tensor, "B T C H W"],
    camera_px: Float[Tensor, "B T 2"],
    camera_filter: CameraFilter | None = None,
    canvas: bool = False,
) -> tuple[list[Slots], UInt8[Tensor, "B T C H W"], Float[Tensor, "B T"]]:
    """Filters episodes causally, with posterior means and hard presence.

    Args:
        tracker: What follows the objects.
        frames: The episodes.
        camera_px: What was asked of the camera before each frame; without ``camera_filter`` that
            is how far the view moved.
        camera_filter: Follows the camera and gathers the background.
        canvas: Use that background.

    Returns:
        Beliefs after every frame, reconstructions, and each frame's cost (nats; first: 0).
    """
    parts = [
        _follow_batch(
            tracker, frames[i : i + BATCH], camera_px[i : i + BATCH], camera_filter, canvas
        )
        for i in range(0, len(frames), BATCH)
    ]
    slots_by_time = [_join([p[0][t] for p in parts]) for t in range(frames.shape[1])]
    return slots_by_time, torch.cat([p[1] for p in parts]), torch.cat([p[2] for p in parts])


def _follow_batch(
    tracker: Filter,
    frames: UInt8[Tensor, "B T C H W"],
    camera_px: Float[Tensor, "B T 2"],
    camera_filter: CameraFilter | None,
    canvas: bool,
) -> tuple[list[Slots], UInt8[Tensor, "B T C H W"], Float[Tensor, "B T"]]:
    """See `follow`."""
    x = to_float(frames[:, 0])
    slots, found = tracker.begin(x)
    beliefs, pictures, surprises = [slots], [found.canvas], [x.new_zeros(len(x))]
    view = camera_filter.begin(slots, x) if camera_filter else None
    for t in range(1, frames.shape[1]):
        x, moved = to_float(frames[:, t]), camera_px[:, t]
        if camera_filter and view:
            beliefs[-1] = dataclasses.replace(slots, camera=view.snapshot())
            view = camera_filter.see(view, slots, x, moved)
            moved = view.moved.loc
        remembered = view.canvas if view and canvas else None
        slots, surprise, picture = tracker.step(slots, x, None, moved, remembered)
        if camera_filter and view:
            view = camera_filter.remember(view, slots, x)
        beliefs.append(slots)
        pictures.append(picture)
        surprises.append(surprise.reconstruction + surprise.objects)
    if view:
        beliefs[-1] = dataclasses.replace(slots, camera=view.snapshot())
    return beliefs, to_uint8(torch.stack(pictures, 1)), torch.stack(surprises, 1)


def tracks(
    slots: list[Slots],
    camera_px: Float[Tensor, "B T 2"],
    share: Float[Tensor, "B T K"],
    shortest: int = 8,
    max_jump: float = 7.0,
) -> Tracks:
    """What was seen of all objects; runs of less than ``shortest`` frames teach nothing.

    A run is one identity in one slot, seen in every frame, without a jump of ``max_jump`` pixels.
    ``share`` says how much of each object is seen (`Tracks`).
    """
    where = torch.stack([s.where.loc for s in slots], 1)
    present = torch.stack([s.alive for s in slots], 1) > 0
    seen = torch.stack([s.alive * (s.unseen == 0) for s in slots], 1) > 0
    identity = torch.stack([s.id for s in slots], 1)
    moved = where[:, 1:, :, :2] - where[:, :-1, :, :2] + camera_px[:, 1:, None]
    broken = ~seen
    broken[:, 1:] |= ~seen[:, :-1] | (identity[:, 1:] != identity[:, :-1])
    broken[:, 1:] |= moved.norm(dim=-1) > max_jump
    run = broken.cumsum(1)
    length = torch.zeros_like(run[:, :1].repeat(1, len(slots) + 1, 1))
    length.scatter_add_(1, run, seen.long())
    taught = seen & (length.gather(1, run) >= shortest)
    return Tracks(where, camera_px, present, torch.where(taught, run, -1), share)


def to_uint8(canvas: Float[Tensor, "*b C H W"]) -> UInt8[Tensor, "*b C H W"]:
    """Frames as they are stored, from pictures in about [0, 1]."""
    return (canvas * 255).round().clamp(0, 255).to(torch.uint8)


def _join(slots: list[Any]) -> Any:
    """Slots of consecutive batches of episodes as one batch."""

    def join(values: list[Any]) -> Any:
        if dataclasses.is_dataclass(values[0]):
            return _join(values)
        if isinstance(values[0], Tensor):
            return torch.cat(values)
        if isinstance(values[0], tuple):
            return type(values[0])(*(torch.cat(v) for v in zip(*values, strict=True)))
        return values[0]

    names = [f.name for f in dataclasses.fields(slots[0])]
    return type(slots[0])(**{n: join([getattr(s, n) for s in slots]) for n in names})
