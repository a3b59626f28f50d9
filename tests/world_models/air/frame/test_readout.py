"""Boxes from masks, and windows that fit them."""

import warnings

import pytest
import torch

from world_models.air.frame.readout import check_windows, mask_extent


def test_the_extent_of_a_sharp_mask_is_its_edges() -> None:
    alpha = torch.zeros(16, 16)
    alpha[4:12, 2:6] = 1.0
    extent = mask_extent(alpha) * 16
    # The threshold .3 is crossed between the last empty and the first full sample.
    assert torch.allclose(extent, torch.tensor([1.75, 3.75, 6.25, 12.25]), atol=1e-5)


def test_a_faint_mask_has_the_extent_of_its_window() -> None:
    assert mask_extent(torch.full((16, 16), 0.1)).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_windows_that_do_not_fit_the_targets_are_warned_of() -> None:
    first = torch.tensor([[0.5, 0.5, 0.2, 0.5]]).expand(8, 4)  # 24 px high in a frame of 48
    with pytest.warns(UserWarning, match=r"up to 24 px .* world_model.typical_side=24"):
        check_windows(first, (48, 48), 18.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_windows(first, (48, 48), 22.0)
