"""Learning the scene model from frames alone, in three stages, each on what the last one gave.

1. **Static**: single frames; background first, then objects under an ever stricter prior.
2. **Sequence**: short clips; propagation, fusion and births, jointly with perception.
3. **Motion**: the transition alone, on tracks that the filter gives, by one-step likelihood and
   open-loop overshooting. This is what makes rollouts good.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from world_models.discovery import discover, negative_elbo
from world_models.distributions import kl_gaussian, sample_gaussian
from world_models.filtering import begin, step
from world_models.scene_model import SceneModel
from world_models.transition import TransitionRNN

STATIC_SLOTS = 3
NOISE_FRAMES = 512
FAINT = 0.3
PRESENCE_PRIOR = (0.1, 1e-8)
TRACK_SCALE = (0.35, 0.35, 0.03)
OVERSHOOT = 10
OVERSHOOT_WEIGHT = 0.1
MAX_GRADIENT = {"static": 300.0, "sequence": 200.0, "motion": 20.0}


@dataclasses.dataclass(frozen=True)
class Tracks:
    """Windows of single objects through time, padded at the end.

    Attributes:
        where: Posterior means.
        camera: How far the view moved before each frame, pixels.
        valid: Whether the object was followed in that frame.
    """

    where: Float[Tensor, "N T 3"]
    camera: Float[Tensor, "N T 2"]
    valid: Bool[Tensor, "N T"]


def to_float(frame: UInt8[Tensor, "*b C H W"]) -> Float[Tensor, "*b C H W"]:
    """Frames in [0, 1]."""
    return frame.float() / 255


def _decay(now: float, flat: float, last: float) -> float:
    """A learning rate's factor: 1 until ``flat`` of the run, then linearly down to ``last``."""
    return 1.0 if now < flat else 1 - (1 - last) * (now - flat) / (1 - flat)


def _apply(
    loss: Tensor, optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter], limit: float
) -> None:
    """One gradient step; a loss that is not finite stops the run before any weight is touched."""
    if not bool(torch.isfinite(loss)):
        raise FloatingPointError(
            f"the world model's loss is {loss.item()}; lower the learning rate or check the frames"
        )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, limit)
    optimiser.step()


def warm_up_background(
    model: SceneModel, frames: UInt8[Tensor, "N C H W"], steps: int, rng: torch.Generator
) -> None:
    """Fits the background alone; small bright objects hardly move it. Then measures its noise."""
    parameters = list(model.background.parameters())
    if parameters:  # a linear background has none
        _warm_up(model, parameters, frames, steps, rng)
    chosen = torch.randint(len(frames), (NOISE_FRAMES,), generator=rng)
    model.background.measure_noise(to_float(frames[chosen]))


def _warm_up(
    model: SceneModel,
    parameters: list[nn.Parameter],
    frames: UInt8[Tensor, "N C H W"],
    steps: int,
    rng: torch.Generator,
) -> None:
    optimiser = torch.optim.Adam(parameters, lr=2e-3)
    for _ in range(steps):
        x = to_float(frames[torch.randint(len(frames), (32,), generator=rng)])
        posterior = model.background.posterior(x)
        picture = model.background.decode(sample_gaussian(*posterior, rng))
        loss = background_loss(x, picture, torch.ones_like(x), posterior).mean()
        _apply(loss, optimiser, parameters, MAX_GRADIENT["static"])


def background_loss(
    frame: Float[Tensor, "B C H W"],
    picture: Float[Tensor, "B C H W"],
    clear: Float[Tensor, "B c H W"],
    posterior: tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]],
) -> Float[Tensor, " B"]:
    """What a background costs where no object covers it: robust errors, and the KL of its latent.

    Errors count squared up to `FAINT`, and beyond it as they are: by then it is an object that is
    in the way, not yet explained, and it should not be painted into the background.
    """
    error = huber_loss(picture, frame, reduction="none", delta=FAINT) / (0.1 * FAINT)
    covered = (clear * error).mean(1).sum((-1, -2))
    return covered + kl_gaussian(*posterior, 0.0, 1.0).sum(-1)


