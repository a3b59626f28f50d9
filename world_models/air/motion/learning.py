"""Learning how objects move: the transition alone, on tracks that the filter gives.

By one-step likelihood and open-loop overshooting (as in PlaNet, Hafner et al., 2019,
https://arxiv.org/abs/1811.04551). This is what makes rollouts good. Tracks of all objects of a
scene stay together, so that what objects do to each other can be learned.
"""

import dataclasses
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from world_models.air.motion.smoothing import smooth
from world_models.air.motion.transition import Transition
from world_models.blocks.descent import decay, descend
from world_models.blocks.distributions import kl_gaussian
from world_models.blocks.fixed_order import running_sum

TRACK_SCALE = (0.35, 0.35, 0.03, 0.03)
TRACK_WEIGHT = (1.0, 1.0, 10.0, 10.0)
OVERSHOOT = 10
STARTS = 3
MIN_START = 4
OVERSHOOT_WEIGHT = 0.1
SPEED_WEIGHT = 3.0
LEAST_SPEED = 0.01
"""Pixels per frame: slower means have no ratio."""
MAX_GRADIENT = 20.0
SETTLED = 3
"""Frames for which an object must have been followed before its future is asked for."""

Some = TypeVar("Some", bound="Tracks")


@dataclasses.dataclass(frozen=True)
class Tracks:
    """Windows of all objects of N scenes through time.

    Attributes:
        where: Posterior means.
        camera: How far the view moved before each frame, pixels.
        present: Whether the slot held an object.
        run: Which object that was, counted within the slot; -1 where nothing can be learned from
            it (nobody there, or followed too shortly).
        share: How much of it was seen, 0 to 1: neither hidden nor out of view.
    """

    where: Float[Tensor, "N T K w"]
    camera: Float[Tensor, "N T 2"]
    present: Bool[Tensor, "N T K"]
    run: Int[Tensor, "N T K"]
    share: Float[Tensor, "N T K"]

    def in_hindsight(self) -> tuple["Hindsight", float]:
        """With places and velocities; and by how much velocities change by themselves (std)."""
        path, same = running_sum(self.camera, 1)[:, :, None], self.continued()
        place, velocity, jitter = smooth(self.where[..., :2] + path, same, self.share)
        log_side = self.where[..., 2:]
        scale = log_side.mean().exp()  # small changes of logarithms become pixels
        side, _, _ = smooth(scale * log_side, same, self.share)
        window = torch.cat([place - path, side / scale], -1)
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(Tracks)}
        return Hindsight(**known, window=window, velocity=velocity), jitter

    def continued(self) -> Bool[Tensor, "N T K"]:
        """Whether the object was followed in this frame and in the one before."""
        same = torch.zeros_like(self.present)
        same[:, 1:] = (self.run[:, 1:] == self.run[:, :-1]) & (self.run[:, 1:] >= 0)
        return same

    def __getitem__(self: Some, chosen: Int[Tensor, " n"]) -> Some:
        """Some of the scenes."""
        return type(self)(**{name: x[chosen] for name, x in vars(self).items()})


@dataclasses.dataclass(frozen=True)
class Hindsight(Tracks):
    """Tracks of which later frames have told more (`smooth`).

    Attributes:
        window: Where objects were.
        velocity: How fast they were: pixels per frame in the world.
    """

    window: Float[Tensor, "N T K w"]
    velocity: Float[Tensor, "N T K 2"]


def fit_motion(
    transition: Transition,
    tracks: Tracks,
    steps: int,
    rng: torch.Generator,
    learning_rate: float = 3e-3,
    batch: int = 48,
) -> dict[str, float]:
    """Learns the transition on tracks: one-step likelihood, and open-loop error over ten steps.

    Args:
        transition: What learns.
        tracks: Scenes as the filter saw them.
        steps: Gradient steps.
        rng: Source of all randomness.
        learning_rate: Of Adam; falls linearly in the second half.
        batch: Scenes per step.

    Returns:
        Number of tracks, and both parts of the loss at the end.
    """
    known, jitter = tracks.in_hindsight()
    transition.jitter.fill_(jitter)
    usable = (tracks.run >= 0).any(-1).any(-1).nonzero()[:, 0]
    if len(usable) == 0:
        return {"num_tracks": 0.0}
    parameters = list(transition.parameters())
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    tail = []
    for i in range(steps):
        optimiser.param_groups[0]["lr"] = learning_rate * decay(i / steps, 0.5, 0.02)
        picks = torch.randint(len(usable), (batch,), generator=rng, device=rng.device)
        scenes = mirror(known[usable[picks]], transition.centre, rng)
        one_step, ahead = motion_loss(transition, scenes, rng)
        loss = one_step + OVERSHOOT_WEIGHT * ahead
        descend(loss, optimiser, parameters, MAX_GRADIENT)
        if i >= int(0.9 * steps):
            tail.append((one_step.item(), ahead.item()))
    means = [sum(x) / len(tail) for x in zip(*tail, strict=True)]
    return {
        "num_tracks": _count(tracks),
        "kl_motion": means[0],
        "overshoot": means[1],
        "jitter": jitter,
    }


def _count(tracks: Tracks) -> float:
    """How many runs there are to learn from."""
    begins = (tracks.run >= 0) & ~tracks.continued()
    return float(begins.sum().item())


