"""NanoTrack V2, a small Siamese tracker trained on large labelled video: OpenCV runs it."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agents.opencv.boxes import cv2
from agents.opencv.guarded import Guarded
from agents.opencv.per_episode import PerEpisode
from envs.settings import Settings, setting

WEIGHTS = ("nanotrackv2_backbone.onnx", "nanotrackv2_head.onnx")
SCALE = 4
"""How much larger it wants small frames."""


@dataclasses.dataclass(frozen=True)
class NanoSettings(Settings):
    """What can be set."""

    weights: str | None = setting(None, f"folder that holds {' and '.join(WEIGHTS)}")


class Nano(PerEpisode):
    """OpenCV's ``TrackerNano``, one per episode.

    Source:
        https://github.com/HonglinChu/SiamTrackers, NanoTrack/models/nanotrackv2 (Apache-2.0).

    Args:
        frame_shape: (C, H, W) of a frame; not used.
        seed: Not used; it draws nothing.
        device: Not used; OpenCV works on the CPU.
        settings: Keys of `NanoSettings`.

    Raises:
        ValueError: The folder of weights is not given, or does not hold them.
        ImportError: OpenCV is older than this tracker.
    """

    Settings = NanoSettings

    def __init__(
        self,
        frame_shape: Sequence[int] | None = None,
        seed: int = 0,
        device: str = "cpu",
        **settings: Any,
    ) -> None:
        start = starter(NanoSettings(**settings).weights)
        super().__init__(lambda: Guarded(start()), SCALE, seed)


def starter(weights: str | None) -> Callable[[], Any]:
    """What makes OpenCV's tracker of the weights in a folder.

    Raises:
        ValueError: The folder does not hold them, or none is given.
        ImportError: OpenCV is older than this tracker.
    """
    folder = Path(weights or "")
    absent = [name for name in WEIGHTS if weights is None or not (folder / name).is_file()]
    if absent:
        raise ValueError(
            f"weights={weights} holds no {' and no '.join(absent)}: give agent.weights=FOLDER "
            "with both, from NanoTrack/models/nanotrackv2 of HonglinChu/SiamTrackers"
        )
    if not hasattr(cv2, "TrackerNano_create"):
        raise ImportError(
            "this OpenCV has no TrackerNano: pip install -U opencv-contrib-python-headless"
        )
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # it warns at each start
    parameters = cv2.TrackerNano_Params()
    parameters.backbone, parameters.neckhead = (str(folder / name) for name in WEIGHTS)
    return lambda: cv2.TrackerNano_create(parameters)
