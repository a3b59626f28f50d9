"""Small videos with a bright rectangle on known pixels, in every format that is read."""

import struct
from pathlib import Path

import av
import numpy as np
from PIL import Image

SIZE = (64, 48)
"""Width and height."""
Box = tuple[int, int, int, int]


def path_of(length: int, k: int = 0) -> list[Box]:
    """(left, top, width, height) in pixels from 0, of a rectangle that moves to the right."""
    return [(3 + t, 5 + 16 * k + t % 3, 10, 8 + k) for t in range(length)]


def picture(*boxes: Box, size: tuple[int, int] = SIZE) -> Image.Image:
    """White rectangles on black; later ones are darker, so that they can be told apart."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for k, (x, y, w, h) in enumerate(boxes):
        pixels[y : y + h, x : x + w] = 255 - 60 * k
    return Image.fromarray(pixels)


def write_pictures(
    folder: Path, *paths: list[Box], name: str = "{:06}.png", first: int = 0
) -> None:
    """One picture per frame, named from ``first`` on."""
    folder.mkdir(parents=True, exist_ok=True)
    for t, boxes in enumerate(zip(*paths, strict=True)):
        picture(*boxes).save(folder / name.format(first + t))


def write_film(path: Path, *paths: list[Box], before: int = 0) -> None:
    """A video without loss, with some black frames before the rectangles come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [picture()] * before + [picture(*boxes) for boxes in zip(*paths, strict=True)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1" if path.suffix == ".avi" else "libx264", rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "bgr0" if path.suffix == ".avi" else "yuv444p"
        if path.suffix != ".avi":
            stream.options = {"crf": "0"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode(None))


def turn_film(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Writes a display matrix into an MP4: a step right is shown as (a, b), one down as (c, d)."""
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    content = path.read_bytes()
    at = content.index(b"tkhd") + 44  # times, number, duration, layer, volume come before
    path.write_bytes(content[:at] + matrix + content[at + len(matrix) :])


def trim_film(path: Path, first: int) -> None:
    """Hides the first frames of an MP4 by its edit list, as tools do that do not encode anew."""
    content = path.read_bytes()
    scale = content.index(b"mdhd") + 16
    (per_second,) = struct.unpack(">I", content[scale : scale + 4])
    at = content.index(b"elst") + 16
    (begin,) = struct.unpack(">i", content[at : at + 4])
    begin += first * per_second // 25
    path.write_bytes(content[:at] + struct.pack(">i", begin) + content[at + 4 :])


def table(boxes: list[Box], hidden: set[int] = frozenset()) -> str:
    """``boxes.csv``; the target is absent in the hidden frames."""
    rows = [
        f"{t},,,,,0" if t in hidden else f"{t},{x},{y},{w},{h},1"
        for t, (x, y, w, h) in enumerate(boxes)
    ]
    return "\n".join(["frame,x,y,w,h,visible", *rows]) + "\n"


def write_folder(folder: Path, length: int = 30, hidden: set[int] = frozenset()) -> Path:
    """Our own format."""
    write_pictures(folder / "frames", path_of(length))
    (folder / "boxes.csv").write_text(table(path_of(length), hidden))
    return folder


def write_tracks(folder: Path, length: int = 12) -> Path:
    """Our own format, two objects and a region to ignore; the second is the main one."""
    one, two = path_of(length), path_of(length, 1)
    write_pictures(folder / "frames", one, two)
    (folder / "boxes.csv").write_text(table(two))
    rows = ["frame,id,x,y,w,h,class,occluded,truncated,valid"]
    for t in range(length):
        rows.append(f"{t},7,{','.join(map(str, one[t]))},car,{t % 3},0,1")
        rows.append(f"{t},9,{','.join(map(str, two[t]))},car,,,1")
        rows.append(f"{t},4,0,0,9,9,crowd,,,0")
    (folder / "tracks.csv").write_text("\n".join(rows))
    return folder


def write_otb(folder: Path, length: int = 12, separator: str = ",", first: int = 1) -> Path:
    """Pixels from 1."""
    write_pictures(folder / "img", path_of(length), name="{:04}.jpg", first=first)
    rows = [(x + 1, y + 1, w, h) for x, y, w, h in path_of(length)]
    text = "\n".join(separator.join(map(str, row)) for row in rows)
    (folder / "groundtruth_rect.txt").write_text(text + "\n")
    return folder


def write_vot(folder: Path, length: int = 12) -> Path:
    """Polygons, one box, one absent target."""
    write_pictures(folder / "color", path_of(length), name="{:08}.png", first=1)
    rows = []
    for x, y, w, h in path_of(length):
        left, top = x + 1, y + 1
        corners = [left, top, left + w, top, left + w, top + h, left, top + h]
        rows.append(",".join(f"{value}.000" for value in corners))
    x, y, w, h = path_of(length)[2]
    rows[2] = f"{x + 1}\t{y + 1}\t{w}\t{h}"
    rows[3] = "nan,nan,nan,nan"
    (folder / "groundtruth.txt").write_text("\n".join(rows))
    return folder


def write_mot(folder: Path, length: int = 12, columns: int = 9, film: bool = False) -> Path:
    """Two objects that count, and one that does not."""
    one, two = path_of(length), path_of(length, 1)
    if film:
        write_film(folder / f"{folder.name}.mp4", one, two)
    else:
        write_pictures(folder / "img1", one, two, first=1)
    rows = []
    for t in range(length):
        for identity, counts, share, (x, y, w, h) in [
            (1, 1, 0.75, one[t]),
            (2, 1, 0.25 if t < 4 else 1.0, two[t]),
            (3, 0, 1.0, one[t]),
        ]:
            rest = f"1,{share}" if columns == 9 else "-1,-1,-1"
            rows.append(f"{t + 1},{identity},{x + 1},{y + 1},{w},{h},{counts},{rest}")
    (folder / "gt").mkdir(parents=True)
    (folder / "gt" / "gt.txt").write_text("\n".join(rows))
    info = f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate=25\nseqLength={length}\n"
    (folder / "seqinfo.ini").write_text(info)
    return folder


def write_kitti(folder: Path, length: int = 12) -> Path:
    """One car that is hidden at first, one that is not, and a region to ignore."""
    one, two = path_of(length), path_of(length, 1)
    write_pictures(folder / "image_02" / "0003", one, two)
    tail = "1.5 1.6 3.9 1 1 1 0.1"
    rows = []
    for t in range(length):
        for identity, kind, truncated, occluded, (x, y, w, h) in [
            (-1, "DontCare", -1, -1, one[t]),
            (0, "Car", 0, 2 if t < 3 else 0, one[t]),
            (1, "Van", 1, 0, two[t]),
        ]:
            corners = f"{x}.00 {y}.00 {x + w}.00 {y + h}.00"
            rows.append(f"{t} {identity} {kind} {truncated} {occluded} -1.5 {corners} {tail}")
    (folder / "label_02").mkdir(parents=True)
    (folder / "label_02" / "0003.txt").write_text("\n".join(rows))
    return folder


def write_kth(folder: Path, length: int = 12, before: int = 4) -> Path:
    """One walk of one person; a row for a video that is not there, and the prose of the files."""
    write_film(
        folder / "videos" / "person02_walking_d3_uncomp.avi", path_of(length), before=before
    )
    corners = " ".join(f"{y} {x} {y + h} {x + w}" for x, y, w, h in path_of(length))
    row = f"2 3 6 1 {before + 1} {before + length} {corners}"
    text = f"Each row provides:\nperson number (1-25)\n\n{row}\n9 3 6 1 1 1 1 2 3 4\n"
    (folder / "KTHBoundingBoxInfoTest.txt").write_text(text)
    return folder


WRITERS = {
    "csv": write_folder,
    "kitti": write_kitti,
    "kth": write_kth,
    "mot": write_mot,
    "otb": write_otb,
    "vot": write_vot,
}
"""By the name of the format."""


def break_line(path: Path, place: int, text: str) -> None:
    """Puts another text into a line of a file; lines are counted from 1."""
    lines = path.read_text().splitlines()
    lines[place - 1] = text
    path.write_text("\n".join(lines))
