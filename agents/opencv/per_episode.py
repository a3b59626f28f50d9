"""One of OpenCV's trackers per episode, each with its own box in mind."""

import dataclasses
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from agents.base import BoxTracker
from agents.opencv.boxes import reseed, to_box, to_images, to_rects
from agents.opencv.guarded import Guarded
from agents.opencv.template import TemplateTracker
from envs.boxes import clip_to_frame
from envs.trajectory import Observation

LARGE = 256
"""Frames are enlarged, if at all, to about so many pixels on their shorter side."""


@dataclasses.dataclass
class State:
    """One tracker per episode; it works in enlarged pixels."""

    trackers: list[TemplateTracker | Guarded]


class PerEpisode(BoxTracker):
    """Starts a tracker in every episode and asks it for a box in every frame.

    A tracker that gives up or fails holds its last box (``agents.opencv.guarded``). The task shows
    the first frame twice (to ``initial`` and to the first step), which mends KCF: OpenCV's
    ``init`` keeps the box only, and the first ``update`` learns the appearance from whatever frame
    it is given.

    Args:
        start: Makes a tracker.
        scale: How much larger it wants small frames: OpenCV's are made for videos and find too
            few features there.
        seed: Seed of the trackers that draw samples (MIL).
    """

    def __init__(
        self, start: Callable[[], TemplateTracker | Guarded], scale: int, seed: int = 0
    ) -> None:
        self._start, self._scale, self._seed = start, scale, seed

    def initial(self, obs: Observation) -> State:
        """Starts a tracker per episode on the visible part of its box."""
        reseed(self._seed)
        images = to_images(obs.frame, self._enlargement(obs))
        height, width = images[0].shape[:2]
        state = State([self._start() for _ in images])
        rects = to_rects(clip_to_frame(obs.box), width, height)
        for tracker, image, rect in zip(state.trackers, images, rects, strict=True):
            tracker.init(image, rect)
        return state

    def locate(self, obs: Observation, state: State) -> tuple[Float[Tensor, "B 4"], State]:
        """Asks every tracker for the next frame."""
        images = to_images(obs.frame, self._enlargement(obs))
        rects = [
            tracker.update(image) for tracker, image in zip(state.trackers, images, strict=True)
        ]
        height, width = images[0].shape[:2]
        return to_box(rects, width, height).to(obs.box.device), state

    def _enlargement(self, obs: Observation) -> int:
        return min(self._scale, max(1, LARGE // min(obs.frame.shape[-2:])))
