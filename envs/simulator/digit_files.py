"""Where pictures of digits come from: scikit-learn's own, or files like those of MNIST."""

import gzip
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import sklearn.datasets
import torch
import torch.nn.functional as F

HELP = "null: scikit-learn's digits; or the path of an MNIST-like file, .npz or IDX"
"""What the setting ``digits`` of an env means."""
MOST = 6000
"""Larger files are thinned to this many digits, evenly, to bound the memory (28 KB a digit)."""
BROKEN = (struct.error, zipfile.BadZipFile, zlib.error)
"""What damaged files raise beside the usual errors."""
TRAIN_SHARE = 0.7235
"""Share of the digits that are for training: 1,300 of scikit-learn's 1,797."""


def bundled() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits: images ``[1797, 8, 8]`` in [0, 1], and labels."""
    data = sklearn.datasets.load_digits()
    return data.images.astype(np.float32) / 16, data.target


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
        _check_numbers(images, labels)
    except (OSError, EOFError, KeyError, ValueError, *BROKEN) as error:
        raise ValueError(
            f"{path} cannot be read as digits ({error}): give an .npz with 'images' and "
            "'labels' or an IDX file of images with its labels beside it"
        ) from error
    labels = labels.astype(np.int64)
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.shape[1] < 8:
        raise ValueError(f"{path}: images must be N x side x side, got {images.shape}")
    if labels.shape != images.shape[:1] or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"{path}: need a label of 0 to 9 per image, got shape {labels.shape}")
    return images, labels


def _check_numbers(images: np.ndarray, labels: np.ndarray) -> None:
    for name, values in (("images", images), ("labels", labels)):
        if values.dtype.kind not in "uif" or not values.size or not np.isfinite(values).all():
            raise ValueError(f"its {name} are no numbers, or none at all")
    if images.min() < 0 or not 1 < images.max() <= 255:
        raise ValueError(f"its images go from {images.min():g} to {images.max():g}, not to 255")


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if not zipfile.is_zipfile(path):
        raise ValueError("no .npz file")
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
