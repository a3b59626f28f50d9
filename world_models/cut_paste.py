"""First boxes, pasted on first frames of other episodes, moved by hand: it learns nothing.

The sharper free rival of every learned model. From the real world it takes first frames and first
boxes; by hand it is told the law of motion (`world_models.blocks.bouncing`) and how many objects
there are (1, 2 or 3, evenly). Both are the same on every tier.
"""

import dataclasses
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from envs import boxes
from envs.scene import View
from envs.settings import Settings, setting
from envs.trajectory import Trajectory
from world_models.base import WorldModel
from world_models.blocks import bouncing

MARGIN = 2
"""Pixels around a first box that are filled with it: strokes have soft edges."""


class State(NamedTuple):
    """B dreams of K slots; slot K-1 is in front."""

    background: Int[Tensor, " B"]
    episode: Int[Tensor, "B K"]
    present: Bool[Tensor, "B K"]
    box: Float[Tensor, "B K 4"]
    velocity: Float[Tensor, "B K 2"]


@dataclasses.dataclass(frozen=True)
class CutPasteSettings(Settings):
    """What can be set."""

    max_objects: int = setting(3, "K; the number of objects is drawn evenly from 1 to K", least=1)


class CutPaste(WorldModel[State]):
    """Rectangles cut at the first boxes fly over the first frames of other episodes.

    The one known object of a background is removed: its box is filled from the pixels around it,
    since a ghost that stands still beside every target would be an unfair handicap. Objects that
    no first box names stay in the background and stand still. The camera is ignored.

    Args:
        frame_shape: (C, H, W) of a frame.
        settings: Keys of `CutPasteSettings`.
    """

    Settings = CutPasteSettings

    def __init__(self, frame_shape: tuple[int, int, int], **settings: Any) -> None:
        super().__init__()
        self.frame_shape = frame_shape
        self.num_slots = CutPasteSettings(**settings).max_objects
        self._frame = torch.zeros(0, *frame_shape, dtype=torch.uint8)
        self._box = torch.zeros(0, 4)
        self._prepare()

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """Keeps first frames and first boxes, and looks at nothing else."""
        self._frame = real.frame[:, 0].clone()
        self._box = boxes.clip_to_frame(real.box[:, 0])
        self._prepare()
        return {"episodes": float(len(self._box))}

    def _prepare(self) -> None:
        """Backgrounds and rectangles, cut once."""
        _, height, width = self.frame_shape
        scale = torch.tensor([width, height], device=self._box.device)
        xyxy = boxes.to_xyxy(self._box)
        low = (xyxy[:, :2] * scale).floor().long()
        high = (xyxy[:, 2:] * scale).ceil().long()
        low = torch.minimum(low.clamp(min=0), scale - 1)
        self._corner = low
        self._size = torch.maximum(torch.minimum(high, scale) - low, torch.ones_like(low))
        rectangles = zip(low.tolist(), self._size.tolist(), strict=True)
        filled = [
            fill(f, *at, *size) for f, (at, size) in zip(self._frame, rectangles, strict=True)
        ]
        self._background = torch.stack(filled) if filled else self._frame
        # Every rectangle in the corner of a window that holds the largest.
        self._window = self._size.amax(0).tolist() if len(self._size) else [1, 1]
        y, x = self._grid()
        index = (low[:, 1, None, None] + y).clamp(max=height - 1) * width
        index = index + (low[:, 0, None, None] + x).clamp(max=width - 1)
        index = index.flatten(1)[:, None].expand(-1, self.frame_shape[0], -1)
        self._patch = self._frame.flatten(2).gather(2, index)

    def _grid(self) -> tuple[Int[Tensor, "h 1"], Int[Tensor, " w"]]:
        width, height = self._window
        device = self._box.device
        return (
            torch.arange(height, device=device)[:, None],
            torch.arange(width, device=device),
        )

    def start(self, batch_size: int, rng: torch.Generator) -> State:
        """Background, objects and their number are drawn independently; places are even."""
        if not len(self._box):
            raise ValueError("the cut_paste world model has no first frames: call fit() before")

        def draw(low: int, high: int, *shape: int) -> Tensor:
            return torch.randint(low, high, shape, generator=rng, device=rng.device)

        slots = (batch_size, self.num_slots)
        background = draw(0, len(self._box), batch_size)
        episode = draw(0, len(self._box), *slots)
        empty = self.num_slots - draw(1, self.num_slots + 1, batch_size, 1)
        present = torch.arange(self.num_slots, device=rng.device) >= empty
        size = self._box[episode][..., 2:]
        low = (size / 2).clamp(max=0.5)
        place = torch.rand(*slots, 2, generator=rng, device=rng.device)
        box = torch.cat([low + (1 - 2 * low) * place, size], -1)
        return State(background, episode, present, box, bouncing.launch(slots, rng))

    def prior(
        self, state: State, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None
    ) -> State:
        """One frame further; objects pass over one another."""
        box, velocity = bouncing.fly(state.box, state.velocity, rng)
        return state._replace(box=box, velocity=velocity)

    def decode(self, state: State) -> View:
        """Pastes the rectangles at whole pixels, back to front; boxes move just as far."""
        channels, height, width = self.frame_shape
        scale = torch.tensor([width, height], device=state.box.device)
        first = self._box[state.episode]
        shift = ((state.box[..., :2] - first[..., :2]) * scale).round().long()
        corner, size = self._corner[state.episode] + shift, self._size[state.episode]
        y, x = self._grid()
        inside = (y < size[..., 1, None, None]) & (x < size[..., 0, None, None])
        row, column = corner[..., 1, None, None] + y, corner[..., 0, None, None] + x
        inside &= (row >= 0) & (row < height) & (column >= 0) & (column < width)
        inside &= state.present[..., None, None]
        # Pixels that are not pasted go to a spare one behind the frame.
        pixel = torch.where(inside, row * width + column, height * width).flatten(2)
        canvas = torch.nn.functional.pad(self._background[state.background].flatten(2), (0, 1))
        for k in range(self.num_slots):
            index = pixel[:, k, None].expand(-1, channels, -1)
            canvas.scatter_(2, index, self._patch[state.episode[:, k]])
        frame = canvas[..., :-1].reshape(-1, channels, height, width)
        box = torch.cat([first[..., :2] + shift / scale, first[..., 2:]], -1)
        slots = torch.arange(self.num_slots, device=box.device).expand(len(box), -1)
        return View(
            frame, box, _visible(box, state.present), torch.where(state.present, slots, -1)
        )

    def get_extra_state(self) -> dict[str, Any]:
        """The first frames and boxes."""
        return {"frame": self._frame, "box": self._box}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what ``get_extra_state`` gave."""
        self._frame, self._box = state["frame"], state["box"]
        self._prepare()


def fill(
    frame: UInt8[Tensor, "C H W"], left: int, top: int, width: int, height: int
) -> UInt8[Tensor, "C H W"]:
    """The frame with a rectangle replaced by what its rim suggests.

    Each pixel is the mean of the four rim pixels in its row and column, weighted by the inverse of
    their distance. A side that lies outside the frame counts nothing.
    """
    picture, device = frame.float(), frame.device
    right, bottom = left + width, top + height
    rows, columns = slice(top, bottom), slice(left, right)
    x = torch.arange(left, right, device=device)[None, :]
    y = torch.arange(top, bottom, device=device)[:, None]
    total = torch.zeros_like(picture[:, rows, columns])
    weights = torch.zeros_like(total[0])
    rims = []
    if left > 0:
        rims.append((picture[:, rows, left - 1 : left], x - left + 1))
    if right < frame.shape[2]:
        rims.append((picture[:, rows, right : right + 1], right - x))
    if top > 0:
        rims.append((picture[:, top - 1 : top, columns], y - top + 1))
    if bottom < frame.shape[1]:
        rims.append((picture[:, bottom : bottom + 1, columns], bottom - y))
    for rim, distance in rims:
        total = total + rim / distance
        weights = weights + 1 / distance
    filled = frame.clone()
    if rims:
        filled[:, rows, columns] = (total / weights).round().to(torch.uint8)
    return filled


def _visible(box: Float[Tensor, "B K 4"], present: Bool[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """Share of each rectangle that no rectangle in front of it hides, from below."""
    xyxy = boxes.to_xyxy(box)
    low = torch.maximum(xyxy[:, :, None, :2], xyxy[:, None, :, :2])
    high = torch.minimum(xyxy[:, :, None, 2:], xyxy[:, None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    k = box.shape[1]
    in_front = torch.ones(k, k, dtype=torch.bool, device=box.device).triu(1) & present[:, None]
    hidden = (overlap * in_front).sum(-1) / box[..., 2:].prod(-1).clamp(min=1e-9)
    return (1 - hidden).clamp(min=0) * present
