"""Videos as scenes: letterbox, held-out clips in order, training clips that vary."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from envs import video
from envs.boxes import clip_to_frame, iou
from envs.footage.window import JitterSettings, Window
from envs.settings import from_config
from envs.tracking import Tracking
from envs.watching import watch
from tests import footage

STILL = {"mirror": False, "reverse": False, "zoom": 1.0, "light": 0.0}
"""Jitter of training clips that do not vary."""
NATIVE = {"frame_size": (footage.SIZE[1], footage.SIZE[0])}


def make(folder: Path, **options) -> Tracking:
    return video.make(path=str(folder), batch_size=2, **{"horizon": 10, **NATIVE, **options})


def bright_box(frame: Tensor, level: int) -> Tensor:
    """Box of what is brighter than a level, fractions of the frame."""
    height, width = frame.shape[-2:]
    rows, columns = torch.nonzero(frame.amin(0) > level).unbind(1)
    low = torch.stack([columns.min() / width, rows.min() / height])
    high = torch.stack([(columns.max() + 1) / width, (rows.max() + 1) / height])
    return torch.cat([(low + high) / 2, high - low])


def test_held_out_clips_come_once_in_order(tmp_path: Path) -> None:
    footage.write_folder(tmp_path / "a", 30)
    footage.write_folder(tmp_path / "b", 25)
    everything = {"split_by": "sequence", "test_sequences": ["a", "b"], "split": "test"}
    env = make(tmp_path, **everything, min_length=5)
    assert env.scene.num_episodes == 6  # 3 of 10 frames; 2 of 10 frames and one of 5
    firsts = [x for _ in range(3) for x in env.reset().box[:, 0].tolist()]
    expected = [(3 + t + 5) / footage.SIZE[0] for t in (0, 10, 20, 0, 10, 20)]
    assert firsts == pytest.approx(expected)
    again = [env.reset().box[:, 0].tolist() for _ in range(2)]
    assert again[0] == firsts[:2], "the last clip is followed by the first"
    env.scene.rewind()
    assert env.reset().box[:, 0].tolist() == firsts[:2]
    state = env.state_dict()
    expected_next = env.reset().box
    env.load_state_dict(state)
    assert torch.equal(env.reset().box, expected_next)


def test_a_short_clip_stands_still_unseen(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 16)
    env = make(
        tmp_path, split="test", split_by="sequence", test_sequences=[tmp_path.name], min_length=5
    )
    shown = watch(env.scene, 2, 12, env.rng)
    assert shown.truth is not None
    assert shown.truth.target_visible[1].tolist() == [1.0] * 6 + [0.0] * 6
    assert torch.equal(shown.frame[1, 5], shown.frame[1, 11])
    assert torch.equal(shown.truth.target_box[1, 5], shown.truth.target_box[1, 11])


def test_the_past_trains_and_the_future_tests(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 40)
    train, test = make(tmp_path, jitter=STILL), make(tmp_path, split="test", min_length=8)
    last = max(float(make_box(train, 10)[:, -1, 0].max()) for _ in range(20))
    first = float(test.reset().box[0, 0])
    assert last == pytest.approx((3 + 31 + 5) / footage.SIZE[0])
    assert first == pytest.approx((3 + 32 + 5) / footage.SIZE[0])


def make_box(env: Tracking, horizon: int) -> Tensor:
    truth = watch(env.scene, env.batch_size, horizon, env.rng).truth
    assert truth is not None
    return truth.target_box


def test_every_fifth_sequence_is_held_out(tmp_path: Path) -> None:
    for name in "abcdef":
        footage.write_folder(tmp_path / name, 12)
    names = [
        {c.sequence.name for c in make(tmp_path, split=split, split_by="sequence").scene.clips}
        for split in ("train", "test")
    ]
    assert names == [set("abcdf"), {"e"}]


@pytest.mark.parametrize(
    "options", [{"mirror": True}, {"zoom": 2.0}, {"reverse": True}, {"mirror": True, "zoom": 1.5}]
)
def test_training_clips_vary_with_their_boxes(options: dict, tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 40)
    env = make(tmp_path, jitter={**STILL, **options}, frame_size=(96, 128))
    seen = set()
    for _ in range(12):
        shown = watch(env.scene, 2, 4, env.rng)
        assert shown.truth is not None
        for b in range(2):
            for t in range(4):
                found = bright_box(shown.frame[b, t], 127)
                inside = clip_to_frame(shown.truth.target_box[b, t])
                assert iou(found, inside) > 0.85
            seen.add(shown.truth.target_box[b, 0].numpy().tobytes())
    assert len(seen) > 8


def test_light_changes_and_black_stays_black(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 40)
    env = make(tmp_path, jitter={**STILL, "light": 0.5})
    levels = {int(frame.max()) for _ in range(10) for frame in env.reset().frame}
    assert len(levels) > 5
    assert int(env.reset().frame.min()) == 0


def test_the_same_seed_draws_the_same_clips(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 40)
    one, two = make(tmp_path, seed=3), make(tmp_path, seed=3)
    for _ in range(3):
        a, b = one.reset(), two.reset()
        assert torch.equal(a.frame, b.frame)
        assert torch.equal(a.box, b.box)


def test_training_clips_that_are_short_go_to_and_fro(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 5)
    env = make(tmp_path, jitter=STILL, split_by="sequence", test_sequences=[], min_length=4)
    x = make_box(env, 10)[0, :, 0] * footage.SIZE[0] - 8
    assert x.round().tolist() == [0, 1, 2, 3, 4, 3, 2, 1, 0, 1]


@pytest.mark.parametrize(("height", "width"), [(96, 64), (32, 128), (17, 23)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_fitted_without_distortion(
    height: int, width: int, channels: int, tmp_path: Path
) -> None:
    footage.write_folder(tmp_path, 20)
    env = make(tmp_path, split="test", frame_size=(height, width), channels=channels, min_length=4)
    obs = env.reset()
    assert obs.frame.shape == (2, channels, height, width)
    w, h = (obs.box[0, 2:] * torch.tensor([width, height])).tolist()
    assert w / h == pytest.approx(10 / 8, rel=0.1)
    found = bright_box(obs.frame[0], 127)
    assert (found - obs.box[0]).abs().max() < 1.1 / min(height, width)


def test_frames_of_several_sizes_are_fitted_one_by_one(tmp_path: Path) -> None:
    boxes = footage.path_of(12)
    footage.write_pictures(tmp_path / "frames", boxes)
    (x, y, w, h) = boxes[4]
    boxes[4] = (2 * x, 2 * y, 2 * w, 2 * h)
    footage.picture(boxes[4], size=(128, 96)).save(tmp_path / "frames" / "000004.png")
    (tmp_path / "boxes.csv").write_text(footage.table(boxes))
    env = make(tmp_path, split="test", split_by="sequence", test_sequences=[tmp_path.name])
    truth = watch(env.scene, 1, 6, env.rng).truth
    assert truth is not None
    expected = torch.tensor([(x + w / 2) / 64, (y + h / 2) / 48, w / 64, h / 48])
    torch.testing.assert_close(truth.target_box[0, 4], expected)


def test_each_object_is_followed_in_turn_and_named_in_others_clips(tmp_path: Path) -> None:
    footage.write_mot(tmp_path, 12)
    options = {"split": "test", "split_by": "sequence", "test_sequences": [tmp_path.name]}
    env = make(tmp_path, **options, min_length=4)
    assert env.scene.num_episodes == 2
    assert [clip.first for clip in env.scene.clips] == [0, 4], "object 2 is hidden at first"
    env.reset()
    assert env.target.tolist() == [0, 0]
    assert env.view.id.tolist() == [[0, 1], [1, 0]]
    assert env.view.visible.tolist() == [[0.75, 0.25], [1.0, 0.75]]
    assert make(tmp_path, **options, objects="main").scene.num_episodes == 1
    assert make(tmp_path, **options, num_slots=1).scene.num_slots == 1


def test_the_target_may_disappear_and_come_back(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 12, hidden={0, 4, 5, 11})
    env = make(tmp_path, split="test", split_by="sequence", test_sequences=[tmp_path.name])
    truth = watch(env.scene, 1, 10, env.rng).truth
    assert truth is not None
    assert truth.target_visible[0].tolist() == [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]


def test_a_window_shows_a_small_target_large_and_follows_the_box(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 40)
    env = make(
        tmp_path, split="test", window=3.0, detail=3, min_length=8, task={"camera_speed": 0.2}
    )
    obs = env.reset()
    torch.testing.assert_close(obs.box[0, :2], torch.tensor([0.5, 0.5]))
    assert float(obs.box[0, 2:].max()) > 0.25
    for _ in range(6):
        assert iou(bright_box(env.view.frame[0], 127), env.target_box[0]) > 0.85
        action = torch.zeros(2, 4)
        action[:, :2] = env.action_scale.action_to(obs.box, env.target_box)[:, :2]
        step = env.step(action)
        assert float(step.reward[0]) > 0.9
        obs = step.obs
    assert float((env.target_box[0, :2] - 0.5).abs().max()) < 0.2


def test_pictures_are_kept_as_long_as_there_is_room(tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 20)
    env = make(tmp_path, cache_mb=4 * 3 * 48 * 64 / 2**20)
    shown = watch(env.scene, 2, 10, env.rng)
    assert len(env.scene.album._cache) == 4
    assert shown.frame.shape == (2, 10, 3, 48, 64)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"frame_size": (8, 64)}, "frame_size"),
        ({"frame_size": (64,)}, "frame_size"),
        ({"channels": 2}, "channels"),
        ({"split": "valid"}, "valid"),
        ({"split_by": "chance"}, "chance"),
        ({"objects": "cars"}, "cars"),
        ({"split_by": "sequence", "test_sequences": ["zebra"]}, "zebra"),
        ({"test_sequences": ["a"]}, "split_by=sequence"),
        ({"min_length": 1}, "min_length"),
        ({"min_length": 30, "horizon": 30}, r"no clip of 30 frames .* env\.min_length"),
        ({"stride": 0}, "stride"),
        ({"jitter": {"zoom": 0.5}, "split": "test", "min_length": 4}, "zoom"),
        ({"window": 1.0}, "window"),
        ({"format": "voc"}, "voc"),
    ],
)
def test_bad_options_are_named(options: dict, named: str, tmp_path: Path) -> None:
    footage.write_folder(tmp_path, 20)
    with pytest.raises(ValueError, match=named):
        make(tmp_path, **options)


def test_nodes_of_the_config_are_settings_of_their_own() -> None:
    given = from_config(video.VideoSettings, {"jitter": {"zoom": 2}, "task": None})
    assert given.jitter == JitterSettings(zoom=2)
    assert given.task == video.TaskSettings()
    assert video.make.Settings is video.VideoSettings  # type: ignore[attr-defined]


def test_a_path_is_needed() -> None:
    with pytest.raises(ValueError, match=r"env\.path"):
        video.make()


@pytest.mark.parametrize("size", [0.4, 1.0, 1.3, 1.77, 3.0])
def test_an_even_surface_stays_even_in_any_window(size: float) -> None:
    picture = torch.full((1, 3, 48, 64), 200, dtype=torch.uint8)
    ones = torch.ones(1)
    shown = Window(torch.tensor([[0.48, 0.53]]), size * ones, -ones, ones, ones).show(
        picture, 48, 64
    )
    assert shown.shape == picture.shape
    inside = shown[:, :, 18:30, 24:40]
    assert ((inside - 200.0).abs() <= 1).all()
    assert (shown[:, :, 0, 0] == 0).all() == (size > 1)
