"""KTH actions (Schuldt et al., ICPR 2004) with the box files that RATM and HART were tested with.

``KTHBoundingBoxInfo*.txt`` (Jiang, Lin and Davis) holds a row per walk through the view: ``person
scenario action sequence start end``, frames counted from 1, then ``top left bottom right`` for
each frame. Videos are ``person01_walking_d1_uncomp.avi`` anywhere below the folder.
"""

from pathlib import Path

from envs.footage.films import VideoFile
from envs.footage.folders import films_in
from envs.footage.formats.lines import lines, malformed, numbers, whole, words
from envs.footage.sequences import Mark, Sequence, from_marks

FILES = "KTHBoundingBoxInfo*.txt"
ACTIONS = ("boxing", "handclapping", "handwaving", "jogging", "running", "walking")


def matches(folder: Path) -> bool:
    """Whether the folder has box files of this data set."""
    return any(folder.glob(FILES))


def load(folder: Path) -> list[Sequence]:
    """Every row whose video is there.

    Raises:
        FileNotFoundError: There is no video at all.
        ValueError: A row is malformed.
    """
    videos = {
        "_".join(path.stem.split("_")[:3]): path for path in films_in(folder, "**/person*_*_d*")
    }
    found = []
    for path in sorted(folder.glob(FILES)):
        for place, line in lines(path):
            if _is_row(line):
                name, first, marks = _row(path, place, line)
                if video := videos.get(name.rpartition("_")[0]):
                    film = VideoFile(video, first, len(marks))
                    found.append(from_marks(name, film, {0: marks}))
    if not found:
        raise FileNotFoundError(
            f"no video for the boxes of {folder}: put person01_walking_d1_uncomp.avi and the "
            "others there"
        )
    return found


def _is_row(line: str) -> bool:
    """Whether it begins with a number, if only NaN: the files begin with prose."""
    try:
        float(words(line)[0])
    except (ValueError, IndexError):
        return False
    return True


def _row(path: Path, place: int, line: str) -> tuple[str, int, dict[int, Mark]]:
    """Name, first frame (from 0) and boxes of one row."""
    what = "person scenario action sequence start end, and 4 numbers per frame"
    value = numbers(path, place, words(line), what)
    if len(value) < 6:
        raise malformed(path, place, f"it should hold {what}")
    names = ("person", "scenario", "action", "sequence", "start", "end")
    header = whole(path, place, **dict(zip(names, value, strict=False)))
    person, scenario, action, sequence, start, end = header
    if start < 1:
        raise malformed(path, place, f"start={start}, but frames are counted from 1")
    if not 1 <= action <= len(ACTIONS):
        raise malformed(path, place, f"action {action} is none of 1 to {len(ACTIONS)}")
    corners = value[6:]
    if len(corners) != 4 * (end - start + 1):
        raise malformed(
            path,
            place,
            f"{len(corners)} numbers for the boxes of frames {start} to {end}, "
            f"which need {4 * (end - start + 1)}",
        )
    marks: dict[int, Mark] = {}
    for t in range(end - start + 1):
        top, left, bottom, right = corners[4 * t : 4 * t + 4]
        marks[t] = ((left, top, right - left, bottom - top), 1.0)
    name = f"person{person:02}_{ACTIONS[action - 1]}_d{scenario}_{sequence}"
    return name, start - 1, marks
