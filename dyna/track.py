"""Follows one object through a video: ``python -m dyna.track video.mp4 --box x,y,w,h ...``.

Frames stay as they are: a glimpse is cut out relative to the own box, so an agent that was
trained on small frames also works in large ones.
"""

import csv
import itertools
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import hydra
import numpy as np
import torch
from jaxtyping import Float, UInt8
from omegaconf import DictConfig, ListConfig
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from agents.base import Agent, BoxTracker
from dyna import film, gaze, render
from dyna.build import make
from dyna.cli import check_device, clear_errors
from dyna.subject import restore
from envs import boxes
from envs.frames import Film, Frames, Images, pictures_in
from envs.trajectory import Observation

SMALLEST = 2.0
"""Pixels that a box never falls below."""
TAKES_A_VALUE = {"--cfg", "-c", "--info", "-i", "--package", "-p"}
"""Options of Hydra that are followed by a word."""
HOW = "give checkpoint=PATH of a run (python -m dyna trains one), or a tracker such as agent=csrt"


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
            seen = gaze.inspect(agent, obs, state) if glimpse else None
            box, state = _step(agent, obs, state)
        yield Moment(np.array(picture), box if given is None else given, seen)
        given = None


def _step(agent: Agent, obs: Observation, state: Any) -> tuple[Tensor, Any]:
    """The box in the frame that is seen. A tracker that names boxes is not held to small steps."""
    if isinstance(agent, BoxTracker):
        return agent.locate(obs, state)
    action, state, _ = agent.act(obs, state)
    least = SMALLEST / max(obs.frame.shape[-2:])
    gains = (agent.centre_gain, agent.size_gain)
    return boxes.move(obs.box, action, *gains, min_size=least, max_size=1.0), state


def _tensor(picture: Image.Image, channels: int) -> UInt8[Tensor, "1 C H W"]:
    if channels == 1:
        return torch.from_numpy(np.array(picture.convert("L")))[None, None]
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]


def read(path: Path, start: int) -> Frames:
    """The frames of a video file or a folder of pictures, from frame ``start`` on.

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
        whole = Film(path)
        number = len(whole)
        if number == 0:
            raise ValueError(f"{path}: this is no video, or one without frames")
        frames = Film(path, start, number - start) if start < number else None
    if frames is None:
        raise ValueError(f"start={start}, but {path} has {number} frames, counted from 0")
    return frames


def _pictures(frames: Frames, number: int) -> Iterator[Image.Image]:
    """The first ``number`` frames, or as many as can be read.

    Raises:
        FileNotFoundError: A picture is missing.
        ValueError: Not one frame can be read, or they are not of one size.
    """
    size, done = None, 0
    try:
        for _, picture in frames.read(set(range(number))):
            if picture.size != (size or picture.size):
                break
            size, done = picture.size, done + 1
            yield picture
        else:
            return
    except ValueError:
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
        ValueError: It has no area, or its centre lies outside of the frame.
    """
    left, top, wide, high = (float(value) for value in given)
    name = f"--box {','.join(f'{float(value):g}' for value in given)}"
    if not all(map(math.isfinite, (left, top, wide, high))) or wide <= 0 or high <= 0:
        raise ValueError(f"{name} has no area: give left,top,width,height in pixels")
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


def choose(cfg: DictConfig, width: int, height: int) -> tuple[Agent, int]:
    """Who tracks, and the number of channels that it knows.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: Nobody was named, both were, or one who cannot track a file.
    """
    named = cfg.get("agent")
    if (named is None) == (cfg.checkpoint is None):
        what = "nobody to track" if named is None else "both an agent and a checkpoint"
        raise ValueError(f"{what}: {HOW}")
    if named is None:
        subject = restore(cfg.checkpoint, cfg.device)
        return subject.agent, subject.frame_shape[0]
    agent = make(named, frame_shape=(3, height, width), seed=cfg.seed, device=cfg.device)
    if agent.privileged:
        raise ValueError(f"{type(agent).__name__} reads the truth, which files do not hold: {HOW}")
    if type(agent).update is not Agent.update:
        raise ValueError(f"{type(agent).__name__} has learned nothing yet: {HOW}")
    return agent, 3


