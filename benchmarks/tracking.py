"""Frames per second of ``dyna.track`` on a video file, decoding and encoding included.

Makes a video of 320 x 240 on the spot and writes ``outputs/speed_tracking.json``. One thread; the
speed of a learned agent does not depend on what it has learned, so none is trained:

    python -m benchmarks.tracking
"""

import argparse
import contextlib
import io
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import hydra
import numpy as np
import torch
from jaxtyping import UInt8
from omegaconf import OmegaConf
from PIL import Image

from dyna.pictures import video_file
from dyna.running import checkpoint, track
from dyna.running.build import build
from dyna.running.subject import describe
from dyna.scores import results

WIDTH, HEIGHT, SIZE = 320, 240, 48


def pictures(frames: int) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    """A textured patch that circles over a textured ground."""
    rng = np.random.default_rng(0)

    def texture(width: int, height: int, grain: int) -> np.ndarray:
        coarse = rng.integers(40, 215, (height // grain, width // grain, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(coarse).resize((width, height)))

    ground, patch = texture(WIDTH, HEIGHT, 20), texture(SIZE, SIZE, 8)
    for t in range(frames):
        x, y = corner(t)
        picture = ground.copy()
        picture[y : y + SIZE, x : x + SIZE] = patch
        yield picture


def make_video(path: Path, frames: int) -> None:
    """The pictures as a file."""
    with video_file.video_writer(path, Fraction(25)) as write:
        for picture in pictures(frames):
            write(picture)


def corner(t: int) -> tuple[int, int]:
    """Left and top of the patch."""
    x, y = 130 + 80 * np.cos(t / 40), 90 + 60 * np.sin(t / 40)
    return round(float(x)), round(float(y))


def untrained(agent: str, path: Path) -> None:
    """A checkpoint of a run that has just begun."""
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose(
            "train", [f"agent={agent}", "world_model=none", "env.tier=medium", "folder=x"]
        )
    dyna = build(cfg)
    config = OmegaConf.to_container(cfg, resolve=True)
    checkpoint.save(path, {"config": config, "task": describe(dyna.env), **dyna.state_dict()})


def speed(video: Path, folder: Path, *arguments: str) -> dict[str, int]:
    """Frames per second as the command itself prints them."""
    x, y = corner(0)
    given = [str(video), "--box", f"{x},{y},{SIZE},{SIZE}", f"output={folder}", "progress=false"]
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("track", track.arguments([*given, *arguments]))
    with contextlib.redirect_stdout(io.StringIO()) as said:
        track.run(cfg)
    found = re.search(r"(\d+) a second, (\d+) a CPU second", said.getvalue())
    if found is None:
        raise RuntimeError(f"dyna.track printed no speed: {said.getvalue()}")
    return {"frames_per_second": int(found[1]), "frames_per_cpu_second": int(found[2])}


def main() -> None:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    learned = ["hart", "hart_full", "hart_supervised", "hart_template"]
    parser.add_argument("--learned", nargs="*", default=learned)
    parser.add_argument("--others", nargs="*", default=["last_box", "ncc", "kcf", "csrt"])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("outputs/speed_tracking.json"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[results.Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_video(folder / "video.mp4", chosen.frames)
        cases = [(agent, (f"agent={agent}",)) for agent in chosen.others]
        for agent in chosen.learned:
            untrained(agent, folder / f"{agent}.pt")
            words = (f"checkpoint={folder}/{agent}.pt",)
            cases += [(agent, words), (f"{agent}, glimpse shown", (*words, "glimpse=true"))]
        for agent, words in cases:
            tries = [
                speed(folder / "video.mp4", folder / "out", *words) for _ in range(chosen.repeats)
            ]
            best = {key: max(one[key] for one in tries) for key in tries[0]}
            rows.append({"agent": agent, "width": WIDTH, "height": HEIGHT, **best})
            print(
                f"{agent:32s} {best['frames_per_cpu_second']:5d} frames a CPU second", flush=True
            )
    command = shlex.join(["python", "-m", "benchmarks.tracking", *sys.argv[1:]])
    results.write(chosen.output, results.provenance(command), rows)


if __name__ == "__main__":
    main()
