"""Finding the objects of a single frame, one after the other, each in what is left unexplained.

AIR infers its steps with a recurrent network that regresses where to look next
(`world_models.air.frame.attend`, with ``inference="recurrent"``). Here the next place to look is
where the blurred squared residual peaks: it needs no learning, moves with the picture, and found
objects many times sooner in our measurements. Two looks with one small network then turn the peak
into a window.
"""

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

from world_models.air.frame.scene_model import SceneModel, composite
from world_models.blocks.distributions import (
    Gaussian,
    kl_bernoulli,
    kl_gaussian,
    sample_gaussian,
    sample_relaxed_bernoulli,
)

BLUR_PX = 5.0
TEMPERATURE = 0.5
LOG_SIDE_SCALE = 0.2
MIN_MASS_PX = 12.0
CLEAR_ALPHA = 0.3
CHANNEL_WEIGHT = 0.75
AREA_COST = 0.15
"""Nats per covered pixel; keeps masks tight."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found in the slots of a batch of frames (K slots, in the order of finding).

    ``where`` and ``what`` are samples (means, if nothing was sampled); ``alpha_area`` is the area
    in pixels that an object covers, ``mass`` that which it covers clearly (alpha > .3); ``clear``
    the share of each pixel of the background that no object covers.
    """

    where_posterior: Gaussian
    where: Float[Tensor, "B K w"]
    what_posterior: Gaussian
    what: Float[Tensor, "B K D"]
    logits: Float[Tensor, "B K"]
    presence: Float[Tensor, "B K"]
    alpha_area: Float[Tensor, "B K"]
    mass: Float[Tensor, "B K"]
    canvas: Float[Tensor, "B C H W"]
    clear: Float[Tensor, "B 1 H W"]


def blur_kernel(device: torch.device) -> Float[Tensor, " n"]:
    """A Gaussian of `BLUR_PX`, for pictures at half size."""
    x = torch.arange(-6, 7, device=device, dtype=torch.float32)
    weights = torch.exp(-0.5 * (x * 2 / BLUR_PX) ** 2)
    return weights / weights.sum()