def validate(cfg: DictConfig) -> None:
    """Checks what can be checked before any work.

    Raises:
        ValueError: A value is bad; the message names it and the mend.
    """
    if cfg.video is None:
        raise ValueError("no video: python -m dyna.track VIDEO --box x,y,w,h checkpoint=PATH")
    if cfg.box is None:
        raise ValueError(
            "no box: give --box x,y,w,h (left, top, width, height in pixels of the object in the "
            "first frame)"
        )
    numbers = isinstance(cfg.box, ListConfig) and all(isinstance(v, int | float) for v in cfg.box)
    if not numbers or len(cfg.box) != 4:
        raise ValueError(
            f"box={cfg.box} is not left,top,width,height in pixels: give --box x,y,w,h"
        )
    for key, least in {"start": 0, "frames": 1, "seed": 0, "threads": 1}.items():
        value = cfg[key]
        if value is None and key == "frames":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{key}={value} must be a whole number from {least} up")
    check_device(str(cfg.device))


def run(cfg: DictConfig) -> Path:
    """Tracks what a config asks for, and returns the folder with ``tracked.mp4``, ``boxes.csv``.

    Args:
        cfg: A composed ``conf/track.yaml``.

    Raises:
        FileNotFoundError: The video or the checkpoint is missing.
        ValueError: Something else is wrong; the message says what and the mend.
    """
    validate(cfg)
    torch.set_num_threads(cfg.threads)
    source = Path(cfg.video)
    frames = read(source, cfg.start)
    number = min(len(frames), cfg.frames or len(frames))
    pictures = _pictures(frames, number)
    first = next(pictures)
    width, height = first.size
    box = to_box(cfg.box, width, height).to(cfg.device)
    agent, channels = choose(cfg, width, height)
    folder = Path(cfg.output or Path("outputs/track", source.stem or source.name))
    folder.mkdir(parents=True, exist_ok=True)
    moments = follow(
        agent, itertools.chain([first], pictures), box, channels, glimpse=bool(cfg.glimpse)
    )
    bar = tqdm(
        moments,
        desc=source.name,
        total=number,
        unit="frame",
        disable=not cfg.progress,
        mininterval=0.1 if sys.stderr.isatty() else 30.0,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    table, movie = folder / "boxes.csv", folder / "tracked.mp4"
    with (
        table.open("w", newline="") as sink,
        film.recorder(movie, film.rate_of(source), threads=cfg.threads) as write,
    ):
        lines = csv.writer(sink, lineterminator="\n")
        lines.writerow(["frame", "x", "y", "w", "h", "visible"])
        for t, moment in enumerate(bar, cfg.start):
            found = to_pixels(moment.box, width, height)
            lines.writerow([t, *(f"{value:.2f}" for value in found), 1])
            picture = moment.picture
            render.draw_box(picture, moment.box[0].cpu().numpy(), render.AGENT)
            write(picture if moment.seen is None else gaze.beside(picture, moment.seen))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    done = t + 1 - cfg.start
    print(
        f"{done} frames of {width}x{height}: {done / wall:.0f} a second, "
        f"{done / cpu:.0f} a CPU second"
    )
    if cfg.glimpse and moment.seen is None:
        print(f"{type(agent).__name__} has no glimpse to show")
    for path in (movie, table):
        print(f"written: {path}")
    return folder


def arguments(given: Sequence[str]) -> list[str]:
    """The command line as Hydra wants it: ``VIDEO`` and ``--box x,y,w,h`` become ``key=value``.

    Example:
        >>> arguments(["a b.mp4", "--box", "1,2,3,4", "agent=csrt"])
        ['video="a b.mp4"', 'box=[1,2,3,4]', 'agent=csrt']

    Raises:
        ValueError: There are two videos.
    """
    words, turned = list(given), []
    while words:
        word = words.pop(0)
        if word in TAKES_A_VALUE:
            turned += [word, *words[:1]]
            words = words[1:]
            continue
        if word == "--box":
            word = f"--box={words.pop(0) if words and '=' not in words[0] else ''}"
        if word.startswith("--box="):
            turned.append(f"box=[{word.removeprefix('--box=')}]")
        elif word.startswith("-"):
            turned.append(word)
        elif "=" not in word or Path(word).exists():
            if any(one.startswith("video=") for one in turned):
                raise ValueError(
                    f"{word}: one video is given already; key=value, or --box x,y,w,h"
                )
            turned.append(f"video={_quoted(word)}")
        else:
            key, _, value = word.partition("=")
            is_path = key in ("video", "checkpoint", "output")
            turned.append(f"{key}={_quoted(value)}" if is_path else word)
    return turned


def _quoted(text: str) -> str:
    if text[:1] in ("'", '"') or text == "null":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="track")
def _task(cfg: DictConfig) -> None:
    with clear_errors():
        run(cfg)


def main() -> None:
    """Entry point of the command line."""
    with clear_errors():
        sys.argv[1:] = arguments(sys.argv[1:])
        _task()


if __name__ == "__main__":
    main()
