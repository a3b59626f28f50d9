"""Divergences against torch's own, and products of Gaussians by hand."""

import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from world_models.blocks.distributions import (
    fuse_gaussians,
    kl_bernoulli,
    kl_gaussian,
    sample_gaussian,
    sample_relaxed_bernoulli,
)


def test_gaussian_divergence_is_torchs() -> None:
    loc, scale = torch.tensor([0.3, -2.0]), torch.tensor([0.5, 2.0])
    expected = kl_divergence(Normal(loc, scale), Normal(1.0, 0.7))
    assert torch.allclose(kl_gaussian(loc, scale, 1.0, 0.7), expected)


def test_bernoulli_divergence_is_torchs_and_stays_finite() -> None:
    logits = torch.tensor([-3.0, 0.2, 4.0])
    expected = kl_divergence(Bernoulli(logits=logits), Bernoulli(logits=torch.tensor(-1.5)))
    assert torch.allclose(kl_bernoulli(logits, -1.5), expected, atol=1e-6)
    assert torch.isfinite(kl_bernoulli(torch.tensor([-40.0, 40.0]), -18.4)).all()


def test_fusing_weighs_by_precision() -> None:
    loc, scale = fuse_gaussians(*(torch.tensor(v) for v in (0.0, 1.0, 3.0, 0.5)))
    assert torch.allclose(loc, torch.tensor(3.0 * 4 / 5))  # precisions 1 and 4
    assert torch.allclose(scale, torch.tensor(5.0).rsqrt())


def test_draws_follow_their_distributions() -> None:
    rng = torch.Generator().manual_seed(0)
    draws = sample_gaussian(torch.full((20000,), 2.0), torch.full((20000,), 0.5), rng)
    assert abs(draws.mean() - 2) < 0.02
    assert abs(draws.std() - 0.5) < 0.02
    relaxed = sample_relaxed_bernoulli(torch.full((20000,), 0.8), 0.5, rng)
    assert abs((relaxed > 0.5).float().mean() - torch.sigmoid(torch.tensor(0.8))) < 0.02
