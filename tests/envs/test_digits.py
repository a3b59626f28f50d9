import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from envs import boxes, digits
from envs.digits import Digits
from envs.simulator.tiers import TIERS, named
from tests.digit_scenes import TRACKED, clean, generator, shown


@pytest.mark.parametrize("tier", TRACKED)
def test_every_tier_shows_what_it_says(tier: str) -> None:
    env = digits.make(tier=tier, batch_size=8, horizon=5)
    factors = TIERS[tier]
    obs, rewards = env.reset(), []
    for _ in range(5):
        view = env.view
        assert obs.frame.dtype == torch.uint8
        assert obs.frame.shape == (8, *env.scene.frame_shape)
        assert view.box.dtype == view.visible.dtype == torch.float32
        there = view.id >= 0
        count = there.sum(1)
        assert count.min() >= factors.min_objects
        assert count.max() <= factors.max_objects
        assert (view.visible[~there] == 0).all()
        assert (view.visible >= 0).all()
        assert (view.visible <= 1).all()
        assert (view.box[there][:, 2:] > 0.05).all()
        step = env.step(torch.zeros(8, 4))
        obs = step.obs
        rewards.append(step.reward)
    assert step.truncated
    assert rewards[0].min() > 0.99
    assert torch.stack(rewards)[-1].mean() < 0.7


@pytest.mark.parametrize("tier", TIERS)
def test_a_seed_repeats_bit_for_bit(tier: str) -> None:
    scene = Digits(TIERS[tier])
    first, again, other = (shown(scene, 4, 4, seed) for seed in (3, 3, 4))
    for a, b, c in zip(first, again, other, strict=True):
        assert torch.equal(a.frame, b.frame)
        assert torch.equal(a.box, b.box)
        assert torch.equal(a.visible, b.visible)
        assert not torch.equal(a.frame, c.frame)


# Published results stand on these: mean brightness, sum of all boxes, the generator's next number.
PINNED = {
    "plain": (53.641, 14.6176, 0.612838),
    "easy": (36.323, 14.1813, 0.687202),
    "medium": (45.065, 13.7718, 0.687202),
    "hard": (45.913, 22.2329, 0.902701),
    "interaction": (53.141, 36.5407, 0.678611),
    "occlusion": (45.857, 36.534, 0.902701),
    "active": (46.559, 23.8341, 0.678611),
    "stress": (62.213, 34.5463, 0.055889),
}


@pytest.mark.parametrize("tier", PINNED)
def test_scenes_stay_what_they_were(tier: str) -> None:
    env = digits.make(tier=tier, batch_size=6, horizon=8, seed=11)
    env.reset()
    for _ in range(8):
        env.step(torch.full((6, 4), 0.1))
    brightness = env.view.frame.double().mean().item()
    everywhere = env.view.box[env.view.id >= 0].double().sum().item()
    torch.rand(3, generator=env.rng)
    drawn = torch.rand(1, generator=env.rng).item()
    assert (brightness, everywhere, drawn) == pytest.approx(PINNED[tier], abs=2e-3)


def test_episodes_of_one_seed_differ(rng: torch.Generator) -> None:
    scene = Digits(TIERS["plain"])
    a, b = scene.reset(4, rng), scene.reset(4, rng)
    assert not torch.equal(a.frame, b.frame)


@pytest.mark.parametrize("tier", ["plain", "easy", "medium", "active", "passing", "pan"])
def test_boxes_are_tight(tier: str) -> None:
    changes = {"min_objects": 1, "max_objects": 1, "size": 18.0}
    if TIERS[tier].depth:
        changes["colour"] = "grey"
    scene = clean(tier, **changes)
    for view in shown(scene, 64, 8):
        inside = (boxes.to_xyxy(view.box[:, 0]).sub(0.5).abs() < 0.5).all(-1)
        frame = view.frame[inside, 0].float() / scene._looks.colour[inside, 0, :, None] / 255
        size = frame.shape[-1]
        for pixels, axis in ((frame.amax(1), 0), (frame.amax(2), 1)):
            bright = (pixels >= 0.4).float()
            low = bright.argmax(-1)
            high = size - bright.flip(-1).argmax(-1)
            edges = boxes.to_xyxy(view.box[inside, 0])[:, axis::2] * size
            assert (edges[:, 0] - low).abs().max() < 1.1
            assert (edges[:, 1] - high).abs().max() < 1.1


