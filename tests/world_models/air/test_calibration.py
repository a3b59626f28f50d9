"""Edges of boxes are told by first boxes, and by rewards, each alone."""

import dataclasses

import pytest
import torch
from torch import Tensor

from envs.boxes import iou
from envs.trajectory import Trajectory
from world_models.air import calibration as module
from world_models.air.calibration import LEAST_BOXES, Calibration, calibrate
from world_models.base import Posterior

EPISODES, FRAMES = 40, 12
RATIO, SHIFT = 1.1, (0.02, -0.01)


def _world(
    rng: torch.Generator, noise: float = 0.0, spread: float = 0.3
) -> tuple[Posterior, Trajectory]:
    """What is seen of two objects a scene, the second of which is the target, and the truth.

    Seen boxes are too small and shifted against true ones, so that the calibration is `RATIO` and
    `SHIFT`; their sizes are ``noise`` of themselves wrong.
    """
    size = 0.25 * torch.exp(spread * torch.randn(EPISODES, 1, 2, 2, generator=rng))
    start = torch.tensor([[0.2, 0.2], [0.7, 0.7]]) + 0.05 * torch.randn(
        EPISODES, 1, 2, 2, generator=rng
    )
    step = 0.01 * torch.randn(EPISODES, 1, 2, 2, generator=rng)
    path = start + step * torch.arange(FRAMES)[:, None, None]
    true = torch.cat([path, size.expand_as(path)], -1)
    wrong = torch.exp(noise * torch.randn(EPISODES, FRAMES, 2, 2, generator=rng))
    seen = torch.cat([path - torch.tensor(SHIFT), wrong * size / RATIO], -1)
    target = true[:, :, 1]
    own = torch.cat([target[:, :1], target], 1)  # before each action, and after the last
    off = torch.randn(EPISODES, FRAMES, 4, generator=rng)
    own[:, 1:, :2] += 0.3 * off[..., :2] * own[:, 1:, 2:]
    own[:, 1:, 2:] *= (0.1 * off[..., 2:]).exp()
    nothing = torch.zeros(EPISODES, FRAMES, 2)
    frame = torch.zeros(EPISODES, FRAMES, 1, 4, 4, dtype=torch.uint8)
    identity = torch.tensor([3, 7]).expand(EPISODES, FRAMES, 2)
    posterior = Posterior([], seen, nothing + 1, identity, frame, nothing[..., 0])
    reward = iou(own[:, 1:], target)
    return posterior, Trajectory(frame, own, nothing, reward, nothing)


def _untold(real: Trajectory) -> Trajectory:
    """Rewards tell nothing."""
    return dataclasses.replace(real, reward=torch.zeros_like(real.reward))


def _check(found: Calibration, ratio: float = 0.015, shift: float = 0.004) -> None:
    assert found.ratio == pytest.approx(RATIO, abs=ratio)
    assert (found.shift_x, found.shift_y) == pytest.approx(SHIFT, abs=shift)


def test_first_boxes_alone_tell_ratio_and_shift(rng: torch.Generator) -> None:
    posterior, real = _world(rng)
    found, metrics = calibrate(posterior, _untold(real))
    _check(found)
    assert metrics["first_box_found"] == 1
    assert metrics["rewards_used"] == 0
    assert metrics["first_box_iou"] < 0.85
    assert metrics["first_box_iou_calibrated"] > 0.97
    assert metrics["box_ratio"] == found.ratio


def test_rewards_alone_tell_ratio_and_shift(
    rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First boxes only say which object is the target."""
    posterior, real = _world(rng)
    monkeypatch.setattr(module, "SIZE_SCALE", float("inf"))
    monkeypatch.setattr(module, "PLACE_SCALE", float("inf"))
    found, metrics = calibrate(posterior, real)
    _check(found, 0.03, 0.006)
    assert metrics["rewards_used"] > 5 * EPISODES


@pytest.mark.parametrize("rewards", [False, True])
def test_noise_in_sizes_does_not_dilute_the_ratio(rewards: bool, rng: torch.Generator) -> None:
    """A regression of sizes on noisy sizes would make small boxes large and large ones small."""
    posterior, real = _world(rng, noise=0.1, spread=0.1)
    found, _ = calibrate(posterior, real if rewards else _untold(real))
    _check(found, 0.04, 0.006)
    small, large = (found(torch.tensor([[0.5, 0.5, s, s]]))[0, 2] / s for s in (0.1, 0.5))
    assert small == pytest.approx(large.item())


def test_the_camera_moves_after_the_reward_was_paid(
    rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    posterior, real = _world(rng)
    for name in ("SIZE_SCALE", "PLACE_SCALE"):
        monkeypatch.setattr(module, name, float("inf"))
    camera = torch.full((EPISODES, FRAMES, 2), 0.05)
    moved = real.box.clone()
    moved[:, 1:, :2] -= camera
    found, _ = calibrate(posterior, dataclasses.replace(real, box=moved, camera=camera))
    _check(found, 0.03, 0.006)


@pytest.mark.parametrize("gone", ["id", "visible"])
def test_a_target_that_is_lost_or_hidden_tells_nothing(gone: str, rng: torch.Generator) -> None:
    posterior, real = _world(rng)
    x, wrong = getattr(posterior, gone).clone(), posterior.box.clone()
    x[:, 4:, 1] = -1 if gone == "id" else 0
    wrong[:, 4:, 1, 2:] *= 0.7
    spoiled = dataclasses.replace(posterior, box=wrong, **{gone: x})
    found, metrics = calibrate(spoiled, real)
    _check(found)
    assert metrics["rewards_used"] <= 3 * EPISODES


def test_a_first_box_of_which_little_is_seen_tells_nothing(rng: torch.Generator) -> None:
    """What bars cut off has a smaller mask than box; it is still found, and the others tell."""
    posterior, real = _world(rng)
    visible, wrong = posterior.visible.clone(), posterior.box.clone()
    visible[::2, 0, 1] = 0.4
    wrong[::2, 0, 1, 2:] *= 0.7
    found, metrics = calibrate(
        dataclasses.replace(posterior, box=wrong, visible=visible), _untold(real)
    )
    _check(found)
    assert metrics["first_box_found"] == 1
    assert metrics["first_box_iou_calibrated"] > metrics["first_box_iou"] + 0.05


def test_a_slot_that_holds_another_object_has_little_say(rng: torch.Generator) -> None:
    posterior, real = _world(rng)
    wrong = posterior.box.clone()
    wrong[: EPISODES // 8, :, 1, 2:] *= 1.6
    found, _ = calibrate(dataclasses.replace(posterior, box=wrong), real)
    _check(found, 0.03, 0.006)


def test_few_matches_leave_boxes_alone(rng: torch.Generator) -> None:
    posterior, real = _world(rng)
    lost: Tensor = torch.full_like(posterior.id, -1)
    lost[: LEAST_BOXES - 1] = posterior.id[: LEAST_BOXES - 1]
    found, metrics = calibrate(dataclasses.replace(posterior, id=lost), real)
    assert found == Calibration()
    assert metrics["first_box_found"] == pytest.approx((LEAST_BOXES - 1) / EPISODES)


def test_calibrated_boxes_are_moved_and_scaled() -> None:
    box = Calibration(2.0, 0.1, -0.1)(torch.tensor([[0.5, 0.5, 0.2, 0.3]]))
    torch.testing.assert_close(box, torch.tensor([[0.6, 0.4, 0.4, 0.6]]))
