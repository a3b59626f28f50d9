"""The trackers of the time before deep learning, from OpenCV: what a learned one must beat."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from agents.base import BoxTracker
from agents.opencv.boxes import cv2, reseed, to_box, to_images, to_rects
from agents.opencv.guarded import Guarded
from agents.opencv.template import TemplateTracker
from envs.boxes import clip_to_frame
from envs.settings import Settings, setting
from envs.trajectory import Observation

# What makes a tracker, and how much larger it wants small frames: OpenCV's are made for videos and
# find too few features there.
ALGORITHMS: dict[str, tuple[Callable[[], TemplateTracker | Guarded], int]] = {
    "ncc": (lambda: TemplateTracker(), 1),
    "ncc_updated": (lambda: TemplateTracker(update_rate=0.15), 1),
    "kcf": (lambda: Guarded(cv2.TrackerKCF_create()), 4),
    "csrt": (lambda: Guarded(cv2.TrackerCSRT_create()), 4),
    "mil": (lambda: Guarded(cv2.TrackerMIL_create()), 4),
    "medianflow": (lambda: Guarded(cv2.legacy.TrackerMedianFlow_create()), 4),
}

LARGE = 256
"""Frames are enlarged, if at all, to about so many pixels on their shorter side."""


@dataclasses.dataclass
class State:
    """One tracker per episode; it works in enlarged pixels."""

    trackers: list[TemplateTracker | Guarded]


@dataclasses.dataclass(frozen=True)
class ClassicalSettings(Settings):
    """What can be set."""

    algorithm: str = setting("csrt", "which of them", choices=ALGORITHMS)


class Classical(BoxTracker):
    """One of OpenCV's trackers per episode, each with its own box in mind.

    A tracker that gives up or fails holds its last box (``agents.opencv.guarded``). The task shows
    the first frame twice (to ``initial`` and to the first step), which mends KCF: OpenCV's
    ``init`` keeps the box only, and the first ``update`` learns the appearance from whatever frame
    it is given.

    * ``ncc``, ``ncc_updated``: ``agents.opencv.template``.
    * ``kcf``: Henriques et al., "High-Speed Tracking with Kernelized Correlation Filters", 2015.
    * ``csrt``: Lukezic et al., "Discriminative Correlation Filter with Channel and Spatial
      Reliability", 2017.
    * ``mil``: Babenko et al., "Visual Tracking with Online Multiple Instance Learning", 2009.
    * ``medianflow``: Kalal et al., "Forward-Backward Error", 2010.

    Args:
        frame_shape: (C, H, W) of a frame; not used.
        seed: Seed of the trackers that draw samples (MIL).
        device: Not used; OpenCV works on the CPU.
        settings: Keys of `ClassicalSettings`.

    Raises:
        ValueError: There is no such algorithm.
        ImportError: OpenCV is not the one with the contributed trackers.
    """

    Settings = ClassicalSettings

    def __init__(
        self,
        frame_shape: Sequence[int] | None = None,
        seed: int = 0,
        device: str = "cpu",
        **settings: Any,
    ) -> None:
        algorithm = ClassicalSettings(**settings).algorithm
        self._make, self._scale = ALGORITHMS[algorithm]
        self._seed = seed
        try:
            self._make()
        except AttributeError as error:
            raise ImportError(
                f"this OpenCV has no {algorithm} tracker: pip uninstall opencv-python "
                "opencv-python-headless, then pip install opencv-contrib-python-headless"
            ) from error

    def initial(self, obs: Observation) -> State:
        """Starts a tracker per episode on the visible part of its box."""
        reseed(self._seed)
        images = to_images(obs.frame, self._enlargement(obs))
        height, width = images[0].shape[:2]
        state = State([self._make() for _ in images])
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
