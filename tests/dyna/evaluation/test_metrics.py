import dataclasses
import math

import pytest
import torch

from dyna.evaluation import metrics
from envs.action_scale import ActionScale
from envs.trajectory import Trajectory, Truth

T, F = True, False


def scores(iou: list[float], counts: list[bool]) -> dict[str, float]:
    """The scores of a single episode."""
    found = metrics.episode_scores(torch.tensor([iou]), torch.tensor([counts]))
    return {name: value.item() for name, value in found.items()}


def episode(box: list[float], action: list[float], target: list[float]) -> Trajectory:
    """One step of one episode; the view then moves by a tenth to the right."""
    own = torch.tensor([[box, box]])
    own[:, 1, 0] -= 0.1
    return Trajectory(
        frame=torch.zeros(1, 1, 1, 2, 2, dtype=torch.uint8),
        box=own,
        action=torch.tensor([[action]]),
        reward=torch.zeros(1, 1),
        camera=torch.tensor([[[0.1, 0.0]]]),
        truth=Truth(
            target=torch.tensor([1]),
            box=torch.tensor([[[[0.9, 0.9, 0.1, 0.1], target]]]),
            visible=torch.ones(1, 1, 2),
            id=torch.tensor([[[0, 1]]]),
        ),
    )


def test_the_moved_box_is_scored_in_the_frame_that_was_seen() -> None:
    # Half a box to the right, before the camera moves.
    trajectory = episode([0.4, 0.5, 0.2, 0.2], [1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.2, 0.2])
    torch.testing.assert_close(metrics.overlap(trajectory, ActionScale()), torch.ones(1, 1))


def test_boxes_are_cut_at_the_border_before_they_are_scored() -> None:
    # Both show the same quarter of the frame; outside of it they differ.
    trajectory = episode([0.1, 0.1, 0.3, 0.3], [0.0] * 4, [0.0, 0.0, 0.5, 0.5])
    torch.testing.assert_close(metrics.overlap(trajectory, ActionScale()), torch.ones(1, 1))


def test_scoring_needs_truth() -> None:
    trajectory = episode([0.5] * 4, [0.0] * 4, [0.5] * 4)
    with pytest.raises(ValueError, match="truth=None"):
        metrics.overlap(dataclasses.replace(trajectory, truth=None), ActionScale())


def test_the_first_step_and_the_hidden_ones_do_not_count() -> None:
    visible = torch.tensor([[[1.0], [0.3], [0.31], [0.0]]])
    truth = Truth(
        torch.tensor([0]), torch.zeros(1, 4, 1, 4), visible, torch.zeros(1, 4, 1, dtype=torch.int)
    )
    trajectory = dataclasses.replace(episode([0.5] * 4, [0.0] * 4, [0.5] * 4), truth=truth)
    assert metrics.counted(trajectory).tolist() == [[F, F, T, F]]
    assert visible[0, 0] == 1.0


def test_scores_by_hand() -> None:
    found = scores([1.0, 0.8, 0.4, 0.0, 0.6], [F, T, T, F, T])
    assert found["iou"] == pytest.approx(0.6)
    assert found["success_0.5"] == pytest.approx(2 / 3)
    # Thresholds 0, .05, ... 1: 16 of 21 lie below .8 (not itself), 8 below .4, 12 below .6.
    assert found["success_auc"] == pytest.approx((16 + 8 + 12) / 63, abs=0.02)
    assert found["lost"] == 0.0
    assert found["visible"] == pytest.approx(0.75)
    assert math.isnan(found["reappearance_iou"])


@pytest.mark.parametrize(("last", "lost"), [(0.04, 1.0), (0.06, 0.0)])
def test_lost_is_about_the_last_step_that_counts(last: float, lost: float) -> None:
    assert scores([1.0, 0.9, last, 0.9], [F, T, T, F])["lost"] == lost


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([F, T, F, F, F, T, T], 0.5),  # after three hidden steps
        ([F, T, F, F, T, T, T], None),  # after two
        ([F, F, F, F, T, T, T], 0.4),  # hidden from the first step on
        ([F, F, F, T, T, T, T], None),  # step 0 was shown
    ],
)
def test_reappearance_is_the_first_step_after_three_hidden_ones(
    counts: list[bool], expected: float | None
) -> None:
    found = scores([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], counts)["reappearance_iou"]
    assert math.isnan(found) if expected is None else found == pytest.approx(expected)


def test_an_episode_that_shows_nothing_is_left_out() -> None:
    found = metrics.episode_scores(
        torch.tensor([[1.0, 0.4], [1.0, 0.9]]), torch.tensor([[F, T], [F, F]])
    )
    summary = metrics.summary(found, torch.tensor([1.0, 2.0]))
    assert summary["eval/iou"] == pytest.approx(0.4)
    assert summary["eval/iou_1_object"] == pytest.approx(0.4)
    assert "eval/iou_2_objects" not in summary
    assert "eval/reappearance_iou" not in summary
    assert summary["eval/episodes"] == 2.0


def test_the_standard_error_is_over_episodes() -> None:
    found = {"iou": torch.tensor([0.2, 0.4, 0.6, 0.8])}
    summary = metrics.summary(found, torch.tensor([1.0, 1.0, 3.0, 3.0]))
    assert summary["eval/iou_se"] == pytest.approx(torch.tensor([0.2, 0.4, 0.6, 0.8]).std() / 2)
    assert summary["eval/iou_1_object"] == pytest.approx(0.3)
    assert summary["eval/iou_3_objects"] == pytest.approx(0.7)
