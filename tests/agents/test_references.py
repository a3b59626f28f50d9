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
from envs.trajectory import Observation, Trajectory
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


# Left alone, MIL looks for ever at 4 pixels, CSRT fails on thin boxes, KCF answers 0, 0, 0, 0.
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "size_px",
    [(0.5, 0.5), (3, 2), (1, 60), (128, 128)],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
def test_any_box_is_answered(algorithm: str, size_px: tuple[float, float]) -> None:
    coarse = torch.randint(0, 256, (1, 3, 16, 16)).float()
    frame = torch.nn.functional.interpolate(coarse, (128, 128), mode="bicubic").clamp(0, 255)
    box = torch.tensor([[0.5, 0.5, size_px[0] / 128, size_px[1] / 128]])
    agent = Classical(algorithm=algorithm)
    state = agent.initial(Observation(frame.byte(), box))
    for shift in (0, 2, 4, 6):
        moved = frame.byte().roll(shift, -1)
        found, state = agent.locate(Observation(moved, box), state)
        assert bool(found.isfinite().all())
        assert float(found[:, 2:].min()) > 0
    if max(size_px) < 5:
        torch.testing.assert_close(found[:, 2:], box[:, 2:], rtol=0.5, atol=0)


def test_a_thin_pole_is_followed() -> None:
    pole = torch.randint(0, 256, (1, 3, 100, 2), dtype=torch.uint8)
    box = torch.tensor([[41 / 160, 60 / 160, 2 / 160, 100 / 160]])
    agent, state = Classical(algorithm="csrt"), None
    for t in range(8):
        frame = torch.full((1, 3, 160, 160), 90, dtype=torch.uint8)
        frame[..., 10:110, 40 + t : 42 + t] = pole
        obs = Observation(frame, box)
        state = state or agent.initial(obs)
        found, state = agent.locate(obs, state)
    assert float(found[0, 0] * 160) == pytest.approx(48, abs=1.5)
    assert float(found[0, 2] * 160) == pytest.approx(2, rel=0.3)


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
    assert tracker.update(darker) == pytest.approx((10.0, 12.0, 9.0, 7.0), abs=0.1)
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
