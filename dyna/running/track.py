"""Follows one object through a video: from a config to ``tracked.mp4`` and ``boxes.csv``."""

import csv
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig, ListConfig
from tqdm import tqdm

from agents.base import Agent
from dyna.evaluation.follow import Moment, follow, pictures_of, read, to_box, to_pixels
from dyna.pictures import gaze, video_file
from dyna.running.build import make
from dyna.running.checks import check_device, check_folder, check_keys
from dyna.running.lock import locked
from dyna.running.overrides import quoted
from dyna.running.subject import restore
from envs import drawing
from envs.footage.frames import Unreadable

TAKES_A_VALUE = {"--cfg", "-c", "--info", "-i", "--package", "-p"}
"""Options of Hydra that are followed by a word."""
PATHS = ("video", "checkpoint", "output", "path")
"""Keys that hold a path; ``start`` is a frame here."""
MOVIE, TABLE = "tracked.mp4", "boxes.csv"
"""What is written."""
HOW = "give checkpoint=PATH of a run (python -m dyna trains one), or a tracker such as agent=csrt"


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
    if agent.learns:
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
    numbers = isinstance(cfg.box, ListConfig) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in cfg.box
    )
    if not numbers or len(cfg.box) != 4:
        raise ValueError(
            f"box={cfg.box} is not left,top,width,height in pixels: give --box x,y,w,h"
        )
    whole = {"start": 0, "frames": 1, "seed": 0, "threads": 1}
    flags = ("rotate", "glimpse", "progress", "debug")
    texts = ("video", "checkpoint", "output")
    check_keys(cfg, whole, flags=flags, optional=("frames",), texts=texts)
    check_device(str(cfg.device))
    check_folder("output", _folder(cfg))


def run(cfg: DictConfig) -> Path:
    """Tracks what a config asks for, and returns the folder with ``tracked.mp4``, ``boxes.csv``.

    Args:
        cfg: A composed ``conf/track.yaml``.

    Raises:
        FileNotFoundError: The video or the checkpoint is missing.
        ValueError: Something else is wrong; the message says what and the mend. Where a frame in
            the middle cannot be read, what comes before it is tracked and written.
    """
    validate(cfg)
    torch.set_num_threads(cfg.threads)
    source = Path(cfg.video)
    folder = _folder(cfg)
    if (folder / MOVIE).resolve() == source.resolve():
        raise ValueError(f"output={folder} has the video itself as {MOVIE}: give another folder")
    with locked(folder):
        _follow(cfg, source, folder)
    return folder


def _follow(cfg: DictConfig, source: Path, folder: Path) -> None:
    """See `run`; the folder is ours alone."""
    frames = read(source, cfg.start, cfg.rotate)
    number = min(len(frames), cfg.frames or len(frames))
    pictures = pictures_of(frames, number)
    first = next(pictures)
    width, height = first.size
    box = to_box(cfg.box, width, height).to(cfg.device)
    agent, channels = choose(cfg, width, height)
    moments = follow(agent, itertools.chain([first], pictures), box, channels, cfg.glimpse)
    bar = tqdm(
        moments,
        desc=source.name,
        total=number,
        unit="frame",
        disable=not cfg.progress,
        mininterval=0.1 if sys.stderr.isatty() else 30.0,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    done, last, broken = _record(iter(bar), source, folder, cfg.start, cfg.threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{done} frames of {width}x{height}: {done / wall:.0f} a second, "
        f"{done / cpu:.0f} a CPU second"
    )
    if cfg.glimpse and last.seen is None:
        print(f"{type(agent).__name__} has no glimpse to show")
    for name in (MOVIE, TABLE):
        print(f"written: {folder / name}")
    if broken is not None:
        raise type(broken)(f"{broken}; what is written ends before it, with {done} frames")


def _folder(cfg: DictConfig) -> Path:
    return Path(cfg.output or Path("outputs/track", _name(Path(cfg.video))))


def _record(
    moments: Iterator[Moment], source: Path, folder: Path, start: int, threads: int
) -> tuple[int, Moment, Unreadable | FileNotFoundError | None]:
    """Writes the table and the movie, as far as frames can be read.

    Returns:
        The number of frames, the last of them, and what was wrong with the one after it.
    """
    broken = None
    rate = video_file.rate_of(source)
    with (
        (folder / TABLE).open("w", newline="") as sink,
        video_file.video_writer(folder / MOVIE, rate, threads=threads) as write,
    ):
        lines = csv.writer(sink, lineterminator="\n")
        lines.writerow(["frame", "x", "y", "w", "h", "visible"])
        try:
            for t, moment in enumerate(moments, start):
                picture = moment.picture
                height, width = picture.shape[:2]
                found = to_pixels(moment.box, width, height)
                lines.writerow([t, *(f"{value:.2f}" for value in found), 1])
                box, thickness = moment.box[0].cpu().numpy(), max(2, height // 200)
                drawing.draw_box(picture, box, drawing.AGENT, thickness)
                write(picture if moment.seen is None else gaze.beside(picture, moment.seen))
        except (Unreadable, FileNotFoundError) as error:
            broken = error
    return t + 1 - start, moment, broken


def _name(source: Path) -> str:
    """What to call a video; folders of pictures often have a name that says nothing."""
    source = source.resolve()
    return source.parent.name if source.name in ("frames", "img") else source.stem


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
            turned.append(f"video={quoted(word, is_name=True)}")
        else:
            key, _, value = word.partition("=")
            turned.append(f"{key}={quoted(value)}" if key in PATHS else word)
    return turned
