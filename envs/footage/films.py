"""Video files: which stream is meant, how many frames it shows, and which way up they are."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from PIL import Image

from envs.footage.frames import Frames, Unreadable

SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v"})
USUAL_RATE = Fraction(25)
"""Frames per second of what does not say."""
TURNS = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
}
"""What a player does by the display matrix: a step right goes (a, b), one down (c, d)."""


QUARTERS = {
    90: Image.Transpose.ROTATE_90,
    -90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    -180: Image.Transpose.ROTATE_180,
}
"""The same by PyAV's degrees against the clock, which tell nothing of mirrors."""


class TooShort(Unreadable):
    """The file is sound as far as it goes, but over before all of its part."""


class VideoFile(Frames):
    """A part of a video file. It is decoded from its start, so all of the part at once.

    Args:
        path: The file.
        first: Its first frame that belongs to the part.
        number: Frames in the part; None for all.

    Raises:
        FileNotFoundError: There is no such file.
        Unreadable: It is no video, or a damaged one.
    """

    def __init__(self, path: Path, first: int = 0, number: int | None = None) -> None:
        self.path = path
        self.first = first
        self.number = count(path) - first if number is None else number

    def __len__(self) -> int:
        """Frames in the part."""
        return self.number

    def read(self, wanted: set[int]) -> Iterator[tuple[int, Image.Image]]:
        """Decodes the whole part."""
        if not wanted:
            return
        done = 0
        for t, frame in enumerate(_decoded(self.path), start=-self.first):
            if t >= self.number:
                return
            done += 1
            if t >= 0:
                # to_image() takes several times as long.
                picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
                turn = _turn(frame) if self.rotate else None
                yield t, picture if turn is None else picture.transpose(turn)
        if done < self.first + self.number:
            raise TooShort(
                f"{self.path}: only {done} frames can be decoded, but {self.first + self.number} "
                "are needed; get the whole video, or ask for fewer (shorten a list of boxes)"
            )


def count(path: Path) -> int:
    """Number of frames of a video file. All are decoded: packets may hold none, or be trimmed off.

    Raises:
        FileNotFoundError: There is no such file.
        Unreadable: It is no video, a damaged one, or one without frames.
    """
    if number := sum(1 for _ in _decoded(path)):
        return number
    raise Unreadable(f"{path}: not one frame of this video can be decoded; get it anew")


def promised(path: Path) -> int:
    """Number of frames of a video file by its packets: quick, and in odd files too large.

    Raises:
        FileNotFoundError: There is no such file.
        Unreadable: It is no video.
    """
    with _opened(path) as (container, stream):
        return sum(packet.size > 0 and not packet.is_discard for packet in container.demux(stream))


def rate(path: Path) -> Fraction:
    """Frames per second of a video file.

    Raises:
        FileNotFoundError: There is no such file.
        Unreadable: It is no video.
    """
    with _opened(path) as (_, stream):
        return stream.average_rate or stream.guessed_rate or USUAL_RATE


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    with _opened(path) as (container, stream):
        stream.codec_context.thread_count = 1  # others share the cores
        yield from container.decode(stream)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and the stream that players show: no thumbnail, no cover art."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such video file")
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            yield container, _film(container, path)
    except av.error.FFmpegError as error:
        raise Unreadable(
            f"{path}: this video cannot be decoded ({error.strerror}); get it anew, or convert it "
            "to MP4"
        ) from error


def _film(container: InputContainer, path: Path) -> VideoStream:
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams}))
        raise Unreadable(f"{path}: no film in this file{kinds and f', only {kinds}'}")
    best = container.streams.best("video")
    chosen = best if best in streams else streams[0]
    if chosen.codec_context is None:
        raise Unreadable(
            f"{path}: this video is damaged, or of a kind that is not known; get it anew, or "
            "convert it to MP4"
        )
    return chosen


def _turn(frame: av.VideoFrame) -> Image.Transpose | None:
    """How to show a frame upright; None as it is (as for angles that are no quarter turns)."""
    try:
        side: Any = frame.side_data  # PyAV's stub names motion vectors only
    except ValueError:  # PyAV does not know all that FFmpeg puts there, such as EXIF
        return QUARTERS.get(frame.rotation)
    if "DISPLAYMATRIX" not in side:
        return None
    matrix = np.frombuffer(bytes(side["DISPLAYMATRIX"]), np.int32)[[0, 1, 3, 4]]
    a, b, c, d = (matrix / max(np.abs(matrix).max(), 1)).round().astype(int).tolist()
    return TURNS.get((a, b, c, d))
