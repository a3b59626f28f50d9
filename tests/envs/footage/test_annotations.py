"""What annotations mean where they are odd, and which of them are refused, by file and line."""

from pathlib import Path

import pytest
from PIL import Image

from envs.footage import formats
from tests import footage

BOXES = footage.path_of(12)


def kitti(folder: Path, *hidden: tuple[str, str]) -> Path:
    """A sequence whose one car is truncated and occluded in so many frames."""
    footage.write_pictures(folder / "image_02" / "0000", BOXES)
    (folder / "label_02").mkdir()
    rows = [
        f"{t} 5 Car {truncated} {occluded} 0 {x} {y} {x + w} {y + h} -1 -1 -1 -1 -1 -1 -1"
        for t, ((truncated, occluded), (x, y, w, h)) in enumerate(zip(hidden, BOXES, strict=False))
    ]
    (folder / "label_02" / "0000.txt").write_text("\n".join(rows))
    return folder


def test_fractions_of_kitti_are_hidden_shares(tmp_path: Path) -> None:
    hidden = [("0.00", "0"), ("0.25", "0"), ("0.88", "0"), ("1.00", "0"), ("0.25", "2")]
    (found,) = formats.load(kitti(tmp_path, *hidden))
    assert found.visible[:5, 0].tolist() == pytest.approx([1, 0.75, 0.12, 0, 0.2])


def test_fractions_of_tracks_are_hidden_shares(tmp_path: Path) -> None:
    footage.write_tracks(tmp_path)
    text = (tmp_path / "tracks.csv").read_text()
    (tmp_path / "tracks.csv").write_text(text.replace("car,1,0,1", "car,0.5,0,1"))
    with pytest.raises(ValueError, match=r"tracks\.csv, line 8: occluded=2"):
        formats.load(tmp_path)
    (tmp_path / "tracks.csv").write_text(
        text.replace("car,1,0,1", "car,0.5,0,1").replace("car,2,0,1", "car,.75,0,1")
    )
    (found,) = formats.load(tmp_path)
    assert found.visible[:3, 0].tolist() == [1, 0.5, 0.25]


def test_sequences_without_objects_are_left_out(tmp_path: Path) -> None:
    folder = kitti(tmp_path, ("0", "0"), ("0", "0"))
    footage.write_pictures(folder / "image_02" / "0001", BOXES)
    empty = folder / "label_02" / "0001.txt"
    for text in ("", "0 -1 DontCare -1 -1 -10 1 2 3 4 -1 -1 -1 -1 -1 -1 -1"):
        empty.write_text(text)
        with pytest.warns(UserWarning, match="no object is annotated in 0001: left out"):
            (found,) = formats.load(tmp_path)
        assert found.name == "0000"
    (folder / "label_02" / "0000.txt").unlink()
    with pytest.raises(ValueError, match="no object is annotated in 0001"):
        formats.load(tmp_path)


def test_kitti_has_one_picture_of_each_number(tmp_path: Path) -> None:
    folder = kitti(tmp_path, ("0", "0")) / "image_02" / "0000"
    (folder / "000003.jpg").write_bytes((folder / "000003.png").read_bytes())
    with pytest.raises(ValueError, match="two pictures of one number"):
        formats.load(tmp_path)


def test_a_table_with_a_header_alone_has_no_object(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 12)
    (tmp_path / "boxes.csv").unlink()
    (tmp_path / "tracks.csv").write_text("frame,id,x,y,w,h\n")
    with pytest.raises(ValueError, match="no object is annotated"):
        formats.load(tmp_path)
    (tmp_path / "boxes.csv").write_text("frame,x,y,w,h\n")
    with pytest.raises(ValueError, match="12 frames in"):
        formats.load(tmp_path)


def test_seqinfo_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = footage.write_mot(tmp_path) / "seqinfo.ini"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"comment=100 % of it\n")
    assert formats.load(tmp_path)[0].num_objects == 2


