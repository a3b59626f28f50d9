"""HART as a tracker beside OpenCV's, at 320 x 240; frames lie in memory, ready for each of them.

OpenCV's trackers are called as it offers them, without our agents around. The speed of HART does
not depend on what it has learned, so it is not trained; its box is put on the target after every
frame, lest it should be fast or slow because it is lost.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from benchmarks.peers.contest import Measure, Missing, contest, repeated
from benchmarks.tracking import HEIGHT, SIZE, WIDTH, corner, pictures
from benchmarks.training import build
from dyna.scores.results import Row
from envs.trajectory import Observation

FRAMES = 60
"""Of an episode, in which a tracker is started once."""
OURS = ("hart", "hart_full", "hart_ppo", "hart_template")
PEERS: dict[str, Callable[[Any], Any]] = {
    "KCF": lambda cv2: cv2.TrackerKCF_create(),
    "MIL": lambda cv2: cv2.TrackerMIL_create(),
    "CSRT": lambda cv2: cv2.TrackerCSRT_create(),
    "MedianFlow": lambda cv2: cv2.legacy.TrackerMedianFlow_create(),
}


def tracker(name: str, seconds: float) -> Measure:
    """Turns of one of our agents, alone with its video."""
    agent = build(name, (3, HEIGHT, WIDTH), "cpu")
    size = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    seen = []
    for t, picture in enumerate(pictures(FRAMES)):
        left, top = corner(t)
        box = torch.tensor([[left + SIZE / 2, top + SIZE / 2, SIZE, SIZE]]) / size
        seen.append(Observation(torch.from_numpy(picture).permute(2, 0, 1)[None], box))

    def stint() -> int:
        with torch.inference_mode():
            state = agent.initial(seen[0])
            for obs in seen:
                action, state, _ = agent.act(obs, state)
                agent.action_scale.move(obs.box, action)
        return FRAMES

    return repeated(stint, seconds)


def _video() -> list[UInt8[np.ndarray, "H W 3"]]:
    return [np.ascontiguousarray(picture[..., ::-1]) for picture in pictures(FRAMES)]


def opencv(make: Callable[[Any], Any], seconds: float) -> Measure:
    """Turns of one of OpenCV's trackers.

    Args:
        make: Makes it of the module ``cv2``; it may raise `Missing`.
        seconds: CPU seconds of a turn.
    """
    try:
        from agents.opencv.boxes import cv2  # with one thread
    except ImportError as error:
        return _missing(str(error))
    images, rect = _video(), (*corner(0), SIZE, SIZE)

    def stint() -> int:
        try:
            one = make(cv2)
        except AttributeError as error:
            raise Missing(f"this OpenCV lacks it ({error})") from None
        one.init(images[0], rect)
        for image in images:
            one.update(image)
        return FRAMES

    return repeated(stint, seconds)


def nano(folder: Path) -> Callable[[Any], Any]:
    """Makes NanoTrack V2, whose weights lie in a folder (`agents.nano.WEIGHTS`)."""

    def make(cv2: Any) -> Any:
        from agents.nano import starter  # needs OpenCV, which may be missing

        try:
            return starter(str(folder))()
        except (ValueError, ImportError) as error:
            raise Missing(str(error)) from None

    return make


def _missing(reason: str) -> Measure:
    def measure() -> float:
        raise Missing(reason)

    return measure


def rows(nanotrack: Path, seconds: float, repeats: int) -> list[Row]:
    """Ours beside OpenCV's.

    Args:
        nanotrack: Folder with the weights of NanoTrack V2, if there is one.
        seconds: CPU seconds of a turn.
        repeats: Turns of each.
    """
    makes = {**PEERS, "NanoTrack V2": nano(nanotrack)}
    peers = {name: opencv(make, seconds) for name, make in makes.items()}
    return contest("tracking", {name: tracker(name, seconds) for name in OURS}, peers, repeats)
