"""Do dreams do what actions ask, and at once?

Where the action moves the view, boxes and pictures must move against it: in dreams as far as in
the world, and in the same frame. The share of the asked move that is made is a regression over all
objects and frames; a second one asks for the move that was asked one frame before.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dyna.checking.finding import UNASKED, WRONG, Finding, graded, worst
from dyna.diagnosis.behaviour import Record

SHARE = (0.15, 0.4)
"""Differences of the share that is made up to here are good, and doubtful."""
LATE = 0.25
"""From here on a share that is made a frame late is told of, and wrong if it is the larger."""
REACH = 4
"""Pictures are compared at shifts of up to so many pixels."""


def judge(real: Record, dreamed: Record) -> Finding:
    """Compares what actions do to the view; `UNASKED` where they do nothing."""
    if not bool(real.camera.any()):
        return Finding("actions", UNASKED, "Actions move nothing but the agent's own box here.")
    figures: dict[str, float] = {}
    grades, parts = [], []
    for what, measure in (("boxes", _boxes), ("pictures", _pictures)):
        (ours, _), (theirs, late) = measure(real), measure(dreamed)
        figures |= {f"{what}_real": ours, f"{what}_dreamed": theirs, f"{what}_late": late}
        grades.append(graded(theirs - ours, *SHARE) if late < max(theirs, LATE) else WRONG)
        when = f", {late:.2f} of it a frame late" if late > LATE else ""
        parts.append(f"{what} make {theirs:.2f} of the move that is asked{when} ({ours:.2f})")
    said = f"In dreams (in the world) {parts[0]}, {parts[1]}."
    return Finding("actions", worst(*grades), said, figures)


def _boxes(record: Record) -> tuple[float, float]:
    """The share of the asked move that boxes make, at once and a frame late."""
    moved = record.box[:, 1:, :, :2] - record.box[:, :-1, :, :2]
    keep = record.same & (record.visible[:, 1:] > 0) & (record.visible[:, :-1] > 0)
    return _shares(record.camera[:, :-1, None].expand_as(moved), moved, keep)


def _pictures(record: Record) -> tuple[float, float]:
    """The same of whole pictures."""
    moved = torch.stack([_shift(episode) for episode in record.frame])[:, :, None]
    keep = torch.ones_like(moved[..., 0], dtype=torch.bool)
    return _shares(record.camera[:, :-1, None].expand_as(moved), moved, keep)


def _shares(
    asked: Float[Tensor, "B S K 2"], moved: Float[Tensor, "B S K 2"], keep: Tensor
) -> tuple[float, float]:
    """Regression of moves on what was asked for this frame and for the one before."""
    keep = keep[:, 1:]
    now, before = asked[:, 1:][keep].flatten(), asked[:, :-1][keep].flatten()
    design = torch.stack([-now, -before], 1).double()
    made = moved[:, 1:][keep].flatten().double()
    share = torch.linalg.lstsq(design, made[:, None]).solution[:, 0]
    return share[0].item(), share[1].item()


def _shift(frame: UInt8[Tensor, "T C H W"]) -> Float[Tensor, "S 2"]:
    """By how much each picture is moved against the one before, fractions of the frame."""
    video = frame.float()
    old, new = video[:-1], video[1:]
    inner = slice(REACH, -REACH)
    errors, shifts = [], []
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            moved = old.roll((dy, dx), (-2, -1))
            errors.append((new - moved)[..., inner, inner].square().mean((1, 2, 3)))
            shifts.append((dx, dy))
    best = torch.stack(errors).argmin(0)
    size = video.new_tensor([video.shape[-1], video.shape[-2]])
    return video.new_tensor(shifts)[best] / size
