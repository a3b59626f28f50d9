"""Pictures come in the order, the light and the way up that a person would see them in."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from envs.footage import folders, formats, image_files
from tests import footage

RAMP = np.linspace(0, 1, 256).reshape(16, 16)


@pytest.mark.parametrize(
    "names",
    [
        ["frame2_cam1.png", "frame10_cam1.png"],
        ["9_160x120.png", "10_160x120.png"],
        ["file-01_0009.png", "file-01_0010.png", "file-02_0000.png"],
        ["2024-05-01_09-59-59.png", "2024-05-01_10-00-00.png", "2024-05-02_00-00-00.png"],
        ["IMG_9.JPG", "img_10.jpg", "img_11.PNG"],
        ["1403636579.763555584.png", "1403636579.813555456.png", "1403636580.013555456.png"],
        ["a.png", "a1.png", "b.png"],
    ],
    ids=lambda names: names[0],
)
def test_pictures_come_in_natural_order(names: list[str], tmp_path: Path) -> None:
    for name in reversed(names):
        (tmp_path / name).touch()
    assert [path.name for path in folders.pictures_in(tmp_path)] == names


def test_what_systems_add_is_no_picture(tmp_path: Path) -> None:
    boxes = footage.path_of(12)
    footage.write_folder(tmp_path, 12)
    for path in list((tmp_path / "frames").iterdir()):
        path.with_name("._" + path.name).write_bytes(b"\0\5\x16\7")
    extra = tmp_path / "__MACOSX" / "training" / "label_02"
    extra.mkdir(parents=True)
    (extra / "._0000.txt").write_bytes(b"\0\5\x16\7")
    (found,) = formats.load(tmp_path)
    assert len(found) == len(boxes)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_by_their_depth(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray((RAMP * 65535).round().astype(np.uint16)).save(path)
    shown = np.asarray(image_files.load(path))
    assert shown.shape == (16, 16, 3)
    assert np.abs(shown[..., 0] - RAMP * 255).max() <= 0.51


@pytest.mark.parametrize("pixels", [RAMP.astype(np.float32), (RAMP * 2**20).astype(np.int32)])
def test_an_unknown_range_is_refused(pixels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "deep.tif"
    Image.fromarray(pixels).save(path)
    with pytest.raises(ValueError, match=r"deep\.tif: .* 8 or 16 bits"):
        image_files.load(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_exif_says(
    orientation: int, suffix: str, tmp_path: Path
) -> None:
    upright = footage.picture((3, 5, 20, 8), (40, 30, 6, 12))
    turn = image_files.BACK.get(orientation)
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{suffix}"
    stored.save(path, exif=exif, quality=100)
    for rotate, expected in ((True, upright), (False, stored)):
        shown = image_files.load(path, rotate)
        assert shown.size == expected.size
        assert np.abs(np.asarray(shown).astype(int) - np.asarray(expected)).mean() < 5


def test_boxes_may_lie_on_pixels_as_they_are_stored(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 12)
    exif = Image.Exif()
    exif[0x0112] = 6
    for path in (tmp_path / "frames").iterdir():
        with Image.open(path) as picture:
            picture.save(path, exif=exif)
    for rotate, size in ((True, (48, 64)), (False, (64, 48))):
        (found,) = formats.load(tmp_path, rotate=rotate)
        assert [image.size for _, image in found.frames.read({0})] == [size]


def test_damaged_exif_does_not_spoil_a_sound_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    footage.picture((3, 5, 20, 8)).save(path, exif=b"Exif\0\0XX*\0nonsense")
    assert image_files.load(path).size == footage.SIZE


def test_every_kind_of_damage_is_one_clear_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "a"
    for suffix in ("png", "jpg", "bmp", "tif", "webp", "ppm"):
        footage.picture((3, 5, 20, 8)).save(tmp_path / f"sound.{suffix}")
        sound = (tmp_path / f"sound.{suffix}").read_bytes()
        path = tmp_path / f"damaged.{suffix}"
        for _ in range(30):
            damaged = bytearray(sound[: int(rng.integers(1, len(sound) + 1))])
            for place in rng.integers(0, min(len(damaged), 200), 5):
                damaged[place] = int(rng.integers(256))
            path.write_bytes(damaged)
            try:
                image_files.load(path)
            except ValueError as error:
                assert str(path) in str(error)  # noqa: PT017
