"""Finding what stands in front, and objects that it hides in part."""

import torch

from world_models.air.background.occluders import occluder
from world_models.air.objects.search import search
from world_models.blocks.distributions import Gaussian
from world_models.blocks.glimpse import draw_glimpse


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


def test_what_a_bar_leaves_to_be_seen_tells_where_a_half_hidden_object_is() -> None:
    glimpse = torch.zeros(1, 2, 16, 16)
    glimpse[:, :, 3:13, 3:13] = 1.0
    true = torch.tensor([[20.0, 24.0, 2.8]])
    mask = torch.ones(1, 48, 48)
    mask[:, :, 20:32] = 0.0
    layer = draw_glimpse(glimpse, true, (48, 48))
    frame = layer[:, :1] * mask[:, None]
    expected = Gaussian(true + torch.tensor([[2.0, -1.0, 0.0]]), torch.full((1, 3), 2.0))
    found = search(glimpse, expected, frame, torch.zeros_like(frame), mask, 0.12)
    assert (found.loc - true).abs().max() < 0.4
    nothing = torch.zeros_like(mask)
    hidden = search(glimpse, expected, frame, torch.zeros_like(frame), nothing, 0.12)
    assert (hidden.loc - expected.loc).abs().max() < 1e-4
