"""Boxes from masks, and their calibration."""

import warnings

import pytest
import torch

from envs.boxes import iou
from world_models.air.frame.readout import Calibration, calibrate, check_windows, mask_extent


def test_the_extent_of_a_sharp_mask_is_its_edges() -> None:
    alpha = torch.zeros(16, 16)
    alpha[4:12, 2:6] = 1.0
    extent = mask_extent(alpha) * 16
    # The threshold .3 is crossed between the last empty and the first full sample.
    assert torch.allclose(extent, torch.tensor([1.8, 3.8, 6.2, 12.2]), atol=1e-5)


def test_a_faint_mask_has_the_extent_of_its_window() -> None:
    assert mask_extent(torch.full((16, 16), 0.1)).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_calibration_mends_a_size_bias_and_a_shift() -> None:
    rng = torch.Generator().manual_seed(0)
    true = torch.cat(
        [torch.rand(50, 2, generator=rng), 0.2 + 0.2 * torch.rand(50, 2, generator=rng)], 1
    )
    predicted = true.clone()
    predicted[:, 2:] = 1.25 * true[:, 2:] - 0.02
    predicted[:, 0] += 0.02
    calibration, metrics = calibrate(predicted[:, None], torch.ones(50, 1), true)
    assert iou(calibration(predicted), true).mean() > 0.95 > metrics["first_box_iou"]


def test_few_matches_leave_boxes_alone() -> None:
    box = torch.tensor([[[0.5, 0.5, 0.2, 0.2]]]).expand(4, 1, 4)
    calibration, _ = calibrate(box, torch.ones(4, 1), box[:, 0] * 1.1)
    assert calibration == Calibration()


def test_windows_that_do_not_fit_the_targets_are_warned_of() -> None:
    first = torch.tensor([[0.5, 0.5, 0.2, 0.5]]).expand(8, 4)  # 24 px high in a frame of 48
    with pytest.warns(UserWarning, match=r"up to 24 px .* world_model.typical_side=24"):
        check_windows(first, (48, 48), 18.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_windows(first, (48, 48), 22.0)
