"""The camera's noise."""

import torch

from world_models.blocks.noise import estimate_noise, noise_slice


def test_the_estimate_finds_the_noise_and_not_the_picture(rng: torch.Generator) -> None:
    ramp = torch.linspace(0.3, 0.6, 48).expand(20, 1, 48, 48)
    noisy = ramp + 0.05 * torch.randn(ramp.shape, generator=rng)
    noisy[:, :, 10:20, 10:14] = 1.0
    estimate = estimate_noise((noisy.clamp(0, 1) * 255).round().to(torch.uint8))
    assert abs(estimate - 0.05) < 0.005


def test_slices_go_round() -> None:
    table = torch.arange(5.0)
    assert noise_slice(table, 1, 3).tolist() == [1, 2, 3]
    assert noise_slice(table, 3, 4).tolist() == [3, 4, 0, 1]
    assert noise_slice(table, 3, 12).tolist() == [3, 4, *range(5), *range(5)]
    assert noise_slice(table, 0, 10).tolist() == [*range(5), *range(5)]
