"""The field's measures by hand, and against the toolkit of GOT-10k on the same boxes."""

import math

import numpy as np
import pytest
import torch

from dyna.evaluation import metrics, one_pass
from envs import boxes
from envs.action_scale import ActionScale
from envs.trajectory import Trajectory, Truth

WIDTH, HEIGHT = 320, 240
T, F = True, False


def episodes(rng: torch.Generator, number: int = 4, steps: int = 60) -> Trajectory:
    """Boxes that wander off their targets, some of which leave the frame."""
    double = {"generator": rng, "dtype": torch.float64}
    start = torch.rand(number, 1, 4, **double) * 0.3 + torch.tensor([0.3, 0.3, 0.1, 0.1])
    walk = 0.02 * torch.randn(number, steps, 4, **double).cumsum(1)
    target = torch.cat([start[..., :2] + walk[..., :2], start[..., 2:].expand(-1, steps, -1)], -1)
    own = (target + 0.03 * torch.randn(number, steps, 4, **double)).clamp(0.07, 0.55)
    own = torch.cat([own, own[:, -1:]], dim=1)
    frame = torch.zeros(1, 1, 1, HEIGHT, WIDTH, dtype=torch.uint8)
    return Trajectory(
        frame=frame.expand(number, steps, -1, -1, -1),
        box=own,
        action=torch.zeros(number, steps, 4, dtype=torch.float64),
        reward=torch.zeros(number, steps),
        camera=torch.zeros(number, steps, 2),
        truth=Truth(
            target=torch.zeros(number, dtype=torch.long),
            box=target[:, :, None],
            visible=torch.ones(number, steps, 1),
            id=torch.zeros(number, steps, 1, dtype=torch.long),
        ),
    )


def rects(box: torch.Tensor) -> np.ndarray:
    """Left, top, width and height in pixels, as the toolkit wants them."""
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    corners = boxes.to_xyxy(box.double()).numpy() * size
    return np.concatenate([corners[..., :2], corners[..., 2:] - corners[..., :2]], axis=-1)


def test_overlap_success_and_precision_are_those_of_got10k(rng: torch.Generator) -> None:
    toolkit = pytest.importorskip("got10k.utils.metrics", reason="pip install '.[dev]'")
    from got10k.experiments.otb import ExperimentOTB

    experiment = ExperimentOTB.__new__(ExperimentOTB)  # whose constructor looks for the data
    experiment.nbins_iou, experiment.nbins_ce = 21, 51
    found = episodes(rng)
    iou = metrics.overlap(found, ActionScale())
    error = metrics.centre_error(found, ActionScale())
    whole = boxes.iou(found.box[:, :-1], found.truth.target_box)
    everything = torch.ones_like(iou, dtype=torch.bool)
    success = one_pass.success_curve(iou, everything)
    precision = one_pass.precision_curve(error, everything)
    scores = metrics.episode_scores(iou, everything, error)
    assert 0.1 < iou.mean() < 0.9
    assert (iou != whole).any()  # some are cut at the border
    for b in range(found.num_episodes):
        own, target = rects(found.box[b, :-1]), rects(found.truth.target_box[b])
        np.testing.assert_allclose(whole[b], toolkit.rect_iou(own, target), atol=1e-6)
        # With a bound, rect_iou does not shorten boxes that begin left of the frame; this does.
        theirs = toolkit.poly_iou(own, target, bound=(WIDTH, HEIGHT))
        distance = toolkit.center_error(own, target)
        np.testing.assert_allclose(iou[b], theirs, atol=1e-6)
        np.testing.assert_allclose(error[b], distance, atol=1e-6)
        curves = experiment._calc_curves(theirs, distance)
        np.testing.assert_allclose(success[b], curves[0], atol=1e-6)
        np.testing.assert_allclose(precision[b], curves[1], atol=1e-6)
        assert scores["success_auc"][b] == pytest.approx(curves[0].mean(), abs=1e-6)
        assert scores["success_0.5"][b] == pytest.approx(curves[0][10], abs=1e-6)
        assert scores["precision_20px"][b] == pytest.approx(curves[1][20], abs=1e-6)


def test_success_is_above_the_threshold_and_precision_not_above_it() -> None:
    counts = torch.tensor([[T, T, F]])
    success = one_pass.success_curve(torch.tensor([[0.5, 1.0, 1.0]]), counts)
    assert success[0, [0, 9, 10, 19, 20]].tolist() == [1.0, 1.0, 0.5, 0.5, 0.0]
    precision = one_pass.precision_curve(torch.tensor([[0.0, 20.0, 0.0]]), counts)
    assert precision[0, [0, 19, 20, 50]].tolist() == [0.5, 0.5, 1.0, 1.0]


def test_steps_that_do_not_count_leave_no_trace() -> None:
    iou = torch.tensor([[0.9, 0.6, 0.0], [0.7, 0.0, 0.0]])
    centre, error = one_pass.by_step(iou, torch.tensor([[T, T, F], [T, F, F]]))
    assert centre[:2].tolist() == pytest.approx([0.8, 0.6])
    assert error[0].item() == pytest.approx(0.1)
    assert error[1:].isnan().all()
    assert centre[2].isnan()


@pytest.mark.parametrize(
    ("iou", "counts", "expected"),
    [
        ([1.0] * 3 + [0.0] * 4 + [0.9] * 3, [T] * 10, (0, None)),  # four misses are no loss
        ([1.0] * 3 + [0.0] * 5 + [0.2, 0.2], [T] * 10, (1, 0.0)),  # near is not found
        ([1.0] * 3 + [0.0] * 5 + [0.2, 0.3], [T] * 10, (1, 1.0)),
        ([0.0] * 5 + [0.5] + [0.0] * 5, [T] * 11, (2, 0.5)),  # found, and lost for good
        ([1.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.0], [T, T, T, F, T, T, T], (1, 0.0)),  # behind a wall
    ],
)
def test_losses_by_hand(
    iou: list[float], counts: list[bool], expected: tuple[int, float | None]
) -> None:
    lost, refound = one_pass.losses(torch.tensor([iou]), torch.tensor([counts]))
    assert lost.item() == expected[0]
    assert math.isnan(refound.item()) if expected[1] is None else refound.item() == expected[1]
