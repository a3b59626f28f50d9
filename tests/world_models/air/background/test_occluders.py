"""Finding what stands in front."""

import torch

from world_models.air.background.occluders import occluder


def test_a_flat_bar_is_found_and_varied_backgrounds_are_not() -> None:
    rng = torch.Generator().manual_seed(0)
    ramp = torch.linspace(0, 0.3, 48)
    smooth = torch.stack([ramp.expand(48, 48), ramp[:, None].expand(48, 48), ramp.expand(48, 48)])
    picture = smooth.repeat(2, 1, 1, 1) + 0.02 * torch.randn(2, 3, 48, 48, generator=rng)
    picture[0, :, :, 20:32] = 0.1 + 0.02 * torch.randn(3, 48, 12, generator=rng)
    looks = torch.full((2, 48, 48), 6.0)
    looks[0, 10:16, 18:26] = 0.0  # an object was always in the way
    mask = occluder(picture, looks)
    assert (mask[0, :, 22:30] > 0.5).float().mean() > 0.95
    assert (mask[0, :, :18] > 0.5).float().mean() < 0.05
    assert (mask[1] > 0.5).float().mean() < 0.05


def test_in_front_of_what_was_never_seen_nothing_stands() -> None:
    assert not occluder(torch.rand(1, 3, 48, 48), torch.zeros(1, 48, 48)).any()
