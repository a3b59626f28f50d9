"""Figures of scenes that were made by hand, so that they are known beforehand."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from dyna.diagnosis.behaviour import Record, statistics, told
from envs.trajectory import Trajectory

SIDE = 50


def record(box: Tensor, frame: Tensor | None = None) -> Record:
    """Visible objects (boxes in pixels, B T K 4) that keep their slots, before a still camera."""
    batch, horizon, slots = box.shape[:3]
    if frame is None:
        frame = torch.zeros(batch, horizon, 1, SIDE, SIDE, dtype=torch.uint8)
    return Record(
        frame,
        box / SIDE,
        torch.ones(batch, horizon, slots),
        torch.arange(slots).expand(batch, horizon, slots),
        torch.zeros(batch, horizon, 2),
    )


def moving(speed: float, horizon: int = 8) -> Tensor:
    """One object of 10 x 10 pixels that moves to the right through the middle."""
    box = torch.tensor([17.0, 25, 10, 10]).repeat(1, horizon, 1, 1)
    box[0, :, 0, 0] += speed * torch.arange(horizon)
    return box


def test_even_motion_has_a_speed_and_no_acceleration() -> None:
    found = statistics(record(moving(2)))
    speeds = [found[name] for name in ("speed", "speed_1", "speed_5")]
    assert speeds == pytest.approx([2, 2, 2], rel=1e-5)
    assert "speed_10" not in found
    assert found["acceleration"] == pytest.approx(0, abs=1e-4)
    assert found["size"] == pytest.approx(10, rel=1e-5)
    assert found["objects"] == found["visible"] == 1


def test_speed_is_that_in_the_world() -> None:
    followed = record(moving(0))
    camera = torch.tensor([3.0, 4.0]).expand(1, 8, 2) / SIDE
    found = statistics(dataclasses.replace(followed, camera=camera))
    assert found["speed"] == pytest.approx(5, rel=1e-5)
    assert found["acceleration"] == pytest.approx(0, abs=1e-4)


def test_speed_is_told_frame_by_frame() -> None:
    box = moving(0, horizon=7)
    box[0, :, 0, 0] += torch.tensor([0.0, 1, 1, 1, 1, 4, 4])
    found = statistics(record(box))
    assert (found["speed_1"], found["speed_5"]) == pytest.approx((1, 3), rel=1e-4)
    assert found["speed"] == pytest.approx(4 / 6, rel=1e-4)


def test_bounces_at_the_edge_are_no_acceleration() -> None:
    box = moving(0, horizon=9)
    box[0, :, 0, 0] = torch.tensor([23.0, 24, 25, 26, 45, 47, 49, 47, 45])
    assert statistics(record(box))["acceleration"] == pytest.approx(0, abs=1e-4)
    box[0, :, 0, 0] = 25 + torch.tensor([0.0, 2, 0, 2, 0, 2, 0, 2, 0])  # 4 in x, 0 in y
    box[0, :, 0, 1] = 25 + torch.tensor([0.0, 1, 0, 1, 0, 1, 0, 1, 0])  # 2
    assert statistics(record(box))["acceleration"] == pytest.approx(2, rel=1e-4)


def test_another_object_in_a_slot_is_no_motion() -> None:
    box = moving(1)
    box[0, 4:, 0, 0] += 20
    one = record(box)
    other = dataclasses.replace(one, id=(torch.arange(8) >= 4).long()[None, :, None])
    assert statistics(other)["speed"] == pytest.approx(1, rel=1e-4)
    assert statistics(one)["speed"] > 3
    assert "size_drift" not in statistics(other)


def test_growth_by_one_percent_a_frame() -> None:
    box = torch.tensor([25.0, 25, 10, 20]).repeat(1, 11, 2, 1)
    box[0, :, 0, 2:] *= (0.01 * torch.arange(11)).exp()[:, None]
    box[0, :, 1, 2:] *= (-0.01 * torch.arange(11)).exp()[:, None]
    found = statistics(record(box))
    assert found["size"] == pytest.approx(math.sqrt(200), rel=1e-5)
    assert found["size_change"] == pytest.approx(0.01 * math.sqrt(20 / 19), rel=1e-3)
    assert found["size_drift"] == pytest.approx(0.1 * math.sqrt(2), rel=1e-3)
    tall = box.clone()
    tall[..., 2], tall[..., 3] = box[..., 2] * 1.1, box[..., 3] / 1.1
    assert statistics(record(tall))["size_spread"] == pytest.approx(found["size_spread"], rel=1e-3)


def test_empty_slots_may_hold_anything() -> None:
    whole = record(moving(2).expand(2, -1, -1, -1).repeat(1, 1, 2, 1))
    whole.box[1, :, 1] = math.nan
    identity = whole.id.clone()
    identity[1, :, 1] = -1
    visible = torch.where(identity < 0, 0.0, torch.tensor([0.4, 1.0]))
    found = statistics(dataclasses.replace(whole, id=identity, visible=visible))
    assert found["objects"] == 1.5
    assert found["visible"] == pytest.approx((0.4 + 1 + 0.4) / 3)
    assert found["overlaps"] == pytest.approx(1 / 3)  # one pair of three objects
    assert found["speed"] == pytest.approx(2, rel=1e-5)


def test_overlaps_are_those_of_more_than_a_fifth() -> None:
    box = torch.tensor([[20.0, 20, 10, 10], [29, 20, 10, 10], [44, 44, 5, 5]])
    far = statistics(record(box.expand(1, 2, 3, 4)))["overlaps"]
    box[1, 0] = 27
    near = statistics(record(box.expand(1, 2, 3, 4)))["overlaps"]
    assert (far, near) == pytest.approx((0, 1 / 3))


def test_single_frames_and_empty_scenes_lack_what_they_cannot_have() -> None:
    still = statistics(record(moving(0, horizon=1)))
    assert not {"speed", "acceleration", "size_change", "size_drift", "restyling"} & set(still)
    assert (still["objects"], still["contrast"]) == (1, 0)
    assert "flicker" not in still
    one = record(moving(0))
    nothing = statistics(dataclasses.replace(one, id=torch.full_like(one.id, -1)))
    assert set(nothing) == {"objects", "brightness", "contrast", "flicker", "sharpness"}
    assert nothing["objects"] == 0


def test_frames_have_contrast_flicker_and_sharpness() -> None:
    frame = torch.zeros(2, 8, 1, SIDE, SIDE, dtype=torch.uint8)
    frame[..., : SIDE // 2] = 200
    found = statistics(record(moving(0).expand(2, -1, -1, -1), frame))
    assert found["brightness"] == 100
    assert (found["contrast"], found["flicker"], found["sharpness"]) == pytest.approx((100, 0, 0))
    frame[:, ::2] += 10
    found = statistics(record(moving(0).expand(2, -1, -1, -1), frame))
    assert (found["contrast"], found["flicker"]) == pytest.approx((100, 10))
    place = torch.arange(SIDE)
    frame[:] = 30 * ((place[:, None] + place) % 2).to(torch.uint8)
    found = statistics(record(moving(0).expand(2, -1, -1, -1), frame))
    assert (found["contrast"], found["flicker"], found["sharpness"]) == pytest.approx((15, 0, 60))


def test_looks_that_travel_with_the_box_do_not_change() -> None:
    """A slope of grey moves along; then it gets brighter by 6 a frame."""
    box, frame = moving(1), torch.zeros(1, 8, 1, SIDE, SIDE, dtype=torch.uint8)
    for t in range(8):
        frame[0, t, 0, 20:30, 12 + t : 22 + t] = 10 * torch.arange(10).to(torch.uint8)
    assert statistics(record(box, frame))["restyling"] == pytest.approx(0, abs=0.1)
    for t in range(8):
        frame[0, t, 0, 20:30, 12 + t : 22 + t] += 6 * t
    assert statistics(record(box, frame))["restyling"] == pytest.approx(30, rel=0.05)
    hidden = dataclasses.replace(record(box, frame), visible=torch.full((1, 8, 1), 0.5))
    assert "restyling" not in statistics(hidden)


def test_episodes_without_truth_tell_nothing() -> None:
    frame = torch.zeros(1, 2, 1, SIDE, SIDE, dtype=torch.uint8)
    box, two = torch.zeros(1, 3, 4), torch.zeros(1, 2, 2)
    bare = Trajectory(frame, box, torch.zeros(1, 2, 4), torch.zeros(1, 2), two)
    with pytest.raises(ValueError, match="without truth"):
        told(bare)
