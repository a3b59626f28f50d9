"""Video files are shown as a player shows them, or refused in one line."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from envs.footage import films, formats
from tests import footage

BOXES = footage.path_of(12)
UPRIGHT = footage.picture(BOXES[0])


@pytest.fixture
def film(tmp_path: Path) -> Path:
    footage.write_film(tmp_path / "clip.mp4", BOXES)
    return tmp_path / "clip.mp4"


def first(path: Path, rotate: bool = True) -> np.ndarray:
    frames = films.VideoFile(path)
    frames.rotate = rotate
    return next(np.asarray(picture).astype(int) for _, picture in frames.read({0}))


@pytest.mark.parametrize("matrix", [(1, 0, 0, 1), *films.TURNS])
def test_films_are_turned_by_their_display_matrix(
    film: Path, matrix: tuple[int, int, int, int]
) -> None:
    stored = np.asarray(UPRIGHT).astype(int)
    footage.turn_film(film, *matrix)
    a, b, c, d = matrix
    height, width = stored.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    right, down = a * x + c * y, b * x + d * y
    shown = first(film)
    placed = shown[down - down.min(), right - right.min()]
    assert np.abs(placed - stored).max() < 20
    assert np.abs(first(film, rotate=False) - stored).max() < 20


def test_a_film_that_lies_askew_stays_as_it_is(film: Path) -> None:
    footage.turn_film(film, 1, 1, -1, 1)
    assert first(film).shape == (footage.SIZE[1], footage.SIZE[0], 3)


def test_frames_that_were_trimmed_off_do_not_count(film: Path) -> None:
    footage.trim_film(film, 3)
    assert films.count(film) == films.promised(film) == 9
    film.with_suffix(".csv").write_text(footage.table(BOXES[3:]))
    (found,) = formats.load(film)
    assert len(found) == 9
    shown = dict(found.frames.read({0, 8}))
    x, y, w, h = BOXES[3]
    assert np.asarray(shown[0])[y : y + h, x : x + w].min() > 230


def test_cover_art_is_not_the_film(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    footage.write_film(tmp_path / "plain.mp4", BOXES)
    with av.open(str(path), "w") as sink, av.open(str(tmp_path / "plain.mp4")) as source:
        art = sink.add_stream("png", rate=1)
        art.width, art.height, art.pix_fmt = 32, 32, "rgb24"
        art.disposition = av.stream.Disposition.attached_pic
        stream = sink.add_stream_from_template(source.streams.video[0])
        sink.mux(art.encode(av.VideoFrame.from_image(Image.new("RGB", (32, 32), "red"))))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                sink.mux(packet)
    assert first(path).shape[:2] == (48, 64)
    assert films.count(path) == 12


def test_frames_of_motion_jpeg_may_hold_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with av.open(str(tmp_path / "film.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height = footage.SIZE
        stream.pix_fmt = "yuvj420p"
        for t in range(3):
            content = io.BytesIO()
            UPRIGHT.save(content, "JPEG", exif=exif, subsampling=2)
            packet = av.Packet(content.getvalue())
            packet.stream, packet.pts, packet.dts = stream, t, t
            container.mux(packet)
    turned = UPRIGHT.transpose(Image.Transpose.ROTATE_270)
    assert np.abs(first(tmp_path / "film.avi") - np.asarray(turned)).mean() < 5
    assert np.abs(first(tmp_path / "film.avi", rotate=False) - np.asarray(UPRIGHT)).mean() < 5


def test_a_file_with_sound_alone_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match=r"song\.mp4: no film in this file, only audio"):
        films.count(path)


def test_every_kind_of_damage_is_one_clear_error(film: Path) -> None:
    rng = np.random.default_rng(0)
    sound = film.read_bytes()
    film.with_suffix(".csv").write_text(footage.table(BOXES))
    for number in range(60):
        damaged = bytearray(sound)
        for place in rng.integers(0, len(sound), 1 + number):
            damaged[place] = int(rng.integers(256))
        film.write_bytes(damaged[: len(sound) if number % 3 else int(rng.integers(len(sound)))])
        try:
            (found,) = formats.load(film)
            list(found.frames.read({0}))
            films.rate(film)
        except ValueError as error:
            assert "clip" in str(error)  # noqa: PT017
            assert "Errno" not in str(error)  # noqa: PT017
