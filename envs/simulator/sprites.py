"""A bank of real handwritten digits, turned beforehand, so that drawing one is a look-up.

Each digit is stored at ``ANGLES`` angles as a picture of ``SIDE x SIDE`` with the extents of its
tight box beside it. So the amodal box of a drawn digit costs nothing, and no noise shakes it.

Training and test digits are different digits (different people's handwriting samples), never
different pictures of one.
"""

import dataclasses
import functools
import gzip
import math
import struct
import zipfile
from pathlib import Path

import numpy as np
import sklearn.datasets
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

DIGITS_HELP = "null: scikit-learn's digits; or the path of MNIST-like files, .npz or IDX"
"""Of the setting ``digits``."""
SIDE = 16
"""Side of a stored sprite (texels)."""
FILL = 12.5 / 16
"""Share of the sprite's side that the square of the digit takes; the rest is room to turn."""
ANGLES = 72
"""Stored angles, evenly spaced: every 5 degrees."""
EDGE = 0.4
"""A tight box ends where the brightest texel of a row or column crosses this share of white."""
MOST = 6000
"""Larger files are thinned to this many digits, evenly, to bound the memory (28 KB a digit)."""
TRAIN_SHARE = 0.7235
"""Share of the digits that are for training: 1,300 of scikit-learn's 1,797."""


@dataclasses.dataclass(frozen=True)
class Sprites:
    """The objects of one split, N of them at A angles, in order of their class.

    Attributes:
        image: Picture of object n at angle a in row ``n * A + a``, 0 to 255.
        extent: Tight box of each picture: left, right, top, bottom, in shares of the sprite's
            side from its centre (x right, y down).
        mass: Sum of each picture over the sprite's area, at most 1.
        source: Where each object comes from: the index of a digit in its file.
        first: First object of each class.
        count: How many objects each class has.
        fill: Share of the sprite's side that the object's size takes; the rest is room to turn.
    """

    image: UInt8[Tensor, "NA P"]
    extent: Float[Tensor, "NA 4"]
    mass: Float[Tensor, " NA"]
    source: Int[Tensor, " N"]
    first: Int[Tensor, " classes"]
    count: Int[Tensor, " classes"]
    fill: float = FILL

    @property
    def side(self) -> int:
        """Texels of a side."""
        return math.isqrt(self.image.shape[1])

    @property
    def angles(self) -> int:
        """A: stored angles, evenly spaced over the full turn."""
        return len(self.image) // len(self.source)


def extents(image: Float[Tensor, "n s s"]) -> Float[Tensor, "n 4"]:
    """Left, right, top and bottom edge of what is brighter than ``EDGE``, to a part of a texel.

    Edges are linear crossings, in shares of the side from the centre. An image that is dark all
    over has edges at 0.
    """
    side = image.shape[-1]
    profile = torch.stack([image.amax(-2), image.amax(-1)], 1)
    both = F.pad(torch.stack([profile, profile.flip(-1)], 2), (1, 0))
    above = both[..., 1:] >= EDGE
    index = above.float().argmax(-1, keepdim=True)
    before, after = both.gather(-1, index)[..., 0], both.gather(-1, index + 1)[..., 0]
    crossing = index[..., 0] + 0.5 - (after - EDGE) / (after - before).clamp(min=1e-6)
    edge = torch.where(after >= EDGE, crossing / side - 0.5, 0.0)
    return torch.stack([edge[:, 0, 0], -edge[:, 0, 1], edge[:, 1, 0], -edge[:, 1, 1]], -1)


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
        images, labels = bundled()
    else:
        images, labels = read(Path(digits))
    source = of_split(len(images), split)
    source = source[np.argsort(labels[source], kind="stable")]
    count = np.bincount(labels[source], minlength=10)
    if (count == 0).any():
        missing = np.flatnonzero(count == 0).tolist()
        raise ValueError(f"{digits} has no {split} digit of {missing}: give a file with all ten")
    image = _turned(torch.from_numpy(images[source]))
    return bank(image, torch.from_numpy(source), torch.from_numpy(count), FILL, device)


def bank(
    image: UInt8[Tensor, "NA P"],
    source: Int[Tensor, " N"],
    count: Int[Tensor, " classes"],
    fill: float,
    device: str,
) -> Sprites:
    """Measures the pictures of a bank; the arguments are attributes of ``Sprites``."""
    side = math.isqrt(image.shape[1])
    parts = [part.view(-1, side, side).float() / 255 for part in image.split(4096)]
    return Sprites(
        image=image.to(device),
        extent=torch.cat([extents(p) for p in parts]).to(device),
        mass=torch.cat([p.mean((1, 2)) for p in parts]).to(device),
        source=source.to(device),
        first=(count.cumsum(0) - count).to(device),
        count=count.to(device),
        fill=fill,
    )


def of_split(number: int, split: str) -> np.ndarray:
    """Which of ``number`` digits are drawn in a split: the first for training, the rest to test.

    Raises:
        ValueError: The split is unknown.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    source = np.linspace(0, number - 1, min(number, MOST)).round().astype(np.int64)
    cut = int(len(source) * TRAIN_SHARE)
    return source[:cut] if split == "train" else source[cut:]


def bundled() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits: images ``[1797, 8, 8]`` in [0, 1], and labels."""
    data = sklearn.datasets.load_digits()
    return data.images.astype(np.float32) / 16, data.target


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


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images ``[N, 16, 16]`` in [0, 1] without their margins, and labels of an MNIST-like file."""
    images, labels = read_whole(path)
    side = images.shape[1]
    margin = round(side / 7)  # MNIST centres a digit of 20 px in 28 px
    inner = torch.from_numpy(images[:, margin : side - margin, margin : side - margin].copy())
    small = F.adaptive_avg_pool2d(inner.float()[:, None] / 255, 16)[:, 0]
    return small.numpy(), labels


def read_whole(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images ``[N, side, side]`` (0 to 255) and labels of an MNIST-like file, as they are there.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not what it should be.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file of digits at {path}: mend the option 'digits'")
    try:
        images, labels = _read_npz(path) if path.suffix == ".npz" else _read_idx(path)
    except (OSError, EOFError, KeyError, ValueError, struct.error, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read as digits ({error}): give an .npz with 'images' and "
            "'labels' or an IDX file of images with its labels beside it"
        ) from error
    labels = np.asarray(labels).astype(np.int64)
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.shape[1] < 8:
        raise ValueError(f"{path}: images must be N x side x side, got {images.shape}")
    if labels.shape != images.shape[:1] or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"{path}: need a label of 0 to 9 per image, got shape {labels.shape}")
    return images, labels


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path) as data:
        for images, labels in (("images", "labels"), ("x_train", "y_train")):
            if images in data and labels in data:
                return data[images], data[labels]
        raise KeyError(f"has {sorted(data)}")


def _read_idx(path: Path) -> tuple[np.ndarray, np.ndarray]:
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    if beside == path or not beside.is_file():
        raise OSError(f"labels not found at {beside}")
    return _idx_array(path), _idx_array(beside)


def _idx_array(path: Path) -> np.ndarray:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        data = file.read()
    zero, kind, dims = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind != 8 or dims not in (1, 3):
        raise OSError("not an IDX file of bytes")
    shape = struct.unpack(f">{dims}I", data[4 : 4 + 4 * dims])
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * dims)
    if values.size != np.prod(shape):
        raise OSError(f"{values.size} values for a shape of {shape}")
    return values.reshape(shape)
