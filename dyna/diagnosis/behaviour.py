"""How scenes behave, in numbers: how many objects there are, how they move, change, hide and look.

Real and dreamed episodes go through the same code (``beside`` puts the two together).
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from dyna.diagnosis.perception import OVERLAP
from envs.boxes import overlap
from envs.trajectory import Trajectory
from world_models.base import Posterior
from world_models.blocks.fixed_order import median

STEPS = (1, 5, 10, 15, 19, 30, 40, 50, 60)
"""Frames whose speed has a figure of its own: dreams may slow down or speed up on the way."""
INNER = (0.25, 0.75)
"""Accelerations are measured between these parts of the frame, where nothing meets a wall."""
LATER, PATCH, WELL_SEEN = 5, 8, 0.8
"""Looks are compared so many frames later, cut out at the boxes and drawn so many pixels large,
where more than this share of an object is seen in both frames."""
LEAST_SIDE = 0.5
"""Pixels; smaller sides count as this, so that they have a logarithm."""


@dataclasses.dataclass(frozen=True)
class Record:
    """What is compared of B episodes: their frames, and what is said to be in them.

    Attributes:
        frame: The pictures.
        box: Amodal boxes, fractions of the frame; anything in empty slots.
        visible: Share of each object that is said to be seen, 0 to 1.
        id: Identity through time; -1 marks an empty slot.
        camera: How far the view moved after each frame, fractions of the frame.
    """

    frame: UInt8[Tensor, "B T C H W"]
    box: Float[Tensor, "B T K 4"]
    visible: Float[Tensor, "B T K"]
    id: Int[Tensor, "B T K"]
    camera: Float[Tensor, "B T 2"]

    def __getitem__(self, episodes: slice) -> "Record":
        """Some of the episodes."""
        return Record(*(getattr(self, field.name)[episodes] for field in dataclasses.fields(self)))

    @property
    def there(self) -> Bool[Tensor, "B T K"]:
        """Whether a slot holds an object, be it hidden or not."""
        return self.id >= 0

    @property
    def same(self) -> Bool[Tensor, "B S K"]:
        """Whether a slot holds the same object as in the frame before; S is T - 1."""
        return self.there[:, 1:] & (self.id[:, 1:] == self.id[:, :-1])


def told(episodes: Trajectory) -> Record:
    """Episodes as their scene tells of them, be it a simulator or a dream.

    Raises:
        ValueError: They carry no truth.
    """
    truth = episodes.truth
    if truth is None:
        raise ValueError("nothing is told of episodes without truth: take them from rollout()")
    return Record(episodes.frame, truth.box, truth.visible, truth.id, episodes.camera)


def seen(episodes: Trajectory, posterior: Posterior) -> Record:
    """Episodes as a model sees them."""
    found = (posterior.box, posterior.visible, posterior.id)
    return Record(episodes.frame, *found, episodes.camera)


def statistics(record: Record) -> dict[str, float]:
    """How the scenes of a record behave. What has no case to be measured on is left out.

    Returns:
        * ``objects`` per frame, hidden ones too;
        * ``speed``: pixels per frame, in the world (the camera's moves are added back), and
          ``speed_1`` ...: into one frame (`STEPS`);
        * ``acceleration``: median change of the velocity, either axis, pixels per frame^2, away
          from the frame's edges (`INNER`), so that bounces do not count;
        * ``size``: geometric mean side, pixels; ``size_spread`` of its logarithm over objects and
          frames, ``size_change`` of that from frame to frame, ``size_drift`` over an episode
          (all three are standard deviations, .1 is roughly 10 %);
        * ``visible``: share of an object that is seen;
        * ``overlaps``: pairs whose boxes share more than `perception.OVERLAP` of the smaller one,
          per object;
        * ``restyling``: root mean square of the difference (of 255) between an object's looks and
          those `LATER` frames later, both cut out at its boxes;
        * ``brightness`` of the pixels of a frame, of 255, and their standard deviation,
          ``contrast``; ``flicker``: root mean
          square of the difference of successive frames; ``sharpness``: of the difference along
          both diagonals of neighbours.
    """
    found = {
        "objects": record.there.float().sum(-1).mean().item(),
        **_motion(record),
        **_sizes(record),
        "visible": record.visible[record.there].mean().item(),
        "overlaps": _overlaps(record),
        "restyling": _restyling(record),
        **_pictures(record.frame),
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _motion(record: Record) -> dict[str, float]:
    """Speed, by frame too, and acceleration of the centres."""
    size = record.box.new_tensor([record.frame.shape[-1], record.frame.shape[-2]])
    centre, same = record.box[..., :2], record.same
    moved = (centre[:, 1:] - centre[:, :-1] + record.camera[:, :-1, None]) * size
    speed = moved.norm(dim=-1)
    found = {"speed": speed[same].mean().item()}
    for step in (step for step in STEPS if step <= same.shape[1]):
        found[f"speed_{step}"] = speed[:, step - 1][same[:, step - 1]].mean().item()
    inner = ((centre > INNER[0]) & (centre < INNER[1])).all(-1)
    free = same[:, 1:] & same[:, :-1] & inner[:, 2:] & inner[:, 1:-1] & inner[:, :-2]
    change = (moved[:, 1:] - moved[:, :-1])[free].abs().flatten()
    return found | ({"acceleration": median(change, 0).item()} if len(change) else {})


def _sizes(record: Record) -> dict[str, float]:
    """Mean side, its spread over objects, and how it changes in time."""
    size = record.box.new_tensor([record.frame.shape[-1], record.frame.shape[-2]])
    sides = (record.box[..., 2:] * size).clamp(min=LEAST_SIDE)
    side, same = sides.log().mean(-1), record.same
    through = record.there[:, 0] & (record.id[:, 0] == record.id[:, -1])
    return {
        "size": side[record.there].mean().exp().item(),
        "size_spread": _spread(side[record.there]),
        "size_change": _spread((side[:, 1:] - side[:, :-1])[same]),
        "size_drift": _spread((side[:, -1] - side[:, 0])[through]) if same.numel() else math.nan,
    }


def _spread(values: Float[Tensor, " N"]) -> float:
    """Standard deviation; of fewer than two values there is none."""
    return values.std().item() if len(values) > 1 else math.nan


def _overlaps(record: Record) -> float:
    """Pairs of objects whose boxes overlap, per object."""
    shared = overlap(record.box[:, :, :, None], record.box[:, :, None])
    pairs = (record.there[..., None] & record.there[:, :, None]).triu(1)
    return (((shared > OVERLAP) & pairs).sum() / record.there.sum()).item()


def _restyling(record: Record) -> float:
    """How much the looks of objects change in some frames."""
    changes = []
    for b, frame in enumerate(record.frame):  # as floats, all episodes are too much at once
        visible, identity = record.visible[b], record.id[b]
        kept = (identity[LATER:] == identity[:-LATER]) & (identity[LATER:] >= 0)
        kept &= torch.minimum(visible[LATER:], visible[:-LATER]) > WELL_SEEN
        patch = _patches(frame.float(), record.box[b])
        changes.append((patch[LATER:] - patch[:-LATER])[kept].square().mean((1, 2, 3)).sqrt())
    return torch.cat(changes).mean().item()


def _patches(
    frame: Float[Tensor, "T C H W"], box: Float[Tensor, "T K 4"]
) -> Float[Tensor, "T K C g g"]:
    """What the boxes hold, each drawn `PATCH` pixels large."""
    place = (torch.arange(PATCH, device=frame.device) + 0.5) / PATCH - 0.5
    y, x = torch.meshgrid(place, place, indexing="ij")
    centre, size = box[:, :, None, None, :2], box[:, :, None, None, 2:]
    grid = 2 * (centre + size * torch.stack([x, y], -1)) - 1
    patch = F.grid_sample(frame, grid.flatten(1, 2), align_corners=False)
    return patch.unflatten(2, (-1, PATCH)).transpose(1, 2)


def _pictures(frame: UInt8[Tensor, "B T C H W"]) -> dict[str, float]:
    """Brightness, contrast, flicker and sharpness, of 255."""
    found = []
    for episode in frame:  # as above
        video = episode.float()
        later = video[1:] - video[:-1]
        across = video[..., 1:, 1:] + video[..., :-1, :-1]
        across = across - video[..., 1:, :-1] - video[..., :-1, 1:]
        pixels = video.flatten(1)
        figures = (pixels.mean(1), pixels.std(1, correction=0), later.square(), across.square())
        found.append(torch.stack([figure.mean() for figure in figures]))
    brightness, contrast, flicker, sharpness = torch.stack(found).mean(0).tolist()
    return {
        "brightness": brightness,
        "contrast": contrast,
        "flicker": math.sqrt(flicker),
        "sharpness": math.sqrt(sharpness),
    }
