import importlib
from pathlib import Path

import pytest
import torch

from envs import boxes, digits
from envs.action_scale import ActionScale
from envs.tracking import Tracking
from tests import footage
from tests.conftest import names
from tests.scenes import MovingPatch


def test_the_first_box_is_the_targets() -> None:
    env = digits.make(tier="medium", batch_size=16)
    obs = env.reset()
    torch.testing.assert_close(obs.box, env.target_box)


def test_another_seed_has_other_episodes() -> None:
    frames = [Tracking(MovingPatch(), 4, seed=seed).reset().frame for seed in (0, 1, 1)]
    assert not torch.equal(frames[0], frames[1])
    assert torch.equal(frames[1], frames[2])


def test_the_reward_is_the_iou_in_the_frame_that_was_seen() -> None:
    env = digits.make(tier="easy", batch_size=8)
    env.reset()
    for _ in range(3):
        seen = env.target_box.clone()
        step = env.step(0.3 * torch.ones(8, 4))
        torch.testing.assert_close(step.reward, boxes.iou(step.obs.box, seen))


def test_the_target_is_any_of_the_objects() -> None:
    env = digits.make(tier="plain", batch_size=512, factors={"min_objects": 3})
    env.reset()
    counts = torch.bincount(env.target, minlength=3)
    assert counts.min() > 120


@pytest.mark.parametrize("name", names("env"))
def test_observations_are_copies(name: str, tmp_path: Path) -> None:
    """One that is kept never changes, and to change one changes nothing in the env."""
    given = {"path": str(footage.write_folder(tmp_path, 30))} if name == "video" else {}
    if name == "stills":
        given["min_objects"] = 1
    module = importlib.import_module(f"envs.{name}")
    one, two = (module.make(batch_size=2, **given) for _ in range(2))
    first, spoilt = one.reset(), two.reset()
    action = torch.full((2, 4), 0.3)
    for _ in range(min(3, one.horizon)):
        kept = first.frame.clone(), first.box.clone()
        spoilt.frame.zero_()
        spoilt.box.zero_()
        step, same = one.step(action), two.step(action)
        assert torch.equal(first.frame, kept[0])
        assert torch.equal(first.box, kept[1])
        assert torch.equal(step.reward, same.reward)
        assert torch.equal(step.obs.frame, same.obs.frame)
        assert torch.equal(step.obs.box, same.obs.box)
        first, spoilt = step.obs, same.obs


def test_the_last_step_truncates_and_stands_still() -> None:
    env = Tracking(MovingPatch(), 2, horizon=3)
    env.reset()
    for last in (False, False, True):
        before = env.view
        step = env.step(torch.zeros(2, 4))
        assert step.truncated == last
        assert torch.equal(step.obs.frame, before.frame) == last


def test_steps_out_of_turn_are_refused() -> None:
    env = Tracking(MovingPatch(), 2, horizon=1)
    with pytest.raises(RuntimeError, match=r"call reset\(\) before step\(\)"):
        env.step(torch.zeros(2, 4))
    env.reset()
    env.step(torch.zeros(2, 4))
    with pytest.raises(RuntimeError, match="the episode is over"):
        env.step(torch.zeros(2, 4))
    env.reset()
    assert env.step(torch.zeros(2, 4)).truncated


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2, "horizon": 0}, "horizon must be at least 1 frame, got 0"),
        ({"batch_size": 2, "camera_speed": -0.1}, "camera_speed must not be negative"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tracking(MovingPatch(), **arguments)


def test_on_the_active_tier_a_box_on_its_target_follows_it() -> None:
    env = digits.make(tier="active", batch_size=32, horizon=20, seed=1)
    obs = env.reset()
    for _ in range(19):
        action = env.action_scale.action_to(obs.box, env.target_box)
        step = env.step(action)
        obs = step.obs
    assert step.reward.mean() > 0.9
    off = (env.target_box[:, :2] - 0.5).abs()
    assert off.max() < 0.25


def test_saved_state_goes_on_where_it_was() -> None:
    env = digits.make(tier="hard", batch_size=2, seed=5)
    env.reset()
    state = env.state_dict()
    expected = env.reset()
    other = digits.make(tier="hard", batch_size=2, seed=6)
    other.load_state_dict(state)
    assert torch.equal(other.reset().frame, expected.frame)


def test_sides_of_the_box_have_the_limits_of_the_task() -> None:
    env = Tracking(MovingPatch(), 2, 30, ActionScale(size=1.0, min_size=0.02, max_size=0.9))
    for way, limit in ((-1.0, 0.02), (1.0, 0.9)):
        env.reset()
        for _ in range(20):
            obs = env.step(torch.tensor([[0.0, 0.0, way, way]] * 2)).obs
        torch.testing.assert_close(obs.box[:, 2:], torch.full((2, 2), limit))
