"""How boxes sit on what is drawn, by nothing but the picture.

Of every object that is well seen and alone the pixels around its box are looked at, twice as wide
and high, and how far each differs from the rim of that window. Where these differences lie tells
whether boxes are beside the object, too large, or left behind. Real scenes with their true boxes
have figures of their own (objects do not fill their boxes evenly): only differences count.
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from dyna.diagnosis.behaviour import Record

WINDOW, SIDE = 2.0, 24
"""The window is so many boxes wide, and drawn so many pixels wide."""
WELL_SEEN, MOVES = 0.9, 0.5
"""Objects count of which more is seen; where they go is known from so many pixels a frame on."""
STRONG = 0.95
"""What differs half as much as this quantile of the window belongs to the object."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """How boxes sit on what is drawn, each by episode.

    Attributes:
        x: How far to the right of the box's centre the object's is, in boxes.
        y: How far below it, in boxes.
        ahead: How far it is ahead of it on its way, in boxes.
        scatter: How far it is from where it is on average, in boxes.
        size: How large the object is, in boxes.
        filled: How much more the middle of the window differs from its rim than the rim itself.
    """

    x: Float[Tensor, " B"]
    y: Float[Tensor, " B"]
    ahead: Float[Tensor, " B"]
    scatter: Float[Tensor, " B"]
    size: Float[Tensor, " B"]
    filled: Float[Tensor, " B"]


def fit(record: Record) -> Fit:
    """Measures how the boxes of a record sit on its frames."""
    size = record.box.new_tensor([record.frame.shape[-1], record.frame.shape[-2]])
    moved = torch.zeros_like(record.box[..., :2])
    moved[:, 1:] = (record.box[:, 1:] - record.box[:, :-1])[..., :2] * size
    same = F.pad(record.same, (0, 0, 1, 0))
    parts = [_one(*one) for one in zip(record.frame, record.box, strict=True)]
    x, y, spread, filled = (torch.stack(values) for values in zip(*parts, strict=True))
    usable = _usable(record) & x.isfinite()
    pace = moved.norm(dim=-1)
    ahead = (torch.stack([x, y], -1) * moved).sum(-1) / pace.clamp(min=1e-6)
    off = (torch.stack([x, y], -1) - torch.stack([x[usable].mean(), y[usable].mean()])).square()
    columns = {"x": x, "y": y, "scatter": off.sum(-1), "size": spread, "filled": filled}
    means = {name: by_episode(value, usable) for name, value in columns.items()}
    means["scatter"] = means["scatter"].sqrt()
    return Fit(ahead=by_episode(ahead, usable & same & (pace > MOVES)), **means)


def _usable(record: Record) -> Bool[Tensor, "B T K"]:
    """Objects that are well seen, wholly in the frame, and alone."""
    low = record.box[..., :2] - record.box[..., 2:] / 2
    high = record.box[..., :2] + record.box[..., 2:] / 2
    inside = (low >= 0).all(-1) & (high <= 1).all(-1)
    return record.there & (record.visible > WELL_SEEN) & inside & _alone(record)


def _alone(record: Record) -> Bool[Tensor, "B T K"]:
    """Objects whose windows no other box reaches into."""
    centre, size = record.box[..., :2], record.box[..., 2:]
    apart = (centre[:, :, :, None] - centre[:, :, None]).abs()
    reach = (WINDOW * size[:, :, :, None] + size[:, :, None]) / 2
    meets = (apart < reach).all(-1) & record.there[:, :, None]
    others = ~torch.eye(meets.shape[-1], dtype=torch.bool, device=meets.device)
    return ~(meets & others).any(-1)


def _one(
    frame: UInt8[Tensor, "T C H W"], box: Float[Tensor, "T K 4"]
) -> tuple[Float[Tensor, "T K"], ...]:
    """Centre, spread and contrast of what the windows of one episode hold."""
    place = WINDOW * ((torch.arange(SIDE, device=box.device) + 0.5) / SIDE - 0.5)
    y, x = torch.meshgrid(place, place, indexing="ij")
    centre, size = box[..., None, None, :2], box[..., None, None, 2:]
    grid = 2 * (centre + size * torch.stack([x, y], -1)) - 1
    patch = F.grid_sample(
        frame.float(), grid.flatten(1, 2), padding_mode="border", align_corners=False
    ).unflatten(2, (-1, SIDE))  # T C K g g
    rim = torch.ones(SIDE, SIDE, dtype=torch.bool, device=box.device)
    rim[1:-1, 1:-1] = False
    level = patch[..., rim].median(-1).values[..., None, None]
    differs = (patch - level).abs().mean(1)  # T K g g
    usual = differs[..., rim].mean(-1)
    strong = differs.flatten(-2).quantile(STRONG, -1)
    weight = (differs - torch.maximum(strong / 2, 2 * usual)[..., None, None]).clamp(min=0)
    total = weight.sum((-2, -1))
    at_x, at_y = ((weight * axis).sum((-2, -1)) / total for axis in (x, y))
    away = (x - at_x[..., None, None]).square() + (y - at_y[..., None, None]).square()
    spread = ((weight * away).sum((-2, -1)) / total).sqrt()
    middle = (x.abs() < 0.25) & (y.abs() < 0.25)
    return at_x, at_y, spread, differs[..., middle].mean(-1) / (usual + 1)


def figures(record: Record) -> dict[str, float]:
    """What `fit` finds of all episodes together.

    Returns:
        * ``offset``: how far what is drawn lies from the centres of boxes, all alike;
        * ``scatter``: how far it is scattered around that;
        * ``fill``: its size; all three in sides of boxes.

        Nothing if no object is well seen and alone.
    """
    found = fit(record)
    values = {
        "offset": math.hypot(_mean(found.x), _mean(found.y)),
        "scatter": _mean(found.scatter),
        "fill": _mean(found.size),
    }
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _mean(values: Float[Tensor, " B"]) -> float:
    """Over episodes that have a value."""
    return values[values.isfinite()].mean().item()


def by_episode(value: Float[Tensor, "B ..."], keep: Tensor) -> Float[Tensor, " B"]:
    """Means of what is kept in each episode; not a number where nothing is."""
    kept = torch.where(keep, value, 0.0).flatten(1).sum(1)
    return kept / keep.flatten(1).sum(1)