@torch.no_grad()
def propose(
    residual: Float[Tensor, "B C H W"], allowed: Float[Tensor, "B h w"]
) -> Float[Tensor, "B 2"]:
    """The pixel where the blurred squared residual peaks, among the places still allowed."""
    energy = avg_pool2d(residual.square().mean(1, keepdim=True), 2)
    kernel = blur_kernel(residual.device)
    pad = len(kernel) // 2
    blurred = conv2d(energy, kernel[None, None, :, None], padding=(pad, 0))
    blurred = conv2d(blurred, kernel[None, None, None, :], padding=(0, pad))[:, 0]
    heat = (blurred + 1e-6) * allowed
    peak = heat.flatten(1).argmax(-1)
    columns = energy.shape[-1]
    return torch.stack([peak % columns, peak // columns], -1).float() * 2 + 1


def inhibit(
    allowed: Float[Tensor, "B h w"], where: Float[Tensor, "B d"], radius_px: float
) -> Float[Tensor, "B h w"]:
    """Forbids, with a flat top, to return to the neighbourhood of an inferred window."""
    height, width = allowed.shape[-2:]
    y = torch.arange(height, device=allowed.device) * 2 + 1.0
    x = torch.arange(width, device=allowed.device) * 2 + 1.0
    squared = (y[:, None] - where[:, 1, None, None]) ** 2 + (x - where[:, 0, None, None]) ** 2
    return allowed * (1 - torch.exp(-((squared / radius_px**2) ** 2)))


def discover(
    model: SceneModel,
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    num_slots: int,
    inhibition_px: float,
    rng: torch.Generator | None = None,
    canvas: Float[Tensor, "B C H W"] | None = None,
    centre: Float[Tensor, "B 2"] | None = None,
) -> Found:
    """Fills ``num_slots`` slots one after the other, each from what the others left unexplained.

    Args:
        model: The networks.
        frame: Frames in [0, 1].
        background: Their backgrounds.
        num_slots: K; the networks are shared, so it may differ from training.
        inhibition_px: Radius around a found object in which no other is proposed.
        rng: Draws samples for learning; None takes the means and hard presence.
        canvas: What is already drawn (default: the background).
        centre: Where to look first, pixels (default: where the picture is least explained).
    """
    canvas = background if canvas is None else canvas
    batch, _, height, width = frame.shape
    allowed = frame.new_ones(batch, height // 2, width // 2)
    memory = None if model.attention is None else model.attention.initial(batch)
    clear = frame.new_ones(batch, 1, height, width)
    slots: list[dict[str, Tensor]] = []
    for _ in range(num_slots):
        # What is drawn already is given: a look need not teach earlier ones to help it.
        evidence = model.evidence(frame, background, canvas.detach())
        if model.attention is not None and memory is not None:
            *window, logits, memory = model.attention(evidence, memory)
            where_posterior = Gaussian(*window)
            slot, layer = _read_slot(model, evidence, where_posterior, rng, logits)
            # AIR stops at the first step that finds nothing.
            slot["presence"] = slot["presence"] * memory.latents[:, -1]
            memory = model.attention.remember(
                memory, slot["where"], slot["what"], slot["presence"]
            )
        else:
            place = propose(frame - canvas, allowed) if centre is None else centre
            first = model.look(evidence, place)
            where_posterior = model.look(evidence, first.loc[:, :2])
            slot, layer = _read_slot(model, evidence, where_posterior, rng)
            allowed = inhibit(allowed, slot["where"].detach(), inhibition_px)
        canvas = composite(canvas, layer, slot["presence"][:, None])
        clear = clear * (1 - layer[:, 0, -1:] * slot["presence"][:, None, None, None])
        slots.append(slot)
    stacked = {name: torch.stack([slot[name] for slot in slots], 1) for name in slots[0]}
    return Found(
        where_posterior=Gaussian(stacked.pop("where_loc"), stacked.pop("where_scale")),
        what_posterior=Gaussian(stacked.pop("what_loc"), stacked.pop("what_scale")),
        canvas=canvas,
        clear=clear,
        **stacked,
    )


def _read_slot(
    model: SceneModel,
    evidence: Float[Tensor, "B E H W"],
    where_posterior: Gaussian,
    rng: torch.Generator | None,
    logits: Float[Tensor, " B"] | None = None,
) -> tuple[dict[str, Tensor], Float[Tensor, "B 1 c H W"]]:
    """Infers the object in a window: a description, its presence, and the layer it draws."""
    where = where_posterior.loc if rng is None else sample_gaussian(*where_posterior, rng)
    what_posterior, described = model.describe(evidence, where)
    logits = described if logits is None else logits
    what = what_posterior.loc if rng is None else sample_gaussian(*what_posterior, rng)
    layer = model.place(model.decode_what(what)[:, None], where[:, None])
    alpha = layer[:, 0, -1]
    mass = (alpha > CLEAR_ALPHA).float().sum((-1, -2))
    if rng is None:
        presence = ((logits > 0) & (mass > MIN_MASS_PX)).float()
    else:
        presence = sample_relaxed_bernoulli(logits, TEMPERATURE, rng)
    slot = {
        "where_loc": where_posterior.loc,
        "where_scale": where_posterior.scale,
        "where": where,
        "what_loc": what_posterior.loc,
        "what_scale": what_posterior.scale,
        "what": what,
        "logits": logits,
        "presence": presence,
        "alpha_area": alpha.sum((-1, -2)),
        "mass": mass,
    }
    return slot, layer


def negative_elbo(
    model: SceneModel,
    frame: Float[Tensor, "B C H W"],
    found: Found,
    sigma: float,
    presence_prior: float,
    beta: float = 1.0,
) -> tuple[Float[Tensor, " B"], dict[str, Tensor]]:
    """The loss of a frame whose objects were found with samples (without the background's KL).

    Args:
        model: The networks.
        frame: Frames in [0, 1].
        found: What `discover` found, with samples.
        sigma: Smallest scale of the Gaussian likelihood of a pixel; see `misfit`.
        presence_prior: Prior probability that a slot holds an object; tiny, since it is weighed
            against the likelihood of hundreds of pixels.
        beta: Weight of what an object costs: its KLs and its area.

    Returns:
        The loss in nats and its parts, all averaged over colour channels where they are
        likelihoods.
    """
    reconstruction = misfit(model, frame, found.canvas, sigma)
    probs = torch.sigmoid(found.logits)
    kl_what = kl_gaussian(*found.what_posterior, 0.0, 1.0).sum(-1)
    kl_where = window_kl(model, found.where_posterior)
    kl_pres = kl_bernoulli(found.logits, math.log(presence_prior) - math.log1p(-presence_prior))
    area = AREA_COST * found.presence * found.alpha_area
    objects = (probs * (kl_what + kl_where) + area).sum(-1)
    loss = reconstruction + beta * objects + kl_pres.sum(-1)
    parts = {
        "reconstruction": reconstruction,
        "kl_what": (probs * kl_what).sum(-1),
        "kl_where": (probs * kl_where).sum(-1),
        "kl_pres": kl_pres.sum(-1),
        "count": probs.sum(-1),
    }
    return loss, parts


def misfit(
    model: SceneModel,
    frame: Float[Tensor, "*#b C H W"],
    canvas: Float[Tensor, "*#b C H W"],
    sigma: float,
) -> Float[Tensor, "*#b"]:
    """Negative log-likelihood of frames, without its constant: nats, averaged over channels.

    Each pixel is Gaussian with the scale of its noise, as the background measured it, but at
    least ``sigma``: where pixels are noisy, there is little to be gained by drawing objects.
    """
    scale = model.background.noise.clamp(min=sigma)
    return ((frame - canvas) / scale).square().mean(-3).sum((-1, -2)) / 2


def squared_error(
    frame: Float[Tensor, "*#b C H W"], canvas: Float[Tensor, "*#b C H W"]
) -> Float[Tensor, "*#b"]:
    """Squared error, summed over pixels, averaged over channels: colour costs no more."""
    return (frame - canvas).square().mean(-3).sum((-1, -2))


def gain(
    frame: Float[Tensor, "*#b C H W"],
    without: Float[Tensor, "*#b C H W"],
    drawn: Float[Tensor, "*#b C H W"],
    sigma: float,
) -> Float[Tensor, "*#b"]:
    """Nats by which one canvas explains a frame better than another.

    What a model cannot draw it cannot draw in any colour, so channels are not independent: C of
    them count as `C ** CHANNEL_WEIGHT` (thresholds that are right for grey are then so for RGB).

    Args:
        frame: The frame.
        without: The canvas without an object.
        drawn: The canvas with it.
        sigma: Scale of the pixel likelihood.
    """
    less = squared_error(frame, without) - squared_error(frame, drawn)
    return frame.shape[-3] ** CHANNEL_WEIGHT * less / (2 * sigma**2)


def window_kl(model: SceneModel, posterior: Gaussian) -> Float[Tensor, "B K"]:
    """KL of windows to their prior: anywhere in the frame, about the typical side."""
    _, height, width = model.frame_shape
    centre = posterior.loc.new_tensor([width / 2, height / 2])
    spread = posterior.loc.new_tensor([width / 3, height / 3])
    sides = model.where_dim - 2
    prior_loc = torch.cat([centre, model.log_typical_side.expand(sides)])
    prior_scale = torch.cat([spread, spread.new_full((sides,), LOG_SIDE_SCALE)])
    return kl_gaussian(*posterior, prior_loc, prior_scale).sum(-1)
