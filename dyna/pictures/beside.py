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
    empty = real.box[:, 0, 2] <= 0  # nothing is tracked there: they come last
    chosen = real[empty.float().argsort(stable=True)[:number]]
    lines = [
        [render.strip(video, MOMENTS, title) for video in sheet.told(episodes.first(horizon))]
        for title, episodes in (("real", chosen), ("dreamed", dreamed[:number]))
    ]
    pairs = [np.concatenate(pair) for pair in zip(*lines, strict=False)]
    return render.grid(np.stack(pairs), columns=number if horizon == 1 else 1, gap=14)
