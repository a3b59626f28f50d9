"""The reference that looks once: what extrapolation alone is worth."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from agents.base import BoxTracker
from agents.opencv.boxes import to_box, to_images, to_rects
from agents.opencv.template import TemplateTracker
from envs.settings import Settings, setting
from envs.trajectory import Observation


@dataclasses.dataclass(frozen=True)
class State:
    """Where the target was at first, and how fast it goes once two frames were seen."""

    trackers: list[TemplateTracker]
    steps: int = 0
    velocity: Tensor | None = None


@dataclasses.dataclass(frozen=True)
class ConstantVelocitySettings(Settings):
    """What can be set."""

    search: int = setting(
        6, "how far the target may move between two frames, pixels per axis", least=1
    )


class ConstantVelocity(BoxTracker):
    """Measures the target's velocity between the first two frames, then coasts with closed eyes.

    Nothing but the second frame can tell a velocity, so it is measured there: the first patch is
    looked for around the first box (``agents.opencv.template``). From then on the box goes on by
    as much in every frame, of constant size, and stops at the frame's border.

    Args:
        frame_shape: (C, H, W) of a frame; not used.
        seed: Not used.
        device: Not used; the actions live where the boxes do.
        settings: Keys of `ConstantVelocitySettings`.
    """

    Settings = ConstantVelocitySettings

    def __init__(
        self,
        frame_shape: Sequence[int] | None = None,
        seed: int = 0,
        device: str = "cpu",
        **settings: Any,
    ) -> None:
        self._search = ConstantVelocitySettings(**settings).search

    def initial(self, obs: Observation) -> State:
        """Remembers what the target looks like."""
        height, width = obs.frame.shape[-2:]
        state = State([TemplateTracker(self._search) for _ in obs.box])
        rects = to_rects(obs.box, width, height)
        for tracker, image, rect in zip(state.trackers, to_images(obs.frame), rects, strict=True):
            tracker.init(image, rect)
        return state

    def locate(self, obs: Observation, state: State) -> tuple[Float[Tensor, "B 4"], State]:
        """The own box, one velocity on; at first, where it is."""
        if state.steps == 0:
            return obs.box, dataclasses.replace(state, steps=1)
        velocity = state.velocity
        if velocity is None:
            height, width = obs.frame.shape[-2:]
            images = to_images(obs.frame)
            pairs = zip(state.trackers, images, strict=True)
            rects = [tracker.update(image) for tracker, image in pairs]
            # The own box stands still in the world, so this is right under a moving camera too.
            velocity = to_box(rects, width, height).to(obs.box)[:, :2] - obs.box[:, :2]
        goal = torch.cat([obs.box[:, :2] + velocity, obs.box[:, 2:]], dim=-1)
        return goal, State(state.trackers, state.steps + 1, velocity)
