"""Learning to see from frames alone, in two stages; `air.motion.learning` then adds a third.

1. **Static**: single frames; background first, then objects under an ever stricter prior.
2. **Sequence**: short clips; propagation, fusion and births, jointly with perception.
"""

import dataclasses
import warnings

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from world_models.air.background.autoencoder import Background
from world_models.air.frame.discovery import discover, negative_elbo
from world_models.air.frame.scene_model import SceneModel, to_float
from world_models.air.objects.filtering import Filter
from world_models.blocks.descent import decay, descend
from world_models.blocks.distributions import kl_gaussian, sample_gaussian

BATCH = 32
"""Single frames per gradient step."""
LEARNING_SLOTS = 3
"""Most objects of a scene that teach; networks are the same for all slots."""
NOISE_FRAMES = 512
HUBER_DELTA = 0.2
FIRST_PRESENCE_PRIOR = 0.1
MAX_GRADIENT = {"static": 300.0, "sequence": 200.0}
WEAK = 0.5
"""A model that finds fewer of the first boxes than this has hardly learned to see."""


def _some(frames: Tensor, number: int, rng: torch.Generator) -> Int[Tensor, " n"]:
    """Indices of frames, or of episodes, drawn evenly."""
    return torch.randint(len(frames), (number,), generator=rng, device=rng.device)


def warm_up_background(
    model: SceneModel, frames: UInt8[Tensor, "N C H W"], steps: int, rng: torch.Generator
) -> None:
    """Fits the background alone; small bright objects hardly move it. Then measures its noise."""
    parameters = list(model.background.parameters())
    if parameters:  # a linear background has none
        _warm_up(model, parameters, frames, steps, rng)
    chosen = _some(frames, NOISE_FRAMES, rng)
    model.background.measure_noise(to_float(frames[chosen]))


def _warm_up(
    model: SceneModel,
    parameters: list[nn.Parameter],
    frames: UInt8[Tensor, "N C H W"],
    steps: int,
    rng: torch.Generator,
) -> None:
    optimiser = torch.optim.Adam(parameters, lr=2e-3, fused=True)
    for _ in range(steps):
        x = to_float(frames[_some(frames, BATCH, rng)])
        posterior = model.background.posterior(x)
        picture = model.background.decode(sample_gaussian(*posterior, rng))
        loss = background_loss(model.background, x, picture, torch.ones_like(x), posterior).mean()
        descend(loss, optimiser, parameters, MAX_GRADIENT["static"])


def background_loss(
    background: Background,
    frame: Float[Tensor, "B C H W"],
    picture: Float[Tensor, "B C H W"],
    clear: Float[Tensor, "B c H W"],
    posterior: tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]],
) -> Float[Tensor, " B"]:
    """What a background costs where no object covers it: robust errors, and the KL of its latent.

    Errors count squared up to `HUBER_DELTA`, and beyond it as they are: by then it is an object
    that is in the way, not yet explained, and it should not be painted into the background.
    """
    error = huber_loss(picture, frame, reduction="none", delta=HUBER_DELTA) / (0.1 * HUBER_DELTA)
    covered = (clear * error).mean(1).sum((-1, -2))
    return covered + background.latent_cost * kl_gaussian(*posterior, 0.0, 1.0).sum(-1)


def fit_static(
    model: SceneModel,
    frames: UInt8[Tensor, "N C H W"],
    steps: int,
    sigma: float,
    presence_prior: float,
    rng: torch.Generator,
    anneal: bool = True,
    learning_rate: float = 1e-3,
) -> dict[str, float]:
    """Learns to find and draw objects in single frames.

    Slots must not split objects, for split objects never merge again: so inhibition starts wide,
    the presence prior gets strict, and what objects cost comes in slowly. ``anneal=False``
    continues at the final values.

    Args:
        model: What learns.
        frames: Frames.
        steps: Batches of `BATCH` frames.
        sigma: Smallest scale of the pixel likelihood.
        presence_prior: How likely a slot holds an object at last, before the frame is seen. The
            nats that it costs must outweigh what is gained by drawing one object as two.
        rng: Draws frames and samples.
        anneal: Begin leniently.
        learning_rate: Of Adam; it falls to a twentieth.
    """
    parameters = list(model.parameters())
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    known = _described(model.background, frames) if len(frames) <= BATCH * steps else None
    tail: list[dict[str, Tensor]] = []
    for i in range(steps):
        now = i / steps
        optimiser.param_groups[0]["lr"] = learning_rate * decay(now, 0.6, 0.05)
        narrow, strict = (min(now / 0.6, 1.0), min(now / 0.5, 1.0)) if anneal else (1.0, 1.0)
        wide, close = model.inhibition_px
        inhibition = wide + narrow * (close - wide)
        prior = FIRST_PRESENCE_PRIOR ** (1 - strict) * presence_prior**strict
        beta = min(0.1 + 0.9 * now / 0.27, 1.0) if anneal else 1.0

        chosen = _some(frames, BATCH, rng)
        x = to_float(frames[chosen])
        if known is None:
            posterior = model.background.posterior(x)
        else:
            posterior = known[0][chosen], known[1][chosen]
        background = model.background.decode(sample_gaussian(*posterior, rng))
        found = discover(model, x, background.detach(), LEARNING_SLOTS, inhibition, rng)
        loss, parts = negative_elbo(model, x, found, sigma, prior, beta)
        # What objects explain, the background need not.
        clear = found.clear.detach()
        parts["background"] = background_loss(model.background, x, background, clear, posterior)
        loss = (loss + parts["background"]).mean()
        descend(loss, optimiser, parameters, MAX_GRADIENT["static"])
        if i >= int(0.9 * steps):
            tail.append(
                {**{k: v.detach().mean() for k, v in parts.items()}, "loss": loss.detach()}
            )
    return {k: torch.stack([t[k] for t in tail]).mean().item() for k in tail[0]} if tail else {}