def test_plain_targets_have_the_measured_size_and_motion() -> None:
    views = shown(Digits(TIERS["plain"], "test"), 256, 20)
    truth = torch.stack([view.box[:, 0] for view in views])
    width, height = (truth[..., 2:].mean((0, 1)) * 48).tolist()
    assert 10 < width < 12.5
    assert 15.5 < height < 17.5
    assert 0.64 < boxes.iou(truth[1:], truth[:-1]).mean() < 0.74
    assert 0.15 < boxes.iou(truth[1:], truth[:1].expand(19, -1, -1)).mean() < 0.23


def test_plain_objects_are_rigid_and_never_hidden() -> None:
    views = shown(Digits(TIERS["plain"]), 32, 10)
    for view in views:
        torch.testing.assert_close(view.box[..., 2:], views[0].box[..., 2:])
        assert view.visible[view.id >= 0].min() > 0.9


def test_walls_keep_objects_in() -> None:
    scene = Digits(named("plain", {"speed": 6.0}))
    for _ in shown(scene, 64, 40):
        radius = scene._bodies.radius[..., None]
        assert (scene._bodies.position >= radius - 1e-3).all()
        assert (scene._bodies.position <= 48 - radius + 1e-3).all()


def test_leaving_objects_leave_and_return() -> None:
    scene = clean("easy", leave=30.0, max_objects=1, speed=3.0)
    visible = torch.stack([view.visible[:, 0] for view in shown(scene, 32, 60)])
    gone = (visible == 0).int()
    assert (visible[0] > 0.9).all()
    returned = (gone[1:] < gone[:-1]).any(0)
    assert gone.any(0).float().mean() > 0.5
    assert returned.float().mean() > 0.3


def test_who_is_behind_another_is_less_visible() -> None:
    scene = clean("easy", min_objects=2, max_objects=2, size_jitter=0.0, speed=0.0)
    rng = generator()
    scene.reset(16, rng)
    place = torch.full((16, 2, 2), 24.0)
    place[8:, 1] += torch.tensor([12.0, 12.0])
    scene._bodies.position, scene._looks.item[:, 1] = place, scene._looks.item[:, 0]
    scene._looks.angle[:, 1] = scene._looks.angle[:, 0]
    scene._looks.phase[:, 1] = scene._looks.phase[:, 0]
    view = scene._show(rng)
    assert (view.visible[:, 0] > 0.95).all()
    assert (view.visible[:8, 1] < 0.35).all()
    assert (view.visible[8:, 1] > 0.7).all()


def test_bars_hide_what_is_behind_them() -> None:
    scene = clean("hard", max_objects=2, leave=0.0)
    views = shown(scene, 64, 30)
    assert (views[0].visible[:, 0] > 0.8).all()
    light = scene._stage.light
    assert light is not None
    hidden, clear = [], []
    for view in views:
        column, row = (view.box[:, 0, :2] * 48).long().clamp(0, 47).unbind(-1)
        covered = light[torch.arange(64), row, column] < 0.5
        hidden.append(view.visible[covered, 0])
        clear.append(view.visible[~covered, 0])
    assert torch.cat(hidden).mean() < 0.3
    assert torch.cat(clear).mean() > 0.85


def test_passing_digits_start_apart_and_then_meet() -> None:
    views = shown(Digits(named("passing", {"min_objects": 2})), 128, 10)
    overlap = torch.stack([boxes.iou(view.box[:, 0], view.box[:, 1]) for view in views])
    assert overlap[0].max() < 0.05
    assert (overlap.amax(0) > 0.1).float().mean() > 0.5
    motion = torch.stack([view.box[..., :2] for view in views]).diff(dim=0)
    assert (motion.diff(dim=0).abs() < 1e-5).float().mean() > 0.7  # only walls turn anyone
    assert views[0].frame.float().median() < 5


def test_lookalikes_share_the_colour_and_the_class() -> None:
    scene = Digits(named("medium", {"lookalikes": 1.0, "min_objects": 3, "likeness": "instance"}))
    scene.reset(8, generator())
    assert torch.equal(scene._looks.colour, scene._looks.colour[:, :, :1].expand(-1, -1, 3))
    assert torch.equal(scene._looks.item, scene._looks.item[:, :1].expand(-1, 3))


