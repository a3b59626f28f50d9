import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from envs import digits
from envs.simulator import digit_bank, digit_files, sprites


@pytest.fixture
def mnist(rng: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """40 pictures of MNIST's size, a bright block each, four of each class."""
    images = np.zeros((40, 28, 28), np.uint8)
    for i in range(40):
        images[i, 4:24, 8 + i % 4 : 18] = 200
    return images, np.tile(np.arange(10), 4).astype(np.uint8)


def write_idx(path: Path, array: np.ndarray) -> None:
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    content = head + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def test_training_and_test_digits_are_different_digits() -> None:
    train, test = digit_bank.load("train").source, digit_bank.load("test").source
    assert len(train) == 1300
    assert len(test) == 497
    assert not set(train.tolist()) & set(test.tolist())


def test_digits_stand_in_order_of_their_class() -> None:
    bank = digit_bank.load("train")
    assert bank.count.sum() == 1300
    assert torch.equal(bank.first, bank.count.cumsum(0) - bank.count)


def test_extents_are_where_the_picture_crosses_the_threshold() -> None:
    image = torch.zeros(1, 8, 8)
    image[0, 2:5, 3:7] = 0.8
    # Half of .8 lies half-way between the texels' centres: a half texel outside of the block.
    left, right, top, bottom = (sprites.extents(image)[0] * 8 + 4).tolist()
    assert (left, right, top, bottom) == pytest.approx((3.0, 7.0, 2.0, 5.0))


def test_a_dark_picture_has_no_extent() -> None:
    assert torch.equal(sprites.extents(torch.zeros(2, 8, 8)), torch.zeros(2, 4))


def test_a_quarter_turn_turns_the_sprite() -> None:
    bank = digit_bank.load("train").image.view(
        -1, digit_bank.ANGLES, digit_bank.SIDE, digit_bank.SIDE
    )
    upright, quarter = bank[:50, 0].int(), bank[:50, digit_bank.ANGLES // 4].int()
    turned = min(
        (torch.rot90(upright, k, (1, 2)) - quarter).abs().float().mean().item() for k in (1, 3)
    )
    assert turned < 1


@pytest.mark.parametrize("names", [("images", "labels"), ("x_train", "y_train")])
def test_npz_files_are_read(tmp_path: Path, mnist: tuple, names: tuple[str, str]) -> None:
    path = tmp_path / "digits.npz"
    np.savez(path, **dict(zip(names, mnist, strict=True)))
    images, labels = digit_files.read(path)
    assert images.shape == (40, 16, 16)
    assert images.max() == pytest.approx(200 / 255)
    assert np.array_equal(labels, mnist[1])


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_give_the_same_bank_as_npz(tmp_path: Path, mnist: tuple, ending: str) -> None:
    path = tmp_path / f"train-images-idx3-ubyte{ending}"
    write_idx(path, mnist[0])
    write_idx(tmp_path / f"train-labels-idx1-ubyte{ending}", mnist[1])
    np.savez(tmp_path / "digits.npz", images=mnist[0], labels=mnist[1])
    idx = digit_bank.load("train", str(path))
    npz = digit_bank.load("train", str(tmp_path / "digits.npz"))
    assert torch.equal(idx.image, npz.image)
    assert len(idx.source) == 28
    env = digits.make(tier="easy", batch_size=2, digits=str(path))
    assert env.reset().frame.max() > 128


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.npz.*digits"):
        digit_bank.load("train", str(tmp_path / "absent.npz"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.npz", b"no archive"),
        ("cut-images-idx3-ubyte", struct.pack(">HBBIII", 0, 8, 3, 9, 28, 28)),
        ("alone.idx", b"\0\0"),
        ("empty-images-idx3-ubyte.gz", b""),
    ],
)
def test_a_broken_file_is_named_with_the_mend(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (tmp_path / name.replace("images", "labels").replace("idx3", "idx1")).write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be read as digits .* give an \.npz"):
        digit_bank.load("train", str(path))


def test_arrays_of_a_wrong_shape_are_refused(tmp_path: Path, mnist: tuple) -> None:
    np.savez(tmp_path / "flat.npz", images=mnist[0].reshape(40, -1), labels=mnist[1])
    with pytest.raises(ValueError, match=r"flat\.npz: images must be N x side x side"):
        digit_bank.load("train", str(tmp_path / "flat.npz"))
    np.savez(tmp_path / "short.npz", images=mnist[0], labels=mnist[1][:-1])
    with pytest.raises(ValueError, match="label of 0 to 9 per image"):
        digit_bank.load("train", str(tmp_path / "short.npz"))
    np.savez(tmp_path / "odd.npz", images=mnist[0], labels=np.zeros(40, np.uint8))
    with pytest.raises(ValueError, match="give a file with all ten"):
        digit_bank.load("train", str(tmp_path / "odd.npz"))


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'valid'"):
        digit_bank.load("valid")
