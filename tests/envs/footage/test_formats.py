"""Every format: the boxes must lie on the very pixels of the rectangles that were drawn."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from envs.footage import formats
from envs.footage.sequences import Sequence
from tests import footage


def bright(sequence: Sequence, t: int, level: int = 250) -> tuple[int, int, int, int]:
    """(left, top, width, height) of the bright pixels of a frame."""
    images = {place: np.asarray(image) for place, image in sequence.frames.read({t})}
    rows, columns = np.nonzero(images[t].min(-1) > level)
    corner = (int(columns.min()), int(rows.min()))
    return *corner, int(columns.max()) + 1 - corner[0], int(rows.max()) + 1 - corner[1]


@pytest.mark.parametrize("name", formats.FORMATS)
@pytest.mark.parametrize("given", ["auto", "named"])
def test_boxes_lie_on_the_pixels(name: str, given: str, tmp_path: Path) -> None:
    footage.WRITERS[name](tmp_path / "deep" / "down")
    (found,) = formats.load(tmp_path, "auto" if given == "auto" else name)
    level = 200 if name == "otb" else 250  # JPEG is not exact
    for t in (0, 5, len(found) - 1):
        assert tuple(found.box_px[t, 0]) == bright(found, t, level)


def test_levels_of_occlusion_become_visible_shares(tmp_path: Path) -> None:
    (found,) = formats.load(footage.write_kitti(tmp_path))
    assert found.num_objects == 2, "DontCare is no object"
    assert found.visible[:, 0].tolist() == [0.2] * 3 + [1.0] * 9
    assert found.visible[:, 1].tolist() == [0.6] * 12
    (tracks,) = formats.load(footage.write_tracks(tmp_path / "tracks"))
    assert tracks.visible[:3, 0].tolist() == [1.0, 0.6, 0.2]


def test_mot_leaves_out_what_does_not_count(tmp_path: Path) -> None:
    (new,) = formats.load(footage.write_mot(tmp_path / "new"))
    assert new.num_objects == 2
    assert new.visible[0].tolist() == [0.75, 0.25]
    (old,) = formats.load(footage.write_mot(tmp_path / "old", columns=10))
    assert old.visible[0].tolist() == [1.0, 1.0], "these columns were coordinates in 2015"


def test_frames_may_be_a_video_file(tmp_path: Path) -> None:
    (found,) = formats.load(footage.write_mot(tmp_path / "MOT-1", film=True))
    assert tuple(found.box_px[7, 0]) == bright(found, 7)
    boxes = footage.path_of(9)
    footage.write_film(tmp_path / "alone" / "clip.mp4", boxes)
    (tmp_path / "alone" / "clip.csv").write_text(footage.table(boxes))
    for path in (tmp_path / "alone", tmp_path / "alone" / "clip.mp4"):
        (film,) = formats.load(path)
        assert film.name == "clip"
        assert bright(film, 8) == boxes[8]


def test_an_absent_target_is_invisible_and_its_box_is_in_between(tmp_path: Path) -> None:
    (found,) = formats.load(footage.write_folder(tmp_path / "gap", 12, hidden={0, 5, 6, 11}))
    assert found.visible[:, 0].tolist() == [0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0]
    assert found.box_px[:, 0, 0].tolist() == [4, *range(4, 14), 13]
    (vot,) = formats.load(footage.write_vot(tmp_path / "vot"))
    assert vot.visible[:5, 0].tolist() == [1, 1, 1, 0, 1]


def test_tracks_are_several_objects_and_boxes_name_the_main_one(tmp_path: Path) -> None:
    (found,) = formats.load(footage.write_tracks(tmp_path))
    assert found.num_objects == 2
    assert found.main == 1


@pytest.mark.parametrize("separator", [",", "\t", " "])
def test_otb_splits_numbers_in_three_ways(separator: str, tmp_path: Path) -> None:
    (found,) = formats.load(footage.write_otb(tmp_path, separator=separator))
    assert tuple(found.box_px[3, 0]) == footage.path_of(12)[3]


def test_otb_may_have_several_targets_and_boxes_for_a_part(tmp_path: Path) -> None:
    folder = footage.write_otb(tmp_path / "Jogging")
    text = (folder / "groundtruth_rect.txt").read_text()
    (folder / "groundtruth_rect.txt").rename(folder / "groundtruth_rect.1.txt")
    (folder / "groundtruth_rect.2.txt").write_text(text)
    assert formats.load(folder)[0].num_objects == 2
    folder = footage.write_otb(tmp_path / "David", first=295)
    lines = (folder / "groundtruth_rect.txt").read_text().splitlines()
    (folder / "groundtruth_rect.txt").write_text("\n".join(lines[5:]))
    (found,) = formats.load(folder)
    assert len(found) == 7
    assert tuple(found.box_px[0, 0]) == bright(found, 0, 200)


def test_pictures_are_sorted_by_number(tmp_path: Path) -> None:
    boxes = footage.path_of(12)
    footage.write_pictures(tmp_path / "frames", boxes, name="frame{}.png")
    (tmp_path / "boxes.csv").write_text(footage.table(boxes))
    (found,) = formats.load(tmp_path)
    assert bright(found, 10) == boxes[10]


def test_kitti_says_which_pictures_are_missing(tmp_path: Path) -> None:
    folder = footage.write_kitti(tmp_path)
    (folder / "image_02" / "0003" / "000004.png").unlink()
    with pytest.warns(UserWarning, match=r"1 frames with boxes have no picture.*first is 4"):
        (found,) = formats.load(tmp_path)
    assert len(found) == 11
    assert tuple(found.box_px[4, 0]) == footage.path_of(12)[5]


@pytest.mark.parametrize(
    ("name", "file", "place", "text"),
    [
        ("csv", "boxes.csv", 4, "2,5,x,10,8,1"),
        ("csv", "boxes.csv", 4, "2,5,6"),
        ("csv", "boxes.csv", 4, "2,5,6,10,8,7"),
        ("csv", "boxes.csv", 1, "frame,left,top"),
        ("kitti", "label_02/0003.txt", 5, "1 0 Car 0"),
        ("kitti", "label_02/0003.txt", 5, "1 0 Car 0 9 -1.5 4 5 6 7 1"),
        ("kitti", "label_02/0003.txt", 5, "1 0 Car 0 0 -1.5 4 5 6 here 1"),
        ("kth", "KTHBoundingBoxInfoTest.txt", 4, "2 3 6 1 1 2 3 4 5 6"),
        ("kth", "KTHBoundingBoxInfoTest.txt", 4, "2 3 7 1 1 1 3 4 5 6"),
        ("mot", "gt/gt.txt", 3, "1,2,3"),
        ("otb", "groundtruth_rect.txt", 2, "1,2,3"),
        ("vot", "groundtruth.txt", 6, "1,2,3,4,5"),
        ("vot", "groundtruth.txt", 1, "m0,0,3,3,1,8"),
    ],
)
def test_a_malformed_line_is_named(
    name: str, file: str, place: int, text: str, tmp_path: Path
) -> None:
    footage.WRITERS[name](tmp_path)
    footage.break_line(tmp_path / file, place, text)
    with pytest.raises(ValueError, match=rf"{file}, line {place}: "):
        formats.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "frames"),
    [("csv", "frames"), ("mot", "img1"), ("otb", "img"), ("vot", "color")],
)
def test_as_many_boxes_as_frames(name: str, frames: str, tmp_path: Path) -> None:
    footage.WRITERS[name](tmp_path)
    sorted((tmp_path / frames).iterdir())[-1].unlink()
    with pytest.raises(ValueError, match=rf"\d+ frames in .*{frames}"):
        formats.load(tmp_path)


def test_mot_knows_how_many_frames_there_should_be(tmp_path: Path) -> None:
    info = footage.write_mot(tmp_path) / "seqinfo.ini"
    info.write_text(info.read_text().replace("seqLength=12", "seqLength=13"))
    with pytest.raises(ValueError, match="seqLength=13, but 12 frames"):
        formats.load(tmp_path)
    info.write_text(info.read_text().replace("seqLength=13\n", ""))
    assert len(formats.load(tmp_path)[0]) == 12


@pytest.mark.parametrize("name", formats.FORMATS)
def test_frames_that_are_not_there_are_asked_for(name: str, tmp_path: Path) -> None:
    footage.WRITERS[name](tmp_path)
    for path in tmp_path.rglob("*"):
        if path.suffix in {".png", ".jpg", ".avi"}:
            path.unlink()
    with pytest.raises(FileNotFoundError, match=r"put|unpack"):
        formats.load(tmp_path)


def test_wrong_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        formats.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no sequence of format auto"):
        formats.load(tmp_path)
    with pytest.raises(ValueError, match="'voc'"):
        formats.load(tmp_path, "voc")
    footage.write_film(tmp_path / "clip.mp4", footage.path_of(3))
    with pytest.raises(FileNotFoundError, match=r"needs its boxes in .*clip\.csv"):
        formats.load(tmp_path / "clip.mp4")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = footage.write_folder(tmp_path / "pictures", 12)
    (folder / "frames" / "000003.png").write_bytes(b"no picture")
    (found,) = formats.load(folder)
    with pytest.raises(ValueError, match=r"000003\.png: this picture cannot be read"):
        list(found.frames.read({3}))
    (folder / "frames" / "000003.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"000003\.png"):
        list(found.frames.read({3}))
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    (tmp_path / "clip.csv").write_text(footage.table(footage.path_of(3)))
    with pytest.raises(ValueError, match=r"clip\.mp4: this video cannot be decoded"):
        formats.load(tmp_path / "clip.mp4")


def test_a_film_may_be_too_short_for_its_boxes(tmp_path: Path) -> None:
    folder = footage.write_kth(tmp_path, length=12)
    footage.write_film(folder / "videos" / "person02_walking_d3_uncomp.avi", footage.path_of(12))
    (found,) = formats.load(folder)
    with pytest.raises(ValueError, match="only 12 frames can be decoded, but 16 are needed"):
        list(found.frames.read({0}))


@pytest.mark.skipif("DYNA_DATA" not in os.environ, reason="set DYNA_DATA to a folder of data sets")
def test_the_data_sets_of_this_machine_load() -> None:
    """Pictures were looked at; here only that every object has a box inside of its frames."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # samples of KITTI lack most of their pictures
        found = formats.load(os.environ["DYNA_DATA"])
    assert found
    for sequence in found:
        seen = sequence.visible > 0
        assert seen.any()
        ((_, image), *_) = sequence.frames.read({0})
        corner, size = sequence.box_px[seen][:, :2], sequence.box_px[seen][:, 2:]
        centre = corner + size / 2
        assert (size > 0).all()
        assert ((centre > -size) & (centre < np.array(image.size) + size)).all()