@pytest.mark.parametrize(
    "changes",
    [
        {"morph": "any_class"},
        {"illumination": 0.5},
        {"aspect": 0.4},
        {"bars": 3},
        {"background_detail": 0.5},
        {"clutter": 2},
        {"noise": 0.0},
        {"frame_size": 64},
        {"camera": "pan", "camera_speed": 2, "world": 80},
        {"bar_brightness": [0.4, 0.6]},
    ],
)
def test_every_other_factor_changes_the_frames(changes: dict) -> None:
    usual = shown(Digits(TIERS["hard"]), 2, 3)
    other = shown(Digits(named("hard", changes)), 2, 3)
    assert usual[-1].frame.shape != other[-1].frame.shape or not torch.equal(
        usual[-1].frame, other[-1].frame
    )


@pytest.mark.parametrize(
    ("tier", "changes", "message"),
    [
        ("hardest", {}, "unknown tier 'hardest': choose one of plain, easy"),
        ("easy", {"sped": 2}, "unknown factor 'sped': choose among frame_size"),
        ("easy", {"speed": -1.0}, "speed must be at least 0, got -1"),
        ("easy", {"colour": "red"}, "colour=red is unknown: choose one of white, grey, rgb"),
        ("easy", {"size": 60.0}, "size 60.0 .* fit between the walls"),
        ("easy", {"min_objects": 4}, "need min_objects <= max_objects.* got 4 and 3"),
        ("easy", {"min_objects": 0, "max_objects": 0}, "max_objects must be at least 1, got 0"),
        ("easy", {"depth": False}, "'grey' need depth=True"),
        ("easy", {"scale": 2.0}, "scale must be at most 1, got 2"),
        ("easy", {"world": 30}, "world 30 must not be smaller"),
        ("easy", {"noise": "abc"}, "noise=abc is not a number"),
        ("easy", {"noise": float("nan")}, "noise must be finite"),
    ],
)
def test_wrong_tiers_and_factors_are_refused(tier: str, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digits.make(tier=tier, factors=changes)


@pytest.mark.parametrize(
    "change", [{"rotation": 3.0}, {"scale": 0.3}, {"aspect": 0.3}, {"morph": "any_class"}]
)
def test_boxes_may_change_their_size_where_objects_do(change: dict) -> None:
    still = {"rotation": 0.0, "scale": 0.0, "aspect": 0.0, "morph": "none"}
    sizes = [
        digits.make(tier="plain", batch_size=1, factors={**still, **now}).action_scale.size
        for now in ({}, change)
    ]
    assert sizes[0] < sizes[1]


def test_the_task_fits_the_tier() -> None:
    assert digits.make(tier="plain").action_scale.size == 0.2
    assert digits.make(tier="medium").action_scale.size == 0.4
    assert digits.make(tier="medium").camera_speed == 0
    assert digits.make(tier="active").camera_speed == pytest.approx(3 / 48)


def test_factors_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TIERS["easy"].speed = 3.0  # type: ignore[misc]


def test_a_scene_tells_its_factors() -> None:
    scene = digits.make(tier="passing").scene
    assert scene.factors == TIERS["passing"]
    assert scene.min_objects == 0


def test_a_wrong_file_of_digits_is_named(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    whole = {"images": np.zeros((20, 28, 28), np.uint8), "labels": np.arange(20) % 10}
    for wrong in (
        {"images": np.full((20, 28, 28), 0.7)},  # from 0 to 1, as other libraries have them
        {"images": np.zeros((0, 28, 28), np.uint8), "labels": np.zeros(0, int)},
        {"images": np.array(["a"] * 20)},
        {"labels": np.full(20, np.nan)},
    ):
        np.savez(path, **{**whole, **wrong})
        with pytest.raises(ValueError, match=r"digits\.npz cannot be read as digits"):
            digits.make(digits=str(path))
    path.write_text("no digits")
    with pytest.raises(ValueError, match=r"cannot be read as digits \(no .npz file\)"):
        digits.make(digits=str(path))
    cut = tmp_path / "x-images-idx3-ubyte.gz"
    cut.write_bytes(gzip.compress(b"x" * 999)[:20])
    (tmp_path / "x-labels-idx1-ubyte.gz").touch()
    with pytest.raises(ValueError, match="cannot be read as digits"):
        digits.make(digits=str(cut))
