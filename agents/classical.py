"""The trackers of the time before deep learning, from OpenCV: what a learned one must beat."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from agents.opencv.boxes import cv2
from agents.opencv.guarded import Guarded
from agents.opencv.per_episode import PerEpisode
from agents.opencv.template import TemplateTracker
from envs.settings import Settings, setting

# What makes a tracker, and how much larger it wants small frames.
ALGORITHMS: dict[str, tuple[Callable[[], TemplateTracker | Guarded], int]] = {
    "ncc": (lambda: TemplateTracker(), 1),
    "ncc_updated": (lambda: TemplateTracker(update_rate=0.15), 1),
    "kcf": (lambda: Guarded(cv2.TrackerKCF_create()), 4),
    "csrt": (lambda: Guarded(cv2.TrackerCSRT_create()), 4),
    "mil": (lambda: Guarded(cv2.TrackerMIL_create()), 4),
    "medianflow": (lambda: Guarded(cv2.legacy.TrackerMedianFlow_create()), 4),
}


@dataclasses.dataclass(frozen=True)
class ClassicalSettings(Settings):
    """What can be set."""

    algorithm: str = setting("csrt", "which of them", choices=ALGORITHMS)


class Classical(PerEpisode):
    """One of OpenCV's trackers per episode, each with its own box in mind.

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
        super().__init__(*ALGORITHMS[algorithm], seed)
        try:
            self._start()
        except AttributeError as error:
            raise ImportError(
                f"this OpenCV has no {algorithm} tracker: pip uninstall opencv-python "
                "opencv-python-headless, then pip install opencv-contrib-python-headless"
            ) from error
