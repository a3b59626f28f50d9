"""First frames, moved as a whole along a random path: a world model that learns nothing.

A free rival of every learned model: all that it needs from the real world is the first frame of
each episode and the target's box in it, which the agent is given anyway.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from envs.scene import View
from envs.trajectory import Trajectory
from world_models.base import WorldModel
from world_models.blocks import bouncing


class State(NamedTuple):
    """B dreams: which first frame, and where its target has come."""

    episode: Int[Tensor, " B"]
    box: Float[Tensor, "B 4"]
    velocity: Float[Tensor, "B 2"]


class Rigid(WorldModel[State]):
    """Translates first frames by whole pixels; the target bounces in the frame.

    What comes in from outside is the frame mirrored at its edge (reflection padding), and
    everything moves along with the target: background and distractors too. The camera is ignored.

    Args:
        frame_shape: (C, H, W) of a frame.
    """

    def __init__(self, frame_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.frame_shape = frame_shape
        self.num_slots = 1
        self._frame = torch.zeros(0, *frame_shape, dtype=torch.uint8)
        self._box = torch.zeros(0, 4)

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """Keeps first frames and first boxes, and looks at nothing else."""
        self._frame, self._box = real.frame[:, 0].clone(), real.box[:, 0].clone()
        return {"episodes": float(len(self._box))}

    def start(self, batch_size: int, rng: torch.Generator) -> State:
        """Episodes drawn evenly, each flying off in a direction of its own."""
        if not len(self._box):
            raise ValueError("the rigid world model has no first frames: call fit() before")
        episode = torch.randint(len(self._box), (batch_size,), generator=rng, device=rng.device)
        return State(episode, self._box[episode], bouncing.launch((batch_size,), rng))

    def prior(
        self, state: State, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None
    ) -> State:
        """One frame further along the path."""
        return State(state.episode, *bouncing.fly(state.box, state.velocity, rng))

    def decode(self, state: State) -> View:
        """The first frame, shifted by whole pixels, and the box shifted just as far."""
        _, height, width = self.frame_shape
        scale = torch.tensor([width, height], device=state.box.device)
        first = self._box[state.episode]
        shift = ((state.box[:, :2] - first[:, :2]) * scale).round().long()
        frame = translate(self._frame[state.episode], shift)
        box = torch.cat([first[:, :2] + shift / scale, first[:, 2:]], -1)[:, None]
        slots = torch.zeros_like(box[..., 0])
        return View(frame, box, visible=slots + 1, id=slots.long())

    def get_extra_state(self) -> dict[str, Any]:
        """The first frames and boxes."""
        return {"frame": self._frame, "box": self._box}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what ``get_extra_state`` gave."""
        self._frame, self._box = state["frame"], state["box"]


def translate(
    frame: UInt8[Tensor, "B C H W"], shift: Int[Tensor, "B 2"]
) -> UInt8[Tensor, "B C H W"]:
    """Moves each frame by (x, y) pixels; what comes in is the frame mirrored at its edge."""
    size, channels, height, width = frame.shape
    x = _mirror(torch.arange(width, device=shift.device) - shift[:, :1], width)
    y = _mirror(torch.arange(height, device=shift.device) - shift[:, 1:], height)
    pixel = (y[:, :, None] * width + x[:, None]).view(size, 1, -1)
    flat = frame.flatten(2).gather(2, pixel.expand(-1, channels, -1))
    return flat.view(frame.shape)


def _mirror(index: Int[Tensor, "B N"], size: int) -> Int[Tensor, "B N"]:
    """Indices beyond [0, size) come back as from a mirror in the edge pixel (…2 1 0 1 2…)."""
    if size == 1:
        return torch.zeros_like(index)
    period = 2 * (size - 1)
    index = index % period
    return torch.minimum(index, period - index)
