import dataclasses

import pytest
import torch

from agents.last_box import LastBox
from dyna.loop.rollout import rollout
from envs import boxes, digits
from envs.digits import Digits
from envs.simulator.tiers import named
from envs.trajectory import Trajectory
from envs.watching import watch
from tests.scenes import MovingPatch

# Nothing is drawn after the reset, so the task's draw of a target changes no frame.
STILL = {"min_objects": 1, "max_objects": 1, "velocity_jitter": 0.0, "noise": 0.0}
ACTION = {"camera": "action", "camera_speed": 3.0, "world": 96}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def assert_equal(a: Trajectory, b: Trajectory) -> None:
    for field in ("frame", "box", "action", "reward", "camera"):
        torch.testing.assert_close(getattr(a, field), getattr(b, field), msg=field)
    assert a.truth is not None
    assert b.truth is not None
    for field in dataclasses.fields(a.truth):
        assert torch.equal(getattr(a.truth, field.name), getattr(b.truth, field.name))


@pytest.mark.parametrize("tier", ["plain", "medium", "hard"])
def test_it_is_the_episode_of_an_agent_that_never_moves(tier: str) -> None:
    env = digits.make("test", 8, tier=tier, horizon=6, seed=3, factors=STILL)
    agent = LastBox(frame_shape=env.scene.frame_shape)
    real = rollout(env, agent)
    seen = watch(Digits(named(tier, STILL), "test"), 8, 6, generator(3))
    assert_equal(seen, real)
    assert seen.reward[:, 0].min() > 0.99


def test_a_camera_that_was_asked_for_moves_the_view_and_the_box() -> None:
    factors = named("medium", STILL | ACTION)
    camera = torch.full((8, 5, 2), 0.04)
    seen = watch(Digits(factors), 8, 5, generator(), camera)
    still = watch(Digits(factors), 8, 5, generator())
    assert seen.truth is not None
    assert still.truth is not None
    gone = (still.truth.target_box - seen.truth.target_box)[:, 4, :2]
    torch.testing.assert_close(gone, camera[:, :4].sum(1), atol=1e-4, rtol=0)
    box = seen.box[:, 4, :2] - (still.box[:, 4, :2] - 0.16).clamp(0, 1)
    assert box.abs().max() < 1e-5
    assert (seen.camera[:, 4] == 0).all()
    assert torch.equal(seen.camera[:, :4], camera[:, :4])
    assert (still.camera == 0).all()


@pytest.mark.parametrize("tier", ["plain", "medium", "stress"])
def test_scenes_may_be_empty(tier: str) -> None:
    seen = watch(Digits(named(tier, {"min_objects": 0, "max_objects": 2})), 64, 6, generator())
    assert seen.truth is not None
    count = (seen.truth.id >= 0).sum(-1)
    assert torch.bincount(count[:, 0], minlength=3).min() > 10
    assert (count == count[:, :1]).all()
    empty = count[:, 0] == 0
    for part in (seen.box, seen.reward, seen.truth.visible):
        assert (part[empty] == 0).all()
        assert part.isfinite().all()
    assert (seen.truth.target == 0)[empty].all()
    assert torch.equal(seen.box[~empty, 0], seen.truth.target_box[~empty, 0])
    assert (seen.reward[~empty, 0] > 0.99).all()


def test_empty_scenes_show_their_background_alone() -> None:
    scene = Digits(named("plain", {"min_objects": 0, "noise": 0.0, "background": 0.2}))
    seen = watch(scene, 32, 3, generator())
    assert seen.truth is not None
    brightest = seen.frame.amax((2, 3, 4))
    assert (brightest[seen.truth.visible.sum(-1) == 0] <= 51).all()
    assert (brightest[seen.truth.visible.sum(-1) > 0] > 200).all()


def test_the_task_refuses_scenes_without_a_target() -> None:
    env = digits.make(tier="plain", batch_size=64, factors={"min_objects": 0})
    with pytest.raises(ValueError, match=r"nothing to track: ask for min_objects of 1 or more"):
        env.reset()


def test_any_scene_can_be_watched() -> None:
    seen = watch(MovingPatch(), 4, 5, generator())
    assert seen.truth is not None
    torch.testing.assert_close(
        seen.reward, boxes.iou(seen.box[:, :1].expand(-1, 5, -1), seen.truth.target_box)
    )


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="horizon must be at least 1 frame, got 0"):
        watch(MovingPatch(), 4, 0, generator())
    with pytest.raises(ValueError, match=r"camera must have shape \(4, 3, 2\), got \(4, 2, 2\)"):
        watch(MovingPatch(), 4, 3, generator(), torch.zeros(4, 2, 2))
