"""Pictures and videos put together: arrays in, arrays or bytes out; boxes are `envs.drawing`'s.

A **picture** is uint8 ``H W 3``, a **video** is uint8 ``T H W 3``.
"""

import base64
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from dyna.pictures.video_file import video_writer
from envs.drawing import Array, Colour

MARGIN: Colour = (24, 26, 30)
INK: Colour = (235, 236, 238)
TEXT = 22
"""Height of letters, in pixels of a film some 600 wide: legible where a phone shows it at 360."""
SMALLEST = 11
"""Letters that would not fit become smaller, down to this."""


def caption(
    video: UInt8[Array, "*n H W 3"], text: str, size: int = TEXT
) -> UInt8[Array, "*n h W 3"]:
    """Puts a line of text above pictures, in smaller letters if it would not fit."""
    width = video.shape[-2]
    line = Image.new("RGB", (width, size + 9), MARGIN)
    font = ImageFont.load_default(size)
    while font.getlength(text) > width - 8 and size > SMALLEST:
        size -= 1
        font = ImageFont.load_default(size)
    ImageDraw.Draw(line).text((4, line.height // 2), text, INK, font, anchor="lm")
    bar = np.broadcast_to(np.asarray(line), (*video.shape[:-3], line.height, width, 3))
    return np.concatenate([bar, video], axis=-3)


def beside(videos: Sequence[UInt8[Array, "*n H _ 3"]], gap: int = 8) -> UInt8[Array, "*n H W 3"]:
    """Pictures or videos of equal height and length, side by side."""
    first = videos[0]
    bar = np.full((*first.shape[:-2], gap, 3), MARGIN, dtype=np.uint8)
    parts = [part for video in videos for part in (bar, video)][1:]
    return np.concatenate(parts, axis=-2)


def grid(
    videos: UInt8[Array, "B *n H W 3"], columns: int, gap: int = 8
) -> UInt8[Array, "*n h w 3"]:
    """A batch of pictures or videos in rows of ``columns``; missing ones are left dark."""
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    rows = -(-len(videos) // columns)
    blank = np.full_like(videos[:1], MARGIN[0]).repeat(rows * columns - len(videos), axis=0)
    cells = np.concatenate([videos, blank])
    lines = [beside(list(cells[r * columns : (r + 1) * columns]), gap) for r in range(rows)]
    bar = np.full((*lines[0].shape[:-3], gap, *lines[0].shape[-2:]), MARGIN[0], dtype=np.uint8)
    return np.concatenate([part for line in lines for part in (bar, line)][1:], axis=-3)


def strip(
    video: UInt8[Array, "T H W 3"], num_pictures: int = 4, title: str = "", times: bool = True
) -> UInt8[Array, "h w 3"]:
    """Evenly spaced moments of a video in a row, the first and the last among them.

    Args:
        video: The video.
        num_pictures: How many moments; a few large ones can be seen on a phone, too.
        title: Stands before the first moment's time.
        times: Whether the moments are named at all.
    """
    moments = np.linspace(0, len(video) - 1, min(num_pictures, len(video))).round().astype(int)
    size = max(15, video.shape[1] // 6)  # legible when the row is shown small
    names = [f"{title if t == 0 else ''} t {t}".strip() for t in moments.tolist()]
    pairs = zip(moments, names, strict=True)
    return beside([caption(video[t], name, size) if times else video[t] for t, name in pairs])


def write_mp4(video: UInt8[Array, "T H W 3"], path: Path, fps: int = 6) -> None:
    """Writes a video file that every browser plays, small rather than quickly."""
    with video_writer(path, Fraction(fps), preset="medium", quality=18) as write:
        for picture in video:
            write(picture)


def png_bytes(picture: UInt8[Array, "H W 3"]) -> bytes:
    """The picture as a PNG file in memory."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def data_uri(content: bytes, mime: str) -> str:
    """The content as a base64 address, so that a page needs no file beside it."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
