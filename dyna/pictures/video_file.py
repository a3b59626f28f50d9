"""Video files written picture by picture, so that they may be as long as they like."""

import contextlib
import io
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from envs.footage import films

FINEST = 1001
"""Largest denominator of a rate that is no fraction: that of 30000/1001, as television has it."""
Write = Callable[[UInt8[np.ndarray, "H W 3"]], None]


@contextlib.contextmanager
def video_writer(
    path: Path,
    rate: Fraction | float,
    preset: str = "ultrafast",
    threads: int = 1,
    quality: int = 21,
) -> Iterator[Write]:
    """Gives a function that adds one picture to an MP4 file (H.264, yuv420p).

    The first picture sets the size; odd sides grow by a pixel, as the format asks.

    Args:
        path: The file; a half-written one is removed if anything goes wrong.
        rate: Pictures per second.
        preset: Of libx264: what it gives in time for smaller files.
        threads: Of the encoder.
        quality: libx264's crf: lower is better and larger.

    Raises:
        ValueError: The rate is out of range.
    """
    if not 1 / FINEST <= rate < math.inf:
        raise ValueError(f"rate must be 1/{FINEST} pictures a second or more, got {rate}")
    exact = rate if isinstance(rate, Fraction) else Fraction(float(rate)).limit_denominator(FINEST)
    done = False
    try:
        with av.open(str(path), mode="w", format="mp4") as container:
            stream = container.add_stream(
                "libx264", rate=exact, options={"crf": str(quality), "preset": preset}
            )
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = threads

            def write(picture: UInt8[np.ndarray, "H W 3"]) -> None:
                height, width = picture.shape[:2]
                if height % 2 or width % 2:
                    growth = ((0, height % 2), (0, width % 2), (0, 0))
                    picture = np.pad(picture, growth, mode="edge")
                if not stream.codec_context.is_open:
                    stream.height, stream.width = picture.shape[:2]
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))

            yield write
            container.mux(stream.encode(None))
        done = True
    finally:
        if not done:
            path.unlink(missing_ok=True)


def poster(path: Path) -> bytes:
    """The first picture of a video file, as a small JPEG file in memory."""
    buffer = io.BytesIO()
    with av.open(str(path)) as container:
        next(container.decode(video=0)).to_image().save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()


def rate_of(path: Path) -> Fraction:
    """Frames per second of a video file, or the usual of what is none (a folder of pictures)."""
    return films.rate(path) if path.is_file() else films.USUAL_RATE
