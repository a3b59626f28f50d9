"""The bank of real handwritten digits: sprites of ``SIDE x SIDE`` texels at ``ANGLES`` angles.

Training and test digits are different digits (different people's handwriting samples), never
different pictures of one.
"""

import functools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from envs.simulator import digit_files
from envs.simulator.sprites import Sprites, bank

SIDE = 16
"""Side of a stored sprite (texels)."""
FILL = 12.5 / 16
"""Share of the sprite's side that the square of the digit takes; the rest is room to turn."""
ANGLES = 72
"""Stored angles, evenly spaced: every 5 degrees."""


@functools.cache
def load(split: str, digits: str | None = None, device: str = "cpu") -> Sprites:
    """The bank of one split; built once per process (about a second).

    Args:
        split: ``train`` or ``test``.
        digits: None for scikit-learn's 1,797 digits of 8 x 8; else the path of an MNIST-like file:
            ``.npz`` (``images`` and ``labels``, or ``x_train`` and ``y_train``) or IDX
            (``...-images-idx3-ubyte``, also ``.gz``; labels are looked for beside it).
        device: Where the bank lives.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The split is unknown, or the file is not what it should be.
    """
    if digits is None:
        images, labels = digit_files.bundled()
    else:
        images, labels = digit_files.read(Path(digits))
    source = digit_files.of_split(len(images), split)
    source = source[np.argsort(labels[source], kind="stable")]
    count = np.bincount(labels[source], minlength=10)
    if (count == 0).any():
        missing = np.flatnonzero(count == 0).tolist()
        raise ValueError(f"{digits} has no {split} digit of {missing}: give a file with all ten")
    image = _turned(torch.from_numpy(images[source]))
    return bank(image, torch.from_numpy(source), torch.from_numpy(count), FILL, device)


def _turned(images: Float[Tensor, "N h h"]) -> UInt8[Tensor, "NA P"]:
    """Every image at every angle. Resampling is linear, so each angle is one matrix product."""
    num, side = len(images), images.shape[-1]
    basis = torch.eye(side * side).view(side * side, 1, side, side)
    fine = F.interpolate(F.pad(basis, (2, 2, 2, 2)), scale_factor=4, mode="bilinear")
    bank = torch.empty(num, ANGLES, SIDE * SIDE, dtype=torch.uint8)
    reach = side / (side + 4) / FILL
    for a in range(ANGLES):
        angle = torch.tensor(a * 2 * torch.pi / ANGLES)
        turn = torch.stack([angle.cos(), angle.sin(), -angle.sin(), angle.cos()]).view(2, 2)
        theta = torch.cat([turn * reach, torch.zeros(2, 1)], 1)[None]
        grid = F.affine_grid(theta, [1, 1, SIDE, SIDE], align_corners=False)
        grid = grid.expand(len(basis), -1, -1, -1)
        matrix = F.grid_sample(fine, grid, align_corners=False).view(side * side, -1)
        sprite = images.view(num, -1) @ matrix * 1.5
        bank[:, a] = sprite.clamp(0, 1).mul(255).round().to(torch.uint8)
    return bank.view(-1, SIDE * SIDE)
