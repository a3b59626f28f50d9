"""Where the frames of a video come from: a list of pictures, or a video file."""

import abc
import re
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from PIL import Image

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"})
FILMS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v"})


class Frames(abc.ABC):
    """Frames in order, read when they are asked for. Two are equal only if they are the same."""

    path: Path
    """What to name in messages."""

    @abc.abstractmethod
    def __len__(self) -> int:
        """How many frames there are."""

    @abc.abstractmethod
    def read(self, wanted: set[int]) -> Iterator[tuple[int, Image.Image]]:
        """Gives the wanted frames, and perhaps more that had to be decoded on the way.

        Raises:
            FileNotFoundError: A file is missing.
            ValueError: A file cannot be decoded, or is too short.
        """


class Images(Frames):
    """One picture file per frame.

    Args:
        paths: In order.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.path = paths[0].parent

    def __len__(self) -> int:
        """Number of files."""
        return len(self.paths)

    def read(self, wanted: set[int]) -> Iterator[tuple[int, Image.Image]]:
        """Opens the wanted files."""
        for t in sorted(wanted):
            path = self.paths[t]
            try:
                with Image.open(path) as picture:
                    yield t, picture.convert("RGB")
            except FileNotFoundError:
                raise FileNotFoundError(f"{path}: there is no such picture") from None
            except (OSError, SyntaxError) as error:  # Pillow's errors for damaged files
                raise ValueError(
                    f"{path}: this picture cannot be read ({error}); download it again"
                ) from error


class VideoFile(Frames):
    """A part of a video file. It is decoded from its start, so all of the part at once.

    Args:
        path: The file.
        first: Its first frame that belongs to the part.
        number: Frames in the part; None for all.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no video.
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
        t = -self.first
        try:
            with av.open(str(self.path)) as container:
                container.streams.video[0].codec_context.thread_count = 1  # others share the cores
                for frame in container.decode(video=0):
                    if t >= self.number:
                        return
                    if t >= 0:
                        # to_image() takes several times as long.
                        yield t, Image.fromarray(frame.to_ndarray(format="rgb24"))
                    t += 1
        except av.error.FFmpegError as error:
            raise _undecodable(self.path, error) from error
        if t < self.number:
            raise ValueError(
                f"{self.path}: only {t + self.first} frames can be decoded, but the boxes name "
                f"{self.number + self.first}; get the whole video, or shorten the list of boxes"
            )


def count(path: Path) -> int:
    """Number of frames of a video file, without decoding them.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no video.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such video file")
    try:
        with av.open(str(path)) as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except (av.error.FFmpegError, IndexError) as error:
        raise _undecodable(path, error) from error


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, in the order of the numbers in their names."""
    paths = [path for path in folder.glob("*") if path.suffix.lower() in PICTURES]
    return sorted(paths, key=lambda path: (number(path), path.name))


def number(path: Path) -> int:
    """The last number in a file's name; -1 if it has none."""
    digits = re.findall(r"\d+", path.stem)
    return int(digits[-1]) if digits else -1


def find(*folders: Path) -> Frames:
    """The frames in the first of some folders that has any: pictures, or one video file.

    Raises:
        FileNotFoundError: None has any.
        ValueError: A folder has several video files.
    """
    for folder in folders:
        if pictures := pictures_in(folder):
            return Images(pictures)
        films = [p for p in folder.glob("*") if p.suffix.lower() in FILMS]
        if len(films) > 1:
            raise ValueError(f"{folder}: {len(films)} video files, leave the one that is meant")
        if films:
            return VideoFile(films[0])
    places = ", ".join(str(folder) for folder in folders)
    raise FileNotFoundError(f"no pictures and no video file in {places}: put the frames there")


def _undecodable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path}: this video cannot be decoded ({error}); download it again")