def fit_static(
    model: SceneModel,
    frames: UInt8[Tensor, "N C H W"],
    steps: int,
    sigma: float,
    rng: torch.Generator,
    anneal: bool = True,
    learning_rate: float = 1e-3,
) -> dict[str, float]:
    """Learns to find and draw objects in single frames.

    Slots must not split objects, for split objects never merge again: so inhibition starts wide,
    the presence prior gets strict, and what objects cost comes in slowly. ``anneal=False``
    continues at the final values.
    """
    parameters = list(model.parameters())
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    tail: list[dict[str, Tensor]] = []
    for i in range(steps):
        now = i / steps
        optimiser.param_groups[0]["lr"] = learning_rate * _decay(now, 0.6, 0.05)
        narrow, strict = (min(now / 0.6, 1.0), min(now / 0.5, 1.0)) if anneal else (1.0, 1.0)
        wide, close = model.inhibition_px
        inhibition = wide + narrow * (close - wide)
        prior = PRESENCE_PRIOR[0] ** (1 - strict) * PRESENCE_PRIOR[1] ** strict
        beta = min(0.1 + 0.9 * now / 0.27, 1.0) if anneal else 1.0

        x = to_float(frames[torch.randint(len(frames), (32,), generator=rng)])
        posterior = model.background.posterior(x)
        background = model.background.decode(sample_gaussian(*posterior, rng))
        found = discover(model, x, background.detach(), STATIC_SLOTS, inhibition, rng)
        loss, parts = negative_elbo(model, x, found, sigma, prior, beta)
        # What objects explain, the background need not.
        parts["background"] = background_loss(x, background, found.clear.detach(), posterior)
        loss = (loss + parts["background"]).mean()
        _apply(loss, optimiser, parameters, MAX_GRADIENT["static"])
        if i >= int(0.9 * steps):
            tail.append(
                {**{k: v.detach().mean() for k, v in parts.items()}, "loss": loss.detach()}
            )
    return {k: torch.stack([t[k] for t in tail]).mean().item() for k in tail[0]} if tail else {}


def fit_sequence(
    model: SceneModel,
    transition: TransitionRNN,
    frames: UInt8[Tensor, "N T C H W"],
    camera_px: Float[Tensor, "N T 2"],
    steps: int,
    num_slots: int,
    sigma: float,
    rng: torch.Generator,
    keep_background: bool = True,
    batch: int = 8,
    clip: int = 8,
) -> dict[str, float]:
    """Learns to follow objects through clips of ``clip`` frames."""
    clip = min(clip, frames.shape[1])
    perception, motion = list(model.parameters()), list(transition.parameters())
    rates = (3e-4, 1e-3)
    optimiser = torch.optim.Adam(
        [{"params": p, "lr": lr} for p, lr in zip((perception, motion), rates, strict=True)]
    )
    losses = []
    for i in range(steps):
        for group, lr in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = lr * _decay(i / steps, 0.6, 0.05)
        episodes = torch.randint(len(frames), (batch,), generator=rng)
        first = int(torch.randint(frames.shape[1] - clip + 1, (), generator=rng))
        x = to_float(frames[episodes, first : first + clip])
        camera = camera_px[episodes, first : first + clip]
        slots, found, _ = begin(
            model, transition, x[:, 0], num_slots, model.inhibition_px[1], sigma, rng
        )
        loss, _ = negative_elbo(model, x[:, 0], found, sigma, PRESENCE_PRIOR[1])
        for t in range(1, clip):
            slots, surprise, _ = step(
                model, transition, slots, x[:, t], sigma, rng, camera[:, t], keep_background
            )
            loss = loss + surprise.reconstruction + surprise.objects
        loss = loss.mean() / clip
        _apply(loss, optimiser, perception + motion, MAX_GRADIENT["sequence"])
        if i >= int(0.9 * steps):
            losses.append(loss.item())
    return {"sequence_loss": sum(losses) / len(losses)} if losses else {}


