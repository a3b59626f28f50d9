"""Steps down the gradient."""

import pytest
import torch

from world_models.blocks.descent import decay, descend


@pytest.mark.parametrize(
    ("now", "factor"), [(0.0, 1.0), (0.49, 1.0), (0.5, 1.0), (0.75, 0.51), (1.0, 0.02)]
)
def test_a_rate_is_even_and_then_falls_in_a_line(now: float, factor: float) -> None:
    assert decay(now, 0.5, 0.02) == pytest.approx(factor)


def test_a_loss_that_is_not_finite_leaves_the_weights_alone() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.SGD([weight], 1.0)
    with pytest.raises(FloatingPointError, match="loss is nan"):
        descend((weight * torch.nan).sum(), optimiser, [weight], 1.0)
    assert torch.equal(weight, torch.ones(2))
    descend((weight * torch.tensor([30.0, 40.0])).sum(), optimiser, [weight], 1.0)
    assert torch.allclose(weight, torch.tensor([0.4, 0.2]))  # no step is longer than the limit