# As of the benchmark's toolkits: https://github.com/got-10k/toolkit, got10k/datasets/otb.py.
@pytest.mark.parametrize(
    ("name", "first", "boxes"),
    [("David", 300, 471), ("Diving", 1, 215), ("Football1", 1, 74), ("Freeman3", 1, 460),
     ("Freeman4", 1, 283)],
)  # fmt: skip
def test_otb_has_sequences_with_frame_ranges_of_their_own(
    name: str, first: int, boxes: int, tmp_path: Path
) -> None:
    folder = tmp_path / name
    (folder / "img").mkdir(parents=True)
    Image.new("L", (8, 8)).save(tmp_path / "0.png")
    content = (tmp_path / "0.png").read_bytes()
    for number in range(1, first + boxes + 9):
        (folder / "img" / f"{number:04}.png").write_bytes(content)
    (folder / "groundtruth_rect.txt").write_text("2,2,3,3\n" * boxes)
    (found,) = formats.load(folder)
    assert len(found) == boxes
    assert found.frames.paths[0].name == f"{first:04}.png"  # type: ignore[attr-defined]


WRITERS = {**footage.WRITERS, "csv": footage.write_tracks}
TABLE = "tracks.csv"
TAIL = "1.5 1.6 3.9 1 1 1 0.1"
WALK = " ".join(f"{t} {t} 20 20" for t in range(12))


@pytest.mark.parametrize(
    ("name", "file", "place", "text"),
    [
        ("mot", "gt/gt.txt", 4, "1,1,30,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "nan,1,3,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "inf,1,3,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "1e300,1,3,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "2,nan,3,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "2,-inf,3,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "2.5,1,3,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "2,1.5,3,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "0,1,3,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "2,1,inf,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "2,1,nan,9,10,8,1,1,1"),
        ("mot", "gt/gt.txt", 5, "2,1,3,9,10,8,1,1,nan"),
        ("kitti", "label_02/0003.txt", 6, f"0 0 Car 0 0 0 3 5 13 13 {TAIL}"),
        ("kitti", "label_02/0003.txt", 6, f"nan 0 Car 0 0 0 3 5 13 13 {TAIL}"),
        ("kitti", "label_02/0003.txt", 6, f"2 inf Car 0 0 0 3 5 13 13 {TAIL}"),
        ("kitti", "label_02/0003.txt", 6, f"1.5 0 Car 0 0 0 3 5 13 13 {TAIL}"),
        ("kitti", "label_02/0003.txt", 6, f"2 0 Car nan 0 0 3 5 13 13 {TAIL}"),
        ("kitti", "label_02/0003.txt", 6, f"-2 0 Car 0 0 0 3 5 13 13 {TAIL}"),
        ("kth", "KTHBoundingBoxInfoTest.txt", 4, f"nan 3 6 1 5 16 {WALK}"),
        ("kth", "KTHBoundingBoxInfoTest.txt", 4, f"2 3 6 1 inf 16 {WALK}"),
        ("kth", "KTHBoundingBoxInfoTest.txt", 4, f"2 3.5 6 1 5 16 {WALK}"),
        ("kth", "KTHBoundingBoxInfoTest.txt", 4, f"2 3 6 1 0 11 {WALK}"),
        ("kth", "KTHBoundingBoxInfoTest.txt", 4, f"2 3 6 1 5 16 nan {WALK[2:]}"),
        ("csv", TABLE, 5, "0,7,3,5,10,8,car,0,0,1"),
        ("csv", TABLE, 5, "nan,7,3,5,10,8,car,0,0,1"),
        ("csv", TABLE, 5, "1,inf,3,5,10,8,car,0,0,1"),
        ("csv", TABLE, 5, "1,,3,5,10,8,car,0,0,1"),
        ("csv", TABLE, 5, "1e999,7,3,5,10,8,car,0,0,1"),
        ("csv", TABLE, 5, "-1,7,3,5,10,8,car,0,0,1"),
        ("csv", TABLE, 5, "1,7,inf,5,10,8,car,0,0,1"),
        ("csv", TABLE, 5, "1,7,3,5,10,8,car,nan,0,1"),
        ("csv", TABLE, 5, '1,7,3,5,10,8,"car,0,0,1'),
        ("otb", "groundtruth_rect.txt", 2, "inf,1,2,3"),
        ("vot", "groundtruth.txt", 2, "1,2,inf,4"),
    ],
)
def test_what_cannot_be_meant_is_named(
    name: str, file: str, place: int, text: str, tmp_path: Path
) -> None:
    WRITERS[name](tmp_path)
    footage.break_line(tmp_path / file, place, text)
    with pytest.raises(ValueError, match=rf"{file}, line {place}: "):
        formats.load(tmp_path)
