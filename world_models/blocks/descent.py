"""One step down the gradient, and how learning rates fall."""

import torch
from torch import Tensor, nn


def decay(now: float, flat: float, last: float) -> float:
    """A learning rate's factor: 1 until ``flat`` of the run, then linearly down to ``last``."""
    return 1.0 if now < flat else 1 - (1 - last) * (now - flat) / (1 - flat)


def descend(
    loss: Tensor, optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter], limit: float
) -> None:
    """One gradient step; a loss that is not finite stops the run before any weight is touched.

    Raises:
        FloatingPointError: The loss is not finite.
    """
    if not bool(torch.isfinite(loss)):
        raise FloatingPointError(
            f"the world model's loss is {loss.item()}; lower the learning rate or check the frames"
        )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, limit)
    optimiser.step()
