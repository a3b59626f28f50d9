"""A video in, a video with boxes and a table out; every mistake is one clear line."""

import csv
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import hydra
import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from PIL import Image

from dyna.evaluation.follow import follow
from dyna.pictures import video_file
from dyna.running import checkpoint, track
from dyna.running.build import make
from envs import drawing
from envs.footage.films import VideoFile
from tests import footage
from tests.conftest import ROOT
from tests.dyna.running.test_evaluate import trained

WIDTH, HEIGHT, FRAMES = 79, 61, 12  # odd sides, which grow by a pixel in an MP4
SIZE = 18
START = (10, 20)


def compose(*arguments: str) -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose("track", overrides=track.arguments(arguments))


def pictures() -> list[np.ndarray]:
    """A patch that moves two pixels to the right and one down per frame, over noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
    patch = np.asarray(Image.fromarray(coarse).resize((SIZE, SIZE)))
    ground = rng.integers(90, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    video = []
    for t in range(FRAMES):
        x, y = START[0] + 2 * t, START[1] + t
        picture = ground.copy()
        picture[y : y + SIZE, x : x + SIZE] = patch
        video.append(picture)
    return video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "a=b, c.mp4"  # a name that Hydra would not like
    with video_file.video_writer(path, Fraction(10)) as write:
        for picture in pictures():
            write(picture)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames")
    for t, picture in enumerate(pictures()):
        Image.fromarray(picture).save(path / f"{t:04d}.png")
    return path


BOX = ("--box", f"{START[0]},{START[1]},{SIZE},{SIZE}")


def table(path: Path) -> list[dict[str, float]]:
    with (path / "boxes.csv").open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_a_tracker_follows_the_patch_through_a_file(clip: Path, tmp_path: Path) -> None:
    track.run(compose(str(clip), *BOX, "agent=ncc", f"output={tmp_path}", "progress=false"))
    rows = table(tmp_path)
    assert [row["frame"] for row in rows] == list(range(FRAMES))
    assert list(rows[0].values()) == [0, *START, SIZE, SIZE, 1]
    for t, row in enumerate(rows):
        assert row["x"] == pytest.approx(START[0] + 2 * t, abs=1)
        assert row["y"] == pytest.approx(START[1] + t, abs=1)
    with av.open(str(tmp_path / "tracked.mp4")) as container:
        assert container.streams.video[0].average_rate == 10
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == FRAMES
    assert shown[0].shape == (HEIGHT + 1, WIDTH + 1, 3)
    edge = shown[-1][START[1] + FRAMES - 1, START[0] + 2 * FRAMES : START[0] + 2 * FRAMES + 10]
    assert np.abs(edge.mean(0) - drawing.AGENT).max() < 100  # as far as compression keeps colours


@pytest.mark.parametrize("source", ["clip", "folder"])
def test_some_frames_from_the_middle(
    source: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path = request.getfixturevalue(source)
    box = ("--box", f"{START[0] + 6},{START[1] + 3},{SIZE},{SIZE}")
    given = (str(path), *box, "start=3", "frames=4", "agent=ncc", f"output={tmp_path}")
    track.run(compose(*given, "progress=false"))
    rows = table(tmp_path)
    assert [row["frame"] for row in rows] == [3, 4, 5, 6]
    assert rows[-1]["x"] == pytest.approx(START[0] + 12, abs=1)


def test_a_file_that_is_cut_off_is_tracked_as_far_as_it_goes(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dyna.evaluation.follow.promised", lambda path: FRAMES + 5)
    track.run(compose(str(clip), *BOX, "agent=ncc", f"output={tmp_path}", "progress=false"))
    assert len(table(tmp_path)) == FRAMES
    assert "only 12 of 17 frames can be read" in capsys.readouterr().err


def test_a_picture_that_cannot_be_read_is_named_after_what_comes_before_is_tracked(
    folder: Path, tmp_path: Path
) -> None:
    frames, out = tmp_path / "frames", tmp_path / "out"
    shutil.copytree(folder, frames)
    content = (frames / "0005.png").read_bytes()
    (frames / "0005.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"0005\.png: this picture cannot be read.* 5 frames"):
        track.run(compose(str(frames), *BOX, "agent=ncc", f"output={out}", "progress=false"))
    assert len(table(out)) == 5
    with av.open(str(out / "tracked.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


@pytest.mark.parametrize("rotate", [True, False])
def test_films_are_tracked_as_they_are_seen(rotate: bool, clip: Path, tmp_path: Path) -> None:
    film = tmp_path / "turned.mp4"
    shutil.copy(clip, film)
    footage.turn_film(film, 0, -1, 1, 0)  # a quarter turn against the clock
    left, top = START
    box = f"{top},{WIDTH + 1 - left - SIZE},{SIZE},{SIZE}" if rotate else BOX[1]
    given = (str(film), "--box", box, "agent=ncc", f"rotate={rotate}", f"output={tmp_path}")
    track.run(compose(*given, "progress=false"))
    last = table(tmp_path)[-1]
    x, y = left + 2 * (FRAMES - 1), top + FRAMES - 1
    expected = (y, WIDTH + 1 - x - SIZE) if rotate else (x, y)
    assert (last["x"], last["y"]) == pytest.approx(expected, abs=1)


def test_the_video_itself_is_not_written_over(clip: Path, tmp_path: Path) -> None:
    film = tmp_path / "tracked.mp4"
    shutil.copy(clip, film)
    with pytest.raises(ValueError, match="give another folder"):
        track.run(compose(str(film), *BOX, "agent=ncc", f"output={tmp_path}"))
    assert film.read_bytes() == clip.read_bytes()


@pytest.mark.parametrize("rate", [20.0, 29.97, 24, Fraction(30000, 1001), 1e-3])
def test_a_film_may_have_any_rate(rate: float, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with video_file.video_writer(path, rate) as write:
        for picture in pictures()[:3]:
            write(picture)
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(float(rate))


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_is_refused(rate: float, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with pytest.raises(ValueError, match="rate must be"), video_file.video_writer(path, rate):
        pass
    assert not path.exists()


def test_frames_of_several_sizes_are_a_mistake(folder: Path, tmp_path: Path) -> None:
    for t in range(3):
        Image.open(folder / f"{t:04d}.png").resize((40 + 20 * (t < 2), 60)).save(
            tmp_path / f"{t}.png"
        )
    with pytest.raises(ValueError, match=r"frame 2 .* size"):
        track.run(compose(str(tmp_path), *BOX, "agent=ncc", f"output={tmp_path}/o"))
    assert not (tmp_path / "o" / "tracked.mp4").exists()


@pytest.mark.parametrize("tier", ["plain", "medium"])
def test_a_checkpoint_of_grey_or_coloured_frames_tracks_any(
    tier: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    trained(tmp_path / "checkpoint.pt", "world_model=none", f"env.tier={tier}")
    given = (str(clip), *BOX, f"checkpoint={tmp_path}/checkpoint.pt", f"output={tmp_path}")
    track.run(compose(*given, "glimpse=true", "progress=false"))
    assert len(table(tmp_path)) == FRAMES
    with av.open(str(tmp_path / "tracked.mp4")) as container:
        assert container.streams.video[0].width > WIDTH + 20  # the panel beside the frame
    assert "frames of 80x62" in capsys.readouterr().out


def test_boxes_may_be_smaller_and_larger_than_in_training(clip: Path) -> None:
    """The task keeps boxes between 6 and 60 % of its frames; files have no such limit."""
    agent = make(
        compose("agent=random_actions").agent, frame_shape=(3, 8, 8), seed=0, device="cpu"
    )
    for size, low, high in ((0.02, 0.0, 0.06), (0.9, 0.6, 1.01)):
        box = torch.tensor([[0.5, 0.5, size, size]])
        frames = (picture for _, picture in VideoFile(clip).read({0, 1, 2}))
        found = [moment.box for moment in follow(agent, frames, box)]
        assert low < found[-1][0, 2].item() < high
        assert torch.equal(found[0], box)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*BOX, "agent=ncc"), "no video"),
        (("nowhere.mp4", *BOX, "agent=ncc"), "nowhere.mp4"),
        (("{clip}", "agent=ncc"), "no box: give --box"),
        (("{clip}", "agent=ncc", "--box"), "give --box x,y,w,h"),
        (("{clip}", "--box", "1,2,3", "agent=ncc"), "give --box x,y,w,h"),
        (("{clip}", "--box", "a,b,c,d", "agent=ncc"), "give --box x,y,w,h"),
        (("{clip}", "--box", "100,2,30,40", "agent=ncc"), "outside of the frame of 80x62"),
        (("{clip}", "--box=-50,2,30,40", "agent=ncc"), "outside of the frame of 80x62"),
        (("{clip}", "--box", "5,5,0,10", "agent=ncc"), "a width from 1 to 80"),
        (("{clip}", "--box", "5,5,1e-9,10", "agent=ncc"), "a width from 1 to 80"),
        (("{clip}", "--box", "5,5,9,nan", "agent=ncc"), "a height from 1 to 62"),
        (("{clip}", "--box=-500,-300,1040,660", "agent=ncc"), "a width from 1 to 80"),
        (("{clip}", "--box", "true,5,10,10", "agent=ncc"), "give --box x,y,w,h"),
        (("{clip}", *BOX, "agent=ncc", "rotate=3"), "rotate=3 is not true or false"),
        (("{clip}", *BOX), "nobody to track"),
        (("{clip}", *BOX, "agent=ncc", "checkpoint=x"), "both an agent and a checkpoint"),
        (("{clip}", *BOX, "agent=hart_ppo"), "PPO has learned nothing yet"),
        (("{clip}", *BOX, "agent=oracle"), "reads the truth"),
        (("{clip}", *BOX, "checkpoint=x"), "no checkpoint at x"),
        (("{clip}", *BOX, "checkpoint={model}"), "holds no agent"),
        (("{clip}", *BOX, "checkpoint={clip}"), "is not a dyna checkpoint"),
        (("{clip}", *BOX, "agent=ncc", "start=12"), "has 12 frames"),
        (("{clip}", *BOX, "agent=ncc", "frames=0"), "frames must be at least 1, got 0"),
        (("{clip}", *BOX, "agent=ncc", "glimpse=3"), "glimpse=3"),
        (("{text}", *BOX, "agent=ncc"), "cannot be decoded"),
        (("{empty}", *BOX, "agent=ncc"), "no pictures in this folder"),
    ],
)
def test_every_mistake_is_named(
    arguments: tuple[str, ...], says: str, clip: Path, tmp_path: Path
) -> None:
    model, text, empty = tmp_path / "model.pt", tmp_path / "notes.mp4", tmp_path / "empty"
    checkpoint.save(model, {"config": {}, "world_model": {}})
    text.write_text("no video")
    empty.mkdir()
    filled = [
        word.replace("{clip}", str(clip)).replace("{model}", str(model))
        .replace("{text}", str(text)).replace("{empty}", str(empty))
        for word in arguments
    ]  # fmt: skip
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        track.run(compose(*filled, f"output={tmp_path}/out"))
    assert not (tmp_path / "out").exists()


def test_the_command_line_says_it_in_one_line(clip: Path) -> None:
    command = [sys.executable, "-m", "dyna.track", str(clip), "--box", "1,1,5,5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: nobody to track")
    assert done.stderr.count("\n") == 1


def test_a_second_video_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="1,2,3,4: one video is given already"):
        track.arguments(["a.mp4", "1,2,3,4"])


def test_arguments_are_turned_into_what_hydra_reads() -> None:
    assert track.arguments(["a.mp4", "--box=1,2,3,4", "agent=csrt", "--cfg", "job"]) == [
        "video=a.mp4", "box=[1,2,3,4]", "agent=csrt", "--cfg", "job",
    ]  # fmt: skip
    path = "outputs/train/env.tier=plain,world_model=air/seed=0"
    assert compose("a.mp4", f"checkpoint={path}").checkpoint == path
