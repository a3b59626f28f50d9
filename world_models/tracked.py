"""Real frames with the boxes of a tracker that was started on their first boxes.

The strongest rival that learns no model of scenes: a tracker of the time before deep learning
labels real episodes, and the agent learns from it. As with every other world model truth is the
first box alone.
"""

import dataclasses
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from envs.boxes import inside_share
from envs.settings import Settings
from envs.trajectory import Observation, Trajectory
from world_models.replayed import Replayed


@runtime_checkable
class Tracker(Protocol):
    """Says where the target is; `agents.base.BoxTracker` does."""

    def initial(self, obs: Observation) -> Any:
        """Its state, from first frames and first boxes."""

    def locate(self, obs: Observation, state: Any) -> tuple[Float[Tensor, "B 4"], Any]:
        """Boxes in these frames, and its state."""


@dataclasses.dataclass(frozen=True)
class TrackedSettings(Settings):
    """What can be set.

    Raises:
        ValueError: ``tracker`` is none.
    """

    tracker: Any = dataclasses.field(
        kw_only=True, metadata={"help": "what follows targets, learning nothing"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.tracker, Tracker):
            raise ValueError(f"tracker={self.tracker} is none: set tracker.algorithm=ncc")


class Tracked(Replayed):
    """Shows real episodes, and the target where the tracker has it.

    Args:
        frame_shape: (C, H, W) of a frame.
        settings: Keys of `TrackedSettings`.
    """

    Settings = TrackedSettings

    def __init__(self, frame_shape: tuple[int, int, int], **settings: Any) -> None:
        super().__init__()
        self.frame_shape, self.num_slots = frame_shape, 1
        self.tracker: Tracker = TrackedSettings(**settings).tracker

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """Tracks the targets of all real episodes, from their first frames and boxes.

        Raises:
            ValueError: No box lies in the frame.
        """
        box = real.box[:, 0]
        state, found = self.tracker.initial(Observation(real.frame[:, 0], box)), [box]
        for t in range(1, real.horizon):
            box, state = self.tracker.locate(Observation(real.frame[:, t], box), state)
            found.append(box)
        boxes = torch.stack(found, 1)[:, :, None]
        self.label(real, boxes, inside_share(boxes), boxes.new_zeros(boxes.shape[:3]).long())
        return {"episodes": float(real.num_episodes)}