def _described(
    background: Background, frames: UInt8[Tensor, "N C H W"]
) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D"]] | None:
    """What all frames say of their backgrounds, once for all; None if learning changes that."""
    if list(background.parameters()):
        return None
    each = [background.posterior(to_float(some)) for some in frames.split(NOISE_FRAMES)]
    loc, scale = (torch.cat(x) for x in zip(*each, strict=True))
    return loc, scale


def fit_sequence(
    tracker: Filter,
    frames: UInt8[Tensor, "N T C H W"],
    camera_px: Float[Tensor, "N T 2"],
    steps: int,
    presence_prior: float,
    rng: torch.Generator,
    batch: int = 12,
    clip: int = 6,
) -> dict[str, float]:
    """Learns to follow objects through clips of ``clip`` frames, `LEARNING_SLOTS` in each at most.

    Args:
        tracker: Whose scene model and transition learn.
        frames: Episodes.
        camera_px: How far the camera moved before each frame, pixels.
        steps: Batches of ``batch`` clips.
        presence_prior: Prior probability of an object per slot of a first frame.
        rng: Draws clips and samples.
        batch: Clips per step.
        clip: Most frames of a clip.
    """
    tracker = dataclasses.replace(tracker, num_slots=min(tracker.num_slots, LEARNING_SLOTS))
    model, sigma = tracker.scene, tracker.sigma
    clip = min(clip, frames.shape[1])
    last = frames.shape[1] - clip
    perception, motion = list(model.parameters()), list(tracker.transition.parameters())
    rates = (3e-4, 1e-3)
    optimiser = torch.optim.Adam(
        [{"params": p, "lr": lr} for p, lr in zip((perception, motion), rates, strict=True)],
        fused=True,
    )
    losses = []
    for i in range(steps):
        for group, lr in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = lr * decay(i / steps, 0.6, 0.05)
        episodes = _some(frames, batch, rng)
        first = int(torch.randint(last + 1, (), generator=rng, device=rng.device))
        x = to_float(frames[episodes, first : first + clip])
        camera = camera_px[episodes, first : first + clip]
        slots, found = tracker.begin(x[:, 0], rng)
        loss, _ = negative_elbo(model, x[:, 0], found, sigma, presence_prior)
        for t in range(1, clip):
            slots, surprise, _ = tracker.step(slots, x[:, t], rng, camera[:, t])
            loss = loss + surprise.reconstruction + surprise.objects
        loss = loss.mean() / clip
        descend(loss, optimiser, perception + motion, MAX_GRADIENT["sequence"])
        if i >= int(0.9 * steps):
            losses.append(loss.item())
    return {"sequence_loss": sum(losses) / len(losses)} if losses else {}


def check_found(metrics: dict[str, float], dreams: bool, effort: float, frames: int) -> None:
    """Makes sure that a fitted model sees what it could dream of, and warns if that is little.

    Args:
        metrics: Of the fit: ``objects_per_frame`` and ``first_box_found``.
        dreams: Whether it ever followed an object in view.
        effort: Share of the training schedule that was spent.
        frames: Real frames that it was fitted to.

    Raises:
        ValueError: It did not.
    """
    seen = (
        f"the world model sees {metrics['objects_per_frame']:.2f} objects per frame and finds "
        f"{metrics['first_box_found']:.0%} of the first boxes"
    )
    mend = f"raise effort (now {effort:g}) or real_frames (now {frames})"
    if not dreams:
        raise ValueError(
            f"{seen}, but it can follow none for a few frames in view, so that there is nothing "
            f"to dream of: {mend}"
        )
    if metrics["first_box_found"] < WEAK:
        warnings.warn(f"{seen}, so that its dreams will be poor: {mend}", stacklevel=2)
