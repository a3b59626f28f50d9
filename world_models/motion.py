"""Learning how objects move: the transition alone, on tracks that the filter gives.

By one-step likelihood and open-loop overshooting (as in PlaNet, Hafner et al., 2019,
https://arxiv.org/abs/1811.04551). This is what makes rollouts good. Tracks of all objects of a
scene stay together, so that what objects do to each other can be learned.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from world_models.distributions import kl_gaussian
from world_models.transition import Transition

TRACK_SCALE = (0.35, 0.35, 0.03, 0.03)
OVERSHOOT = 10
STARTS = 3
OVERSHOOT_WEIGHT = 0.1
MAX_GRADIENT = 20.0
SETTLED = 3
"""Frames for which an object must have been followed before its future is asked for."""


@dataclasses.dataclass(frozen=True)
class Tracks:
    """Windows of all objects of N scenes through time.

    Attributes:
        where: Posterior means.
        camera: How far the view moved before each frame, pixels.
        present: Whether the slot held an object.
        run: Which object that was, counted within the slot; -1 where nothing can be learned from
            it (nobody there, or followed too shortly).
    """

    where: Float[Tensor, "N T K w"]
    camera: Float[Tensor, "N T 2"]
    present: Bool[Tensor, "N T K"]
    run: Int[Tensor, "N T K"]

    def __getitem__(self, chosen: Int[Tensor, " n"]) -> "Tracks":
        """Some of the scenes."""
        return Tracks(*(getattr(self, f.name)[chosen] for f in dataclasses.fields(self)))


def fit_motion(
    transition: Transition,
    tracks: Tracks,
    steps: int,
    rng: torch.Generator,
    learning_rate: float = 3e-3,
    batch: int = 32,
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
        Number of scenes with a track, and both parts of the loss at the end.
    """
    usable = (tracks.run >= 0).any(-1).any(-1).nonzero()[:, 0]
    if len(usable) == 0:
        return {"num_tracks": 0.0}
    parameters = list(transition.parameters())
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    tail = []
    for i in range(steps):
        optimiser.param_groups[0]["lr"] = learning_rate * _decay(i / steps, 0.5, 0.02)
        chosen = usable[torch.randint(len(usable), (batch,), generator=rng)]
        one_step, overshoot = motion_loss(transition, mirror(tracks[chosen], transition.centre, rng), rng)
        loss = one_step + OVERSHOOT_WEIGHT * overshoot
        if not bool(torch.isfinite(loss)):
            raise FloatingPointError(f'loss {loss.item()}')
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT)
        optimiser.step()
        if i >= int(0.9 * steps):
            tail.append((one_step.item(), overshoot.item()))
    means = [sum(x) / len(tail) for x in zip(*tail, strict=True)]
    return {"num_tracks": float(len(usable)), "kl_motion": means[0], "overshoot": means[1]}


def _decay(now: float, flat: float, last: float) -> float:
    return 1.0 if now < flat else 1 - (1 - last) * (now - flat) / (1 - flat)


def motion_loss(
    transition: Transition, tracks: Tracks, rng: torch.Generator
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """One-step KL of (blurred) tracks to the prior, and the error of open-loop rollouts.

    The tracks carry measurement noise, so the one-step target is N(track, `TRACK_SCALE`).
    """
    where, camera, run = tracks.where, tracks.camera, tracks.run
    present = tracks.present.float()
    horizon = where.shape[1]
    same = torch.zeros_like(tracks.present)
    same[:, 1:] = (run[:, 1:] == run[:, :-1]) & (run[:, 1:] >= 0)
    velocity = torch.zeros_like(where[..., :2])
    velocity[:, 1:] = where[:, 1:, :, :2] - where[:, :-1, :, :2] + camera[:, 1:, None]
    velocity = velocity * same[..., None]
    target_scale = where.new_tensor(TRACK_SCALE[: where.shape[-1]])
    hidden = transition.initial(where.shape[:1] + where.shape[2:3])
    starts = (4 + torch.randperm(max(horizon - 8, 1), generator=rng)[:STARTS]).clamp(max=horizon - 2)
    starts = starts.tolist()
    priors, memories = [], []
    for t in range(horizon - 1):
        hidden = hidden * same[:, t, :, None]
        memories.append(hidden)
        prior, hidden = transition(where[:, t], velocity[:, t], hidden, present[:, t], camera[:, t + 1])
        priors.append(prior)
    # An object's first frame has no velocity: nothing can be learned from it.
    known = same[:, 2:] & same[:, 1:-1]
    loc = torch.stack([p.loc for p in priors[1:]], 1)
    scale = torch.stack([p.scale for p in priors[1:]], 1)
    kl = kl_gaussian(where[:, 2:], target_scale, loc, scale).sum(-1)
    kl = (kl * known).sum() / known.sum().clamp(min=1)

    error, counted = where.new_zeros(()), where.new_zeros(())
    ahead = max(min(OVERSHOOT, horizon - 1 - s) for s in starts)

    def fold(x, shift):
        return torch.cat([x[:, min(s + shift, horizon - 1)] for s in starts])

    window, speed, hidden = fold(where, 0), fold(velocity, 0), torch.cat([memories[s] for s in starts])
    there = fold(present, 0)
    followed = torch.cat([same[:, s - SETTLED + 1 : s + 1].all(1) for s in starts])
    inside = where.new_tensor(starts).repeat_interleave(len(where))[:, None]
    weight = where.new_tensor((1.0, 1.0, 10.0, 10.0)[: where.shape[-1]])
    for t in range(1, ahead + 1):
        camera_now = fold(camera, t)
        prior, hidden = transition(window, speed, hidden, there, camera_now)
        speed = prior.loc[..., :2] - window[..., :2] + camera_now[:, None]
        window = prior.loc
        followed = followed & fold(same, t) & (inside + t < horizon)
        distance = (window - fold(where, t)) * weight
        error = error + ((distance.square().sum(-1) + 0.25).log() * followed).sum()
        counted = counted + followed.sum()
    return kl, error / counted.clamp(min=1)


def mirror(tracks: Tracks, centre: Float[Tensor, " 2"], rng: torch.Generator) -> Tracks:
    """Mirrors and transposes each scene at random: the eight symmetries of a square frame."""
    flips = torch.randint(2, (len(tracks.where), 1, 1, 2), generator=rng).float() * 2 - 1
    xy, sides = tracks.where[..., :2] - centre, tracks.where[..., 2:]
    xy, camera = xy * flips, tracks.camera * flips[:, 0]
    if bool(centre[0] == centre[1]):
        swap = torch.randint(2, (len(xy), 1, 1, 1), generator=rng).bool()
        xy = torch.where(swap, xy.flip(-1), xy)
        sides = torch.where(swap, sides.flip(-1), sides)
        camera = torch.where(swap[:, 0], camera.flip(-1), camera)
    return dataclasses.replace(tracks, where=torch.cat([xy + centre, sides], -1), camera=camera)
