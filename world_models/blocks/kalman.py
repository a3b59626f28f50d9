"""Position and velocity behind noisy measurements: a Kalman filter, every axis on its own.

Differences of measured positions are too noisy to be velocities; a filter weighs them by how
certain it is already. Only deviations from the measured position are kept, so that the frame of
reference may move.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Kinematics(NamedTuple):
    """What was predicted for each object before this frame was seen."""

    begun: Float[Tensor, "*b 1"]
    """0 for objects that were just found, of which nothing was predicted."""
    velocity: Float[Tensor, "*b d"]
    """Pixels per frame in the world."""
    expected: Float[Tensor, "*b d"]
    """The move since the last measurement, pixels."""
    var_position: Float[Tensor, "*b d"]
    covariance: Float[Tensor, "*b d"]
    var_velocity: Float[Tensor, "*b d"]


SIZES = (1, 2, 2, 2, 2, 2)
SIZE = sum(SIZES)


def unpack(hidden: Float[Tensor, "*b M"]) -> tuple[Kinematics, Float[Tensor, "*b m"]]:
    """Reads the first `SIZE` numbers; the rest is somebody else's."""
    *parts, rest = hidden.split([*SIZES, hidden.shape[-1] - SIZE], -1)
    return Kinematics(*parts), rest


def correct(
    state: Kinematics,
    moved: Float[Tensor, "*b d"],
    noise: Float[Tensor, "*#b 1"] | Float[Tensor, ""],
    var_new: Float[Tensor, ""],
    patience: Float[Tensor, ""],
) -> tuple[Kinematics, Float[Tensor, "*b d"]]:
    """What is believed once the object was measured.

    Args:
        state: What was predicted.
        moved: How far the object was measured from its last measurement.
        noise: Variance of a measurement.
        var_new: Variance of the velocity of an object of which nothing is known.
        patience: News beyond this many times its variance is taken for a jump of the velocity.

    Returns:
        The belief (``expected`` is now the position beside the measured one), and the innovation:
        how far the measurement lies from the prediction.
    """
    old = state.begun > 0
    innovation = torch.where(old, moved - state.expected, 0.0)
    var_position = torch.where(old, state.var_position, 1e3)
    var_velocity = torch.where(old, state.var_velocity, var_new)
    spread = var_position + noise
    jump = (innovation.square() - patience * spread).clamp(min=0)
    spread, var_position = spread + jump, var_position + jump
    covariance, var_velocity = state.covariance + jump, var_velocity + jump
    gain_position, gain_velocity = var_position / spread, covariance / spread
    belief = Kinematics(
        torch.ones_like(state.begun),
        state.velocity + gain_velocity * innovation,
        (gain_position - 1) * innovation,
        gain_position * noise,
        (1 - gain_position) * covariance,
        (var_velocity - gain_velocity * covariance).clamp(min=1e-4),
    )
    return belief, innovation


def predict(
    belief: Kinematics,
    velocity: Float[Tensor, "*b d"],
    moved: Float[Tensor, "*b d"],
    drift_position: Float[Tensor, "*b d"],
    drift_velocity: Float[Tensor, "*b d"],
) -> Kinematics:
    """One frame later, if the object gets ``velocity`` and lands ``moved`` from where it was seen.

    The drifts are variances of what the prediction does not know.
    """
    covariance = belief.covariance + belief.var_velocity
    return Kinematics(
        belief.begun,
        velocity,
        moved,
        (belief.var_position + belief.covariance + covariance + drift_position).clamp(min=1e-4),
        covariance,
        belief.var_velocity + drift_velocity,
    )
