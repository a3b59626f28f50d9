"""The same bits as torch's own functions, which have no deterministic form on CUDA."""

import pytest
import torch

from world_models.blocks.fixed_order import median, running_sum


@pytest.mark.parametrize("shape", [(7, 5, 3), (8, 6, 4), (1, 1, 1), (2, 9, 2)])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_medians_are_those_of_torch(shape: tuple[int, ...], dim: int) -> None:
    values = torch.randn(shape).round(decimals=1)
    assert torch.equal(median(values, dim), values.median(dim).values)
    kept = values.median(dim, keepdim=True).values
    assert torch.equal(median(values, dim, keepdim=True), kept)
    values[values > 0.5] = torch.nan
    expected = values.nanmedian(dim).values
    assert torch.equal(median(values, dim).nan_to_num(9.0), expected.nan_to_num(9.0))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_running_sums_are_those_of_torch(dim: int) -> None:
    values = torch.randn(5, 12, 6)
    assert torch.equal(running_sum(values, dim), values.cumsum(dim))
