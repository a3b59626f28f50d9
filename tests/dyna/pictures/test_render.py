"""Pictures: pixels where they belong, and files that decode to what went in."""

import io

import av
import numpy as np
import pytest
from PIL import Image

from dyna.pictures import render
from envs import drawing


def episode(steps: int = 5, channels: int = 1, side: int = 10) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 100, size=(steps, channels, side, side), dtype=np.uint8)


def test_upscale_repeats_pixels_and_makes_three_colours():
    frames = np.array([[[[1, 2], [3, 4]]]], dtype=np.uint8)
    picture = drawing.upscale(frames, 2)[0]
    assert picture.shape == (4, 4, 3)
    assert picture[:, :, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    assert (picture[..., 0] == picture[..., 2]).all()
    assert drawing.upscale(episode(channels=3), 3).shape == (5, 30, 30, 3)
    with pytest.raises(ValueError, match="channels"):
        drawing.upscale(episode(channels=2))


def test_box_lies_on_the_pixels_it_names():
    picture = np.zeros((20, 20, 3), dtype=np.uint8)
    drawing.draw_box(picture, np.array([0.5, 0.5, 0.4, 0.2]), drawing.AGENT, thickness=1)
    rows, columns = np.nonzero(picture.any(-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 11, 6, 13)
    assert tuple(picture[8, 6]) == drawing.AGENT
    assert not picture[9:11, 7:13].any()


@pytest.mark.parametrize("box", [(0.0, 0.0, 0.5, 0.5), (1.4, 0.5, 0.2, 0.2), (0.5, 0.5, 3, 3)])
def test_boxes_beyond_the_frame_are_cut(box):
    picture = np.zeros((20, 20, 3), dtype=np.uint8)
    drawing.draw_box(picture, np.array(box), drawing.TARGET, dashed=True)
    inside = picture.any(-1)
    assert inside[:6, :6].any() == (box[0] == 0.0)
    assert inside[7:, 7:].sum() == 0


def test_annotate_draws_everyone_in_their_colour():
    frames = episode(steps=3)
    boxes = np.tile(np.array([0.3, 0.3, 0.3, 0.3]), (3, 1))
    others = np.tile(np.array([0.7, 0.7, 0.3, 0.3]), (3, 2, 1))
    others[:, 1, 1] = 0.3
    present = np.array([[True, False]] * 3)
    video = drawing.annotate(
        frames, target=boxes, agent=boxes + 0.2, others=others, present=present
    )
    assert video.shape == (3, 40, 40, 3)
    for colour in (drawing.TARGET, drawing.AGENT, drawing.OTHER):
        assert (video == colour).all(-1).any()
    absent = video[0, 6:18, 22:34]
    assert not (absent == drawing.OTHER).all(-1).any()


def test_layouts_keep_every_picture():
    videos = np.stack([np.full((4, 6, 5, 3), 40 * (i + 1), dtype=np.uint8) for i in range(3)])
    sheet = render.grid(videos, columns=2, gap=1)
    assert sheet.shape == (4, 13, 11, 3)
    corners = sheet[0, 0, 0, 0], sheet[0, 0, -1, 0], sheet[0, -1, 0, 0]
    assert corners == (40, 80, 120)
    assert render.beside([videos[0], videos[1]], gap=2).shape == (4, 6, 12, 3)
    captioned = render.caption(np.zeros((2, 30, 60, 3), dtype=np.uint8), "real")
    assert captioned.shape == (2, 39 + render.TEXT, 60, 3)
    assert captioned.max() > 200
    assert render.strip(np.zeros((9, 8, 30, 3), dtype=np.uint8), 3).shape == (32, 106, 3)


@pytest.mark.parametrize("text", ["t 0", "imagined +14", "t 59   IoU 0.98   Basketball"])
def test_captions_are_never_cut_off(text):
    letters = render.caption(np.zeros((9, 192, 3), dtype=np.uint8), text)[:-9].max(-1) > 100
    assert letters.any()
    assert not letters[:, -4:].any()
    assert not letters[[0, -1]].any()


def test_mp4_decodes_in_the_format_browsers_play(tmp_path):
    video = drawing.upscale(episode(side=11), 3)  # odd sides
    render.write_mp4(video, tmp_path / "x.mp4", fps=5)
    with av.open(str(tmp_path / "x.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        decoded = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
    assert len(decoded) == 5
    assert decoded[0].shape == (34, 34, 3)
    assert np.abs(decoded[0][:33, :33].astype(int) - video[0]).mean() < 6


def test_png_holds_the_very_pixels():
    video = drawing.upscale(episode(), 2)
    assert (np.asarray(Image.open(io.BytesIO(render.png_bytes(video[0])))) == video[0]).all()
    assert render.data_uri(b"abc", "image/png") == "data:image/png;base64,YWJj"
