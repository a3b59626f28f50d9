"""One object through frames of any size: no task, no truth, as many frames as there are.

Frames stay as they are: a glimpse is cut out relative to the own box, so an agent that was
trained on small frames also works in large ones.
"""

import dataclasses
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from agents.base import Agent, BoxTracker
from dyna.evaluation import attention
from envs.footage.films import TooShort, VideoFile, promised
from envs.footage.folders import pictures_in
from envs.footage.frames import Frames
from envs.footage.image_files import Images
from envs.trajectory import Observation

SMALLEST = 2.0
"""Pixels that a box never falls below."""


class Moment(NamedTuple):
    """One frame of a tracked video.

    Attributes:
        picture: The frame.
        box: Where the target is taken to be in it.
        seen: What the agent attended to (``agents.hart.Inspection``), if it can and shall say.
    """

    picture: UInt8[np.ndarray, "H W 3"]
    box: Float[Tensor, "1 4"]
    seen: Any | None


def follow(
    agent: Agent,
    pictures: Iterable[Image.Image],
    box: Float[Tensor, "1 4"],
    channels: int = 3,
    glimpse: bool = False,
) -> Iterator[Moment]:
    """Tracks through pictures; the first frame's box is given and stays as it is.

    Args:
        agent: Who tracks. It learns nothing and does not explore.
        pictures: The frames, in colour.
        box: The target in the first frame, as a box; it says on which device to work.
        channels: 1 for an agent that knows grey frames, 3 for colours.
        glimpse: Whether to say what the agent attends to.
    """
    given: Tensor | None = box
    state = None
    for picture in pictures:
        obs = Observation(_tensor(picture, channels).to(box.device), box)
        with torch.inference_mode():
            if state is None:
                state = agent.initial(obs)
            seen = attention.inspect(agent, obs, state) if glimpse else None
            box, state = _step(agent, obs, state)
        yield Moment(np.array(picture), box if given is None else given, seen)
        given = None


def _step(agent: Agent, obs: Observation, state: Any) -> tuple[Tensor, Any]:
    """The box in the frame that is seen. A tracker that names boxes is not held to small steps."""
    if isinstance(agent, BoxTracker):
        return agent.locate(obs, state)
    action, state, _ = agent.act(obs, state)
    least = SMALLEST / max(obs.frame.shape[-2:])
    scale = dataclasses.replace(agent.action_scale, min_size=least, max_size=1.0)
    return scale.move(obs.box, action), state


def _tensor(picture: Image.Image, channels: int) -> UInt8[Tensor, "1 C H W"]:
    if channels == 1:
        return torch.from_numpy(np.array(picture.convert("L")))[None, None]
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]


def read(path: Path, start: int, rotate: bool = True) -> Frames:
    """The frames of a video file or a folder of pictures, from frame ``start`` on.

    Args:
        path: The file or folder.
        start: The first frame, counted from 0.
        rotate: Whether to turn frames as their files ask.

    Raises:
        FileNotFoundError: There is neither.
        ValueError: It holds no video, or one that is over before ``start``.
    """
    if path.is_dir():
        pictures = pictures_in(path)
        if not pictures:
            raise FileNotFoundError(f"{path}: no pictures in this folder; give one with frames")
        number = len(pictures)
        frames: Frames | None = Images(pictures[start:]) if start < number else None
    else:
        number = promised(path)
        if number == 0:
            raise ValueError(f"{path}: this is no video, or one without frames")
        frames = VideoFile(path, start, number - start) if start < number else None
    if frames is None:
        raise ValueError(f"start={start}, but {path} has {number} frames, counted from 0")
    frames.rotate = rotate
    return frames


def pictures_of(frames: Frames, number: int) -> Iterator[Image.Image]:
    """The first ``number`` frames, or as many as a video file has (which may promise more).

    Raises:
        FileNotFoundError: A picture is missing.
        Unreadable: A frame cannot be read, or there is not one.
        ValueError: They are not of one size.
    """
    size, done = None, 0
    try:
        for t, picture in frames.read(set(range(number))):
            if t >= number:  # files give more than one asks for
                return
            if picture.size != (size or picture.size):
                break
            size, done = picture.size, done + 1
            yield picture
        else:
            return
    except TooShort:
        if done == 0:
            raise
        print(f"{frames.path}: only {done} of {number} frames can be read", file=sys.stderr)
        return
    raise ValueError(
        f"{frames.path}: frame {done} (counted from the start) is not of the size of those before "
        "it: make all of one size"
    )


def to_box(given: Sequence[float], width: int, height: int) -> Float[Tensor, "1 4"]:
    """The box of (left, top, width, height) in pixels.

    Raises:
        ValueError: It is smaller than a pixel, larger than the frame, or has its centre outside.
    """
    left, top, wide, high = (float(value) for value in given)
    name = f"--box {','.join(f'{float(value):g}' for value in given)}"
    finite = all(map(math.isfinite, (left, top, wide, high)))
    if not (finite and 1 <= wide <= width and 1 <= high <= height):
        raise ValueError(
            f"{name} must have a width from 1 to {width} and a height from 1 to {height} pixels "
            "(the frame): give left,top,width,height of the object in the first frame"
        )
    x, y = left + wide / 2, top + high / 2
    if not (0 <= x <= width and 0 <= y <= height):
        raise ValueError(
            f"{name} has its centre at {x:g},{y:g}, outside of the frame of {width}x{height} "
            "pixels: give left,top,width,height of the object in the first frame"
        )
    size = torch.tensor([width, height, width, height])
    return (torch.tensor([x, y, wide, high]) / size)[None]


def to_pixels(box: Float[Tensor, "1 4"], width: int, height: int) -> list[float]:
    """Left, top, width and height in pixels."""
    x, y, w, h = (box[0].cpu() * torch.tensor([width, height, width, height])).tolist()
    return [x - w / 2, y - h / 2, w, h]
