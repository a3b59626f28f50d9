"""Real and dreamed episodes, one above the other, with the boxes that each scene tells of."""

from pathlib import Path

import numpy as np

from dyna.pictures import render, sheet
from envs import drawing
from envs.trajectory import Trajectory

NAME = "beside.png"
EPISODES, IMAGES = 3, 6
"""How many pairs are shown: of episodes, and of single images."""
MOMENTS = 5


def write(folder: Path, real: Trajectory, dreamed: Trajectory) -> Path:
    """Writes `NAME` into a folder that is made if missing; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_bytes(render.png_bytes(strip(real, dreamed)))
    return path


def strip(real: Trajectory, dreamed: Trajectory) -> drawing.Array:
    """The first real episodes, each above a dreamed one, moments from left to right.

    Raises:
        ValueError: Episodes carry no truth, so there are no boxes to draw.
    """
    horizon = min(real.horizon, dreamed.horizon)
    number = IMAGES if horizon == 1 else EPISODES
    pairs = [
        np.concatenate([_line(above[:horizon], "real"), _line(below[:horizon], "dreamed")])
        for above, below in zip(
            sheet.told(real[:number]), sheet.told(dreamed[:number]), strict=False
        )
    ]
    return render.grid(np.stack(pairs), columns=number if horizon == 1 else 1, gap=14)


def _line(video: drawing.Array, title: str) -> drawing.Array:
    return render.strip(video, MOMENTS, title)
