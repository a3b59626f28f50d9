"""Cameras: moved by what is asked, by themselves, or not at all."""

import pytest
import torch

from envs import digits
from envs.digits import Digits
from envs.simulator.tiers import TIERS, named
from tests.digit_scenes import TRACKED, clean, generator, shown


def test_the_camera_moves_the_view_by_what_was_asked() -> None:
    scene = clean("active", velocity_jitter=0.0, speed=0.0, rotation=0.0)
    rng = generator()
    before = scene.reset(8, rng)
    move = torch.tensor([[0.05, -0.03]]).expand(8, 2)
    scene._looks.rate.zero_()
    after = scene.advance(rng, move)
    there = before.id >= 0
    gone = (before.box - after.box)[..., :2][there]
    torch.testing.assert_close(gone, move[:1].expand_as(gone), atol=1e-4, rtol=0)


def test_the_background_moves_with_the_camera() -> None:
    changes = {"noise": 0.0, "size": 4.0, "min_objects": 1, "max_objects": 1, "speed": 0.0}
    scene = Digits(named("active", changes))
    rng = generator()
    before = scene.reset(4, rng).frame
    scene._bodies.position.fill_(1000.0)
    before = scene.advance(rng, torch.zeros(4, 2)).frame
    after = scene.advance(rng, torch.tensor([[3 / 48, 0.0]]).expand(4, 2)).frame
    assert torch.equal(after[..., :-3], before[..., 3:])


def test_cameras_that_the_action_cannot_move_ignore_it() -> None:
    scene = Digits(TIERS["medium"])
    runs = []
    for camera in (None, torch.full((2, 2), 0.1)):
        rng = generator()
        scene.reset(2, rng)
        runs.append(scene.advance(rng, camera))
    assert torch.equal(runs[0].frame, runs[1].frame)


@pytest.mark.parametrize("tier", TRACKED)
def test_every_tier_takes_a_camera_that_follows_the_box(tier: str) -> None:
    asked = {"camera": "action", "camera_speed": 3.0, "world": 96}
    env = digits.make(tier=tier, batch_size=16, horizon=4, factors=asked)
    env.reset()
    assert isinstance(env.scene, Digits)
    before = env.scene.camera
    step = env.step(torch.tensor([[1.0, 0.0, 0.0, 0.0]]).expand(16, 4))
    torch.testing.assert_close(env.scene.camera - before, step.camera)
    assert step.camera.abs().max().item() == pytest.approx(3 / env.scene.frame_shape[-1])
    assert (step.camera.abs().amax(-1) > 0).all()


def test_a_camera_for_actions_needs_a_speed() -> None:
    with pytest.raises(ValueError, match="camera 'action' needs a camera_speed above 0"):
        named("easy", {"camera": "action"})


def test_a_panning_camera_is_hidden_and_can_be_seen_in_the_background() -> None:
    scene = Digits(TIERS["pan"])
    rng = generator()
    scene.reset(32, rng)
    scene._bodies.present.fill_(False)
    before, place = scene.advance(rng).frame.float(), scene.camera
    env = digits.make(tier="pan", batch_size=2)
    env.reset()
    assert (env.step(torch.ones(2, 4)).camera == 0).all()
    shifts = [(x, y) for y in range(-4, 5) for x in range(-4, 5)]
    found = []
    for _ in range(10):
        after = scene.advance(rng).frame.float()
        core, error = after[..., 4:-4, 4:-4], []
        for x, y in shifts:
            old = before[..., 4 + y : 44 + y, 4 + x : 44 + x]
            error.append((old - core).square().mean((1, 2, 3)))
        best = torch.tensor(shifts)[torch.stack(error).argmin(0)]
        true = (scene.camera * 48).round() - (place * 48).round()
        found.append((best == true).all(-1))
        before, place = after, scene.camera
    assert torch.stack(found).float().mean() > 0.9


def test_most_objects_stay_in_the_view_of_a_panning_camera() -> None:
    views = shown(Digits(TIERS["pan"]), 64, 20)
    visible = torch.stack([view.visible[view.id >= 0] > 0.3 for view in views]).float()
    assert visible.mean() > 0.75
