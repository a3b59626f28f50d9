"""Tracks in hindsight: where objects were and how fast, told by the frames before and after.

A Kalman filter of position and velocity runs forwards and backwards over each track, and both
are joined by their precisions (Fraser and Potter, "The optimum linear smoother as a combination
of two optimum linear filters", 1969). Where news is too surprising the velocity has jumped, and
the filter forgets it (`world_models.blocks.kalman.correct`): before a collision the past counts,
after it the future.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from world_models.blocks import kalman

NOISE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Variances of measured positions to choose from, pixels^2."""
JITTER = (0.0003, 0.0006, 0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
"""Variances of the change of a velocity in a frame to choose from, (pixels per frame)^2."""
PATIENCE = 3.0
NEW = 6.0
"""Variance of the velocity of an object of which nothing is known, (pixels per frame)^2."""
DOUBT = 4.0
"""Squared difference, in variances, from which past and future contradict each other."""
UNSEEN = 10.0
"""Further variance of measurements (pixels^2) where nothing is seen of an object; where a part is,
it falls in proportion. What the view's edge cuts off seems to move too little."""
MOST_NATS = 4.5
"""Nats that one surprise costs at most: collisions shall not pass for jitter."""


class Filtered(NamedTuple):
    """Belief after every measurement: ``N T K d`` each; lengths in pixels."""

    position: Tensor
    velocity: Tensor
    var_position: Tensor
    var_velocity: Tensor


def smooth(
    position: Float[Tensor, "N T K d"],
    same: Bool[Tensor, "N T K"],
    share: Float[Tensor, "N T K"],
) -> tuple[Float[Tensor, "N T K d"], Float[Tensor, "N T K d"], float]:
    """Positions and velocities in hindsight, and how much velocities change by themselves.

    Args:
        position: Measured centres in a frame that stands, or whatever else changes evenly: pixels.
        same: Whether the object is the one that the slot held a frame earlier.
        share: How much of it was seen, 0 to 1.

    Returns:
        Positions, velocities (pixels per frame), and the standard deviation of the change of a
        velocity in one frame, along each axis.
    """
    doubt = UNSEEN * (1 - share)[..., None]
    sharp, jitter = _likeliest(position, same, doubt)
    noise = sharp + doubt
    after = torch.zeros_like(same)
    after[:, :-1] = same[:, 1:]
    one, _ = _filter(position, same, noise, jitter)
    other, _ = _filter(position.flip(1), after.flip(1), noise.flip(1), jitter)
    other = Filtered(*(x.flip(1) for x in other))
    # Both have seen the measurement of the frame itself, which counts only once.
    sure = 1 / one.var_position, 1 / other.var_position
    place = one.position * sure[0] + other.position * sure[1] - position / noise
    place = place / torch.maximum(sure[0] + sure[1] - 1 / noise, 1 / noise)
    return place, _join(one, other), jitter**0.5


def _join(one: Filtered, other: Filtered) -> Float[Tensor, "N T K d"]:
    """Velocities that the past and the future tell together.

    Where they contradict each other the velocity has just changed, or is about to, and their mean
    is one that the object never had: then that counts of which more is known.
    """
    past, future = one.velocity, -other.velocity
    spread = one.var_velocity + other.var_velocity
    weight = other.var_velocity / spread
    contrary = ((past - future).square() > DOUBT * spread).any(-1, keepdim=True)
    surer = one.var_velocity.sum(-1, keepdim=True) < other.var_velocity.sum(-1, keepdim=True)
    weight = torch.where(contrary, surer.to(weight.dtype), weight)
    return weight * past + (1 - weight) * future


def _likeliest(
    position: Float[Tensor, "N T K d"],
    same: Bool[Tensor, "N T K"],
    doubt: Float[Tensor, "N T K 1"],
) -> tuple[float, float]:
    """The variances of measurements and of jitter under which the tracks are likeliest."""
    found = [
        (_filter(position, same, noise + doubt, jitter)[1], noise, jitter)
        for noise in NOISE
        for jitter in JITTER
    ]
    return max(found, key=lambda row: row[0])[1:]  # with no tracks, the quietest


def _filter(
    position: Float[Tensor, "N T K d"],
    same: Bool[Tensor, "N T K"],
    noise: Float[Tensor, "N T K 1"],
    jitter: float,
) -> tuple[Filtered, float]:
    """The filter, forwards, and the log-likelihood of what it saw."""
    nothing = torch.zeros_like(position[:, 0])
    state = kalman.Kinematics(nothing[..., :1], *[nothing] * 5)
    new, patience = position.new_tensor(NEW), position.new_tensor(PATIENCE)
    drift = nothing + jitter
    beliefs, likely = [], position.new_zeros(())
    for t in range(position.shape[1]):
        state = kalman.Kinematics(*(torch.where(same[:, t, :, None], x, 0.0) for x in state))
        old = (state.begun > 0).expand_as(nothing)
        moved = position[:, t] - position[:, max(t - 1, 0)]
        spread = state.var_position + noise[:, t]
        belief, innovation = kalman.correct(state, moved, noise[:, t], new, patience)
        nats = (innovation.square() / spread).clamp(max=2 * MOST_NATS) + spread.log()
        likely = likely - torch.where(old, nats, 0.0).sum() / 2
        var_velocity = torch.where(old, belief.var_velocity, NEW)
        beliefs.append(
            Filtered(
                position[:, t] + belief.expected,
                torch.where(old, belief.velocity, 0.0),
                belief.var_position,
                var_velocity,
            )
        )
        ahead = belief.expected + belief.velocity
        state = kalman.predict(belief, belief.velocity, ahead, nothing, drift)
    return Filtered(*(torch.stack(x, 1) for x in zip(*beliefs, strict=True))), likely.item()