def fit_motion(
    transition: TransitionRNN,
    tracks: Tracks,
    steps: int,
    rng: torch.Generator,
    learning_rate: float = 3e-3,
    batch: int = 128,
) -> dict[str, float]:
    """Learns the transition on tracks: one-step likelihood, and open-loop error over ten steps."""
    if len(tracks.where) == 0:
        return {"num_tracks": 0.0}
    parameters = list(transition.parameters())
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    tail = []
    for i in range(steps):
        optimiser.param_groups[0]["lr"] = learning_rate * _decay(i / steps, 0.5, 0.02)
        chosen = torch.randint(len(tracks.where), (batch,), generator=rng)
        where, camera = _mirror(tracks.where[chosen], tracks.camera[chosen], transition, rng)
        valid = tracks.valid[chosen]
        one_step, overshoot = motion_loss(transition, where, camera, valid, rng)
        _apply(
            one_step + OVERSHOOT_WEIGHT * overshoot, optimiser, parameters, MAX_GRADIENT["motion"]
        )
        if i >= int(0.9 * steps):
            tail.append((one_step.item(), overshoot.item()))
    means = [sum(x) / len(tail) for x in zip(*tail, strict=True)]
    return {"num_tracks": float(len(tracks.where)), "kl_motion": means[0], "overshoot": means[1]}


def motion_loss(
    transition: TransitionRNN,
    where: Float[Tensor, "N T 3"],
    camera: Float[Tensor, "N T 2"],
    valid: Bool[Tensor, "N T"],
    rng: torch.Generator,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """One-step KL of (blurred) tracks to the prior, and the error of open-loop rollouts.

    The tracks carry measurement noise, so the one-step target is N(track, `TRACK_SCALE`).
    """
    horizon = where.shape[1]
    velocity = torch.zeros_like(where[..., :2])
    velocity[:, 1:] = where[:, 1:, :2] - where[:, :-1, :2] + camera[:, 1:]
    target_scale = where.new_tensor(TRACK_SCALE)
    hidden = transition.initial((len(where),))
    start = min(int(torch.randint(4, 9, (), generator=rng)), horizon - 2)
    kl, hidden_at_start = where.new_zeros(()), hidden
    for t in range(horizon - 1):
        if t == start:
            hidden_at_start = hidden
        prior, hidden = transition(where[:, t], velocity[:, t], hidden, camera[:, t + 1])
        if t > 0:  # the first frame of a track has no velocity: nothing can be learned from it
            both = valid[:, t] & valid[:, t + 1]
            kl = kl + (kl_gaussian(where[:, t + 1], target_scale, *prior).sum(-1) * both).sum()
    kl = kl / valid[:, 2:].sum().clamp(min=1)

    window, speed, hidden = where[:, start], velocity[:, start], hidden_at_start
    error, counted = where.new_zeros(()), where.new_zeros(())
    for t in range(start, min(start + OVERSHOOT, horizon - 1)):
        ahead = transition(window, speed, hidden, camera[:, t + 1])
        speed = ahead[0].loc[:, :2] - window[:, :2] + camera[:, t + 1]
        window, hidden = ahead[0].loc, ahead[1]
        distance = (window - where[:, t + 1]) * where.new_tensor([1.0, 1.0, 10.0])
        error = error + ((distance.square().sum(-1) + 0.25).sqrt() * valid[:, t + 1]).sum()
        counted = counted + valid[:, t + 1].sum()
    return kl, error / counted.clamp(min=1)


def _mirror(
    where: Float[Tensor, "N T 3"],
    camera: Float[Tensor, "N T 2"],
    transition: TransitionRNN,
    rng: torch.Generator,
) -> tuple[Float[Tensor, "N T 3"], Float[Tensor, "N T 2"]]:
    """Mirrors and transposes each track at random: the eight symmetries of a square frame."""
    flips = torch.randint(2, (len(where), 1, 2), generator=rng).float() * 2 - 1
    xy, side = where[..., :2] - transition.centre, where[..., 2:]
    xy, camera = xy * flips, camera * flips
    if bool(transition.centre[0] == transition.centre[1]):
        swap = torch.randint(2, (len(where), 1, 1), generator=rng).bool()
        xy = torch.where(swap, xy.flip(-1), xy)
        camera = torch.where(swap, camera.flip(-1), camera)
    return torch.cat([xy + transition.centre, side], -1), camera
