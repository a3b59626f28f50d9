"""Finding objects that are hidden in part."""

import torch

from world_models.air.objects.search import search
from world_models.blocks.distributions import Gaussian
from world_models.blocks.glimpse import draw_glimpse


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