def motion_loss(
    transition: Transition, tracks: Hindsight, rng: torch.Generator
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """One-step KL of (blurred) tracks to the prior, and the error of open-loop rollouts.

    The tracks carry measurement noise, so the one-step target is N(track, `TRACK_SCALE`).
    """
    where, camera, horizon = tracks.where, tracks.camera, tracks.where.shape[1]
    same = tracks.continued()
    velocity = torch.zeros_like(where[..., :2])
    velocity[:, 1:] = where[:, 1:, :, :2] - where[:, :-1, :, :2] + camera[:, 1:, None]
    velocity = velocity * same[..., None]
    present = tracks.present.float()
    hidden = transition.initial(present[:, 0].shape)
    priors, memories = [], []
    for t in range(horizon - 1):
        hidden = torch.where(same[:, t, :, None], hidden, 0.0)
        memories.append(hidden)
        prior, hidden = transition(
            where[:, t], velocity[:, t], hidden, present[:, t], camera[:, t + 1]
        )
        priors.append(prior)
    # An object's first frame has no velocity: nothing can be learned from it.
    known = same[:, 2:] & same[:, 1:-1]
    loc, scale = (torch.stack(x, 1) for x in zip(*priors[1:], strict=True))
    target_scale = where.new_tensor(TRACK_SCALE[: where.shape[-1]])
    kl = kl_gaussian(where[:, 2:], target_scale, loc, scale).sum(-1)
    kl = (kl * known).sum() / known.sum().clamp(min=1)

    most = max(horizon - MIN_START - SETTLED, 1)
    first = torch.randperm(most, generator=rng, device=rng.device)[:STARTS]
    starts = (first + MIN_START).clamp(max=horizon - 2)
    memory = torch.stack(memories, 1)[:, starts].flatten(0, 1)
    window, speed = (x[:, starts].flatten(0, 1) for x in (where, velocity))
    believed = transition.settle(window, speed, memory)
    return kl, overshoot(transition, tracks, starts, believed, memory)


def overshoot(
    transition: Transition,
    tracks: Hindsight,
    starts: Int[Tensor, " S"],
    believed: tuple[Float[Tensor, "NS K w"], Float[Tensor, "NS K 2"]],
    hidden: Float[Tensor, "NS K M"],
) -> Float[Tensor, ""]:
    """How far rollouts of the mean stray from the tracks, from several moments of each scene.

    They begin as dreams do: half of them with what hindsight says of windows and velocities, the
    others with what the filter believes (``believed``). The error grows like its logarithm: where
    collisions make the future a matter of luck, it should not be the mean of all luck that is
    learned. For the same reason mean speeds after each step are compared, too, of those that begin
    with the right one: means of directions are slow.
    """
    times = starts[:, None] + torch.arange(OVERSHOOT + 1, device=starts.device)
    inside = times < tracks.where.shape[1]
    times = times.clamp(max=tracks.where.shape[1] - 1)
    where = tracks.window[:, times].flatten(0, 1)
    speed = tracks.velocity[:, times].flatten(0, 1)[:, 1:]
    camera = tracks.camera[:, times].flatten(0, 1)
    present = tracks.present[:, starts].flatten(0, 1).float()
    same = tracks.continued()
    followed = (same[:, times] & inside[None, :, :, None]).flatten(0, 1)
    settled = torch.stack([same[:, (starts - i).clamp(min=0)] for i in range(SETTLED)]).all(0)
    followed[:, 0] = settled.flatten(0, 1)
    followed = followed.cummin(1).values[:, 1:]
    after = (torch.arange(len(where), device=where.device) % 2 == 0)[:, None, None]
    window = torch.where(after, where[:, 0], believed[0])
    velocity = torch.where(after, tracks.velocity[:, starts].flatten(0, 1), believed[1])
    path, moved = [], []
    for t in range(1, OVERSHOOT + 1):
        window, velocity, hidden = transition.move(window, velocity, hidden, present, camera[:, t])
        path.append(window)
        moved.append(velocity)
    weight = where.new_tensor(TRACK_WEIGHT[: where.shape[-1]])
    distance = (torch.stack(path, 1) - where[:, 1:]) * weight
    error = (distance.square().sum(-1) + 0.25).log()
    exact = followed & after[:, None, :, 0]
    ratio = _mean_speed(torch.stack(moved, 1), exact) / _mean_speed(speed, exact)
    straying = (error * followed).sum() / followed.sum().clamp(min=1)
    return straying + SPEED_WEIGHT * ratio.log().abs().mean()


def _mean_speed(
    velocity: Float[Tensor, "N T K 2"], chosen: Bool[Tensor, "N T K"]
) -> Float[Tensor, " T"]:
    """Of the chosen objects, after each step; slow ones have a gradient, too."""
    pace = (velocity.square().sum(-1) + LEAST_SPEED**2).sqrt() * chosen
    return pace.sum((0, 2)) / chosen.sum((0, 2)).clamp(min=1) + LEAST_SPEED


def mirror(tracks: Hindsight, centre: Float[Tensor, " 2"], rng: torch.Generator) -> Hindsight:
    """Mirrors and transposes each scene at random: the eight symmetries of a square frame."""
    shape = (len(tracks.where), 1, 1)
    flips = torch.randint(2, (*shape, 2), generator=rng, device=rng.device).float() * 2 - 1
    swap = torch.zeros(*shape, 1, device=rng.device).bool()
    if bool(centre[0] == centre[1]):
        swap = torch.randint(2, swap.shape, generator=rng, device=rng.device).bool()

    def turn(x: Tensor) -> Tensor:
        return torch.where(swap, (x * flips).flip(-1), x * flips)

    def turn_window(where: Tensor) -> Tensor:
        sides = where[..., 2:]
        sides = torch.where(swap, sides.flip(-1), sides)
        return torch.cat([turn(where[..., :2] - centre) + centre, sides], -1)

    return dataclasses.replace(
        tracks,
        where=turn_window(tracks.where),
        camera=turn(tracks.camera[:, :, None])[:, :, 0],
        window=turn_window(tracks.window),
        velocity=turn(tracks.velocity),
    )
