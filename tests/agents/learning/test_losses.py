"""HART's losses against numbers worked out by hand."""

import math

import pytest
import torch

from agents.learning import losses


def box(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


TARGET = box(0.5, 0.5, 0.2, 0.2)


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        (box(0.5, 0.5, 0.2, 0.2), 1.0),
        (box(0.6, 0.5, 0.2, 0.2), 1 / 3),
        (box(0.5, 0.5, 0.4, 0.2), 1 / 2),
        (box(0.9, 0.9, 0.2, 0.2), losses.FLOOR),
    ],
)
def test_tracking_is_the_negative_logarithm_of_iou(other: torch.Tensor, iou: float) -> None:
    assert float(losses.tracking(other, TARGET)) == pytest.approx(-math.log(iou))


def test_tracking_is_dead_where_boxes_do_not_meet_and_pull_is_not() -> None:
    far = box(0.9, 0.5, 0.2, 0.2).requires_grad_()
    losses.tracking(far, TARGET).backward()
    assert far.grad is not None
    assert not far.grad.any()
    mean = box(0.0, 0.0, 0.0, 1.5).requires_grad_()
    loss = losses.pull(mean, box(-1.0, 0.05, 0.0, 1.0))
    # Beyond 0.1 the distance less 0.05; below, half its square over 0.1.
    assert float(loss.detach()) == pytest.approx(0.95 + 0.0125 + 0.0 + 0.45)
    loss.backward()
    assert mean.grad is not None
    assert mean.grad.tolist() == pytest.approx([1.0, -0.5, 0.0, 1.0])


@pytest.mark.parametrize(
    ("window", "held", "of_frame"),
    [
        (box(0.5, 0.5, 0.4, 0.4), 1.0, 0.16),  # holds the target
        (box(0.6, 0.5, 0.2, 0.2), 0.5, 0.04),  # holds half of it
        (box(0.2, 0.2, 0.2, 0.2), losses.FLOOR, 0.04),  # misses it
        (box(0.5, 0.5, 1.0, 1.0), 1.0, 1 - losses.FLOOR),  # looks everywhere
    ],
)
def test_spatial_wants_the_target_and_little_else(
    window: torch.Tensor, held: float, of_frame: float
) -> None:
    expected = -math.log(held) - math.log(1 - of_frame)
    assert float(losses.spatial(window, TARGET)) == pytest.approx(expected)


def test_places_are_those_whose_middle_is_covered() -> None:
    # A window of 0.4 at 0.5 has the middles 0.35, 0.45, 0.55, 0.65; the box reaches from 0.5 on in
    # x, and from 0.4 to 0.6 in y.
    covered = losses.places(box(0.5, 0.5, 0.4, 0.4), box(0.65, 0.5, 0.3, 0.2), 4)
    assert covered.view(4, 4).tolist() == [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]


def test_appearance_weighs_target_and_background_alike() -> None:
    covered = torch.tensor([1.0, 0.0, 0.0, 0.0])
    location = torch.tensor([0.5, 0.2, 0.2, 0.2])
    expected = (math.log(2) - math.log(0.8)) / 2
    assert float(losses.appearance(location, covered)) == pytest.approx(expected, rel=1e-5)
    nothing = losses.appearance(torch.full((4,), 0.2), torch.zeros(4))
    assert float(nothing) == pytest.approx(-math.log(0.8), rel=1e-5)
    wrong = losses.appearance(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]))
    assert wrong.isfinite()


def test_filters_are_averaged_before_they_are_squared() -> None:
    dynamic = torch.tensor([[[1.0, 2.0]], [[-1.0, 4.0]]])
    assert float(losses.filters(dynamic)) == pytest.approx(0.5 * 9)


def test_average_leaves_out_what_has_no_weight() -> None:
    loss = torch.tensor([[1.0, torch.nan], [3.0, 5.0]])
    weight = torch.tensor([[1.0, 0.0], [1.0, 2.0]])
    assert float(losses.average(loss, weight)) == pytest.approx(14 / 4)
    assert float(losses.average(loss, torch.zeros(2, 2))) == 0.0


def test_adaptive_weights_find_the_inverse_of_the_losses() -> None:
    weights = losses.AdaptiveWeights(("a", "b"))
    given = {"a": torch.tensor(0.25), "b": torch.tensor(4.0), "penalty": torch.tensor(9.0)}
    assert float(weights(given).detach()) == pytest.approx(4.25)
    optimizer = torch.optim.SGD(weights.parameters(), 0.02)
    for _ in range(300):
        optimizer.zero_grad()
        weights(given).backward()
        optimizer.step()
    assert weights.root.detach().square().tolist() == pytest.approx([4.0, 0.25], rel=1e-2)
