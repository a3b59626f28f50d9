"""The few distributions that the scene model needs, as pure functions."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus


class Gaussian(NamedTuple):
    """Location and scale of a diagonal Gaussian."""

    loc: Tensor
    scale: Tensor


def sample_gaussian(loc: Tensor, scale: Tensor, rng: torch.Generator) -> Tensor:
    """A reparameterised draw from N(loc, scale)."""
    return loc + scale * torch.randn(loc.shape, generator=rng, device=loc.device)


def kl_gaussian(
    loc: Tensor, scale: Tensor, prior_loc: Tensor | float, prior_scale: Tensor | float
) -> Tensor:
    """KL(N(loc, scale) || N(prior_loc, prior_scale)), in nats, element by element."""
    prior_scale = torch.as_tensor(prior_scale, dtype=loc.dtype, device=loc.device)
    ratio = scale / prior_scale
    distance = (loc - prior_loc) / prior_scale
    return 0.5 * (ratio**2 + distance**2 - 1) - ratio.log()


def kl_bernoulli(logits: Tensor, prior_logit: float) -> Tensor:
    """KL(Bernoulli(logits) || Bernoulli(prior_logit)), in nats, finite for extreme priors."""
    prior = torch.tensor(prior_logit, dtype=logits.dtype, device=logits.device)
    probs = torch.sigmoid(logits)
    on = logsigmoid(logits) - logsigmoid(prior)
    off = softplus(prior) - softplus(logits)
    return probs * on + (1 - probs) * off


def sample_relaxed_bernoulli(logits: Tensor, temperature: float, rng: torch.Generator) -> Tensor:
    """A draw from the binary Concrete distribution (Maddison et al., 2017; Jang et al., 2017)."""
    uniform = torch.rand(logits.shape, generator=rng, device=logits.device).clamp(1e-6, 1 - 1e-6)
    return torch.sigmoid((logits + uniform.log() - (-uniform).log1p()) / temperature)


def fuse_gaussians(
    loc_a: Float[Tensor, "*n"],
    scale_a: Float[Tensor, "*n"],
    loc_b: Float[Tensor, "*n"],
    scale_b: Float[Tensor, "*n"],
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """The normalised product of two Gaussians: a precision-weighted mean.

    Source:
        How STOVE (Kossen et al., 2020, https://arxiv.org/abs/1910.02425) joins the image's
        evidence with the prediction of its dynamics.
    """
    precision_a, precision_b = scale_a**-2, scale_b**-2
    precision = precision_a + precision_b
    return (loc_a * precision_a + loc_b * precision_b) / precision, precision.rsqrt()
