"""What an action was worth, estimated from rewards and values."""

import torch
from jaxtyping import Float
from torch import Tensor


def advantages(
    reward: Float[Tensor, "B T"],
    value: Float[Tensor, "B T"],
    last_value: Float[Tensor, " B"],
    gamma: float,
    gae_lambda: float,
) -> Float[Tensor, "B T"]:
    """Generalised advantage estimates (Schulman et al. 2016, equations 11 to 16).

    ``delta_t = r_t + gamma V_{t+1} - V_t`` and ``A_t = delta_t + gamma lambda A_{t+1}``. Episodes
    end by truncation, never by termination, so the last step bootstraps from ``last_value``.
    With ``gamma = 0`` this is ``r_t - V_t`` and every step stands for itself.

    Args:
        reward: Reward of each step.
        value: Value of what was seen before each step.
        last_value: Value of what is seen after the last step.
        gamma: Discount.
        gae_lambda: Trust in rewards against values.
    """
    following = torch.cat([value[:, 1:], last_value[:, None]], dim=1)
    delta = reward + gamma * following - value
    if gamma * gae_lambda == 0.0:
        return delta
    result = torch.empty_like(delta)
    running = torch.zeros_like(last_value)
    for t in range(delta.shape[1] - 1, -1, -1):
        running = delta[:, t] + gamma * gae_lambda * running
        result[:, t] = running
    return result
