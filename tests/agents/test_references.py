import pytest
import torch

from agents.base import Agent
from agents.classical import ALGORITHMS, Classical
from agents.constant_velocity import ConstantVelocity
from agents.last_box import LastBox
from agents.opencv.template import TemplateTracker
from agents.oracle import Oracle
from agents.random_actions import RandomActions
from dyna.loop.rollout import rollout
from envs.scene import Scene
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from tests.scenes import MovingPatch


def run(agent: Agent, scene: Scene | None = None, horizon: int = 8) -> Trajectory:
    return rollout(Tracking(scene or MovingPatch(), 4, horizon, seed=3), agent, explore=False)


# KCF and MIL are whole-pixel searches of large features; the bounds are for what they can do.
@pytest.mark.parametrize(
    ("algorithm", "bound"),
    [("ncc", 0.9), ("ncc_updated", 0.9), ("kcf", 0.8), ("csrt", 0.8), ("mil", 0.6),
     ("medianflow", 0.9)],
)  # fmt: skip
def test_a_textured_patch_is_followed(algorithm: str, bound: float) -> None:
    assert run(Classical(algorithm=algorithm)).reward.mean() > bound


def test_every_algorithm_is_tested() -> None:
    assert set(ALGORITHMS) == {"ncc", "ncc_updated", "kcf", "csrt", "mil", "medianflow"}


def test_an_unknown_algorithm_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"algorithm=sift .* one of ncc, "):
        Classical(algorithm="sift")


def test_the_oracle_is_always_right() -> None:
    torch.testing.assert_close(run(Oracle()).reward, torch.ones(4, 8))


def test_a_target_faster_than_the_largest_action_outruns_the_oracle() -> None:
    # A full action moves half a box, 7 of 14 pixels; the target makes 9 of them.
    trajectory = run(Oracle(), MovingPatch(speed=9), horizon=2)
    assert trajectory.action[:, 1, :2].abs().max() == 1.0
    assert trajectory.reward[:, 1].max() < 1.0


def test_the_last_box_stands_still() -> None:
    trajectory = run(LastBox())
    assert torch.equal(trajectory.box[:, -1], trajectory.box[:, 0])


def test_constant_velocity_needs_one_look() -> None:
    # After three steps of 2 pixels from the middle nothing has met the border yet. What it sees
    # after the second frame makes no difference.
    seeing = run(ConstantVelocity(), horizon=4)
    assert seeing.reward[:, 1].min() > 0.9
    assert seeing.reward.min() > 0.8
    closed = run(ConstantVelocity(), MovingPatch(hidden=(2, 3)), horizon=4)
    assert torch.equal(seeing.action, closed.action)


def test_random_actions_fill_their_range() -> None:
    action = run(RandomActions(), horizon=40).action
    assert action.min() < -0.95
    assert action.max() > 0.95
    assert abs(action.mean()) < 0.1


def test_an_updated_template_takes_the_given_share_of_what_it_found() -> None:
    image = torch.randint(0, 256, (48, 48, 3), dtype=torch.uint8).numpy()
    tracker = TemplateTracker(update_rate=0.25)
    tracker.init(image, (10.0, 12.0, 9.0, 7.0))
    first = tracker._template.copy()
    darker = image // 2
    assert tracker.update(darker)[1] == pytest.approx((10.0, 12.0, 9.0, 7.0), abs=0.1)
    seen = tracker._cut(darker, (9, 7))
    torch.testing.assert_close(
        torch.from_numpy(tracker._template), torch.from_numpy(0.75 * first + 0.25 * seen)
    )


@pytest.mark.parametrize("numbers", [{"search": 0}, {"update_rate": 1.0}])
def test_a_template_tracker_refuses_bad_numbers(numbers: dict) -> None:
    with pytest.raises(ValueError, match="search must be"):
        TemplateTracker(**numbers)


def test_an_opencv_without_the_contributed_trackers_names_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("agents.classical.cv2.TrackerCSRT_create")
    with pytest.raises(ImportError, match="pip install opencv-contrib-python-headless"):
        Classical(algorithm="csrt")
    Classical(algorithm="ncc")
