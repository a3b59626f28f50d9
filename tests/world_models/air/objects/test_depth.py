"""Who hides whom: the order of depth is found from frames, and what it hides is left out."""

import torch

from world_models.air.frame.scene_model import composite
from world_models.air.objects.depth import (
    back_to_front,
    blend,
    blend_others,
    depth_evidence,
    missing,
    transmittance,
)


def _two_squares() -> tuple[torch.Tensor, torch.Tensor]:
    """A grey background, and an almost opaque dark square over a bright one, half overlapping."""
    alpha = torch.zeros(1, 2, 1, 8, 8)
    alpha[:, 0, :, 1:5, 1:5] = 0.95
    alpha[:, 1, :, 3:7, 3:7] = 0.95
    value = torch.tensor([1.0, 0.2])[None, :, None, None, None]
    return torch.full((1, 1, 8, 8), 0.5), torch.cat([value * alpha, alpha], 2)


def test_a_certain_order_is_ordinary_compositing() -> None:
    background, layers = _two_squares()
    last_in_front = torch.tensor([[[0.0, -50.0], [50.0, 0.0]]])
    canvas = blend(background, layers, torch.ones(1, 2), last_in_front)
    transmitted = transmittance(layers[:, :, -1], last_in_front)
    assert torch.allclose(canvas, composite(background, layers, torch.ones(1, 2)), atol=1e-6)
    assert transmitted[0, 1].min() == 1
    assert torch.isclose(transmitted[0, 0, 4, 4], torch.tensor(0.05))


def test_three_objects_in_doubt_never_shine_brighter_than_they_are() -> None:
    background = torch.zeros(1, 1, 8, 8)
    layers = torch.ones(1, 3, 2, 8, 8)
    canvas = blend(background, layers, torch.ones(1, 3), torch.zeros(1, 3, 3))
    assert torch.allclose(canvas, torch.ones_like(canvas), atol=1e-5)


def test_leaving_one_out_is_blending_the_others() -> None:
    rng = torch.Generator().manual_seed(0)
    alpha = torch.rand(2, 3, 1, 8, 8, generator=rng)
    layers = torch.cat([torch.rand(2, 3, 2, 8, 8, generator=rng) * alpha, alpha], 2)
    background = torch.rand(2, 2, 8, 8, generator=rng)
    front = torch.randn(2, 3, 3, generator=rng) * 3
    front = front - front.transpose(1, 2)
    present = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    others, transmitted = blend_others(background, layers, present, front)
    alphas = layers[:, :, -1] * present[..., None, None]
    assert torch.allclose(transmitted, transmittance(alphas, front))
    for k in range(3):
        left = present.clone()
        left[:, k] = 0.0
        assert torch.allclose(others[:, k], blend(background, layers, left, front), atol=1e-4)


def test_the_order_is_read_from_the_overlap_alone() -> None:
    background, layers = _two_squares()
    present = torch.ones(1, 2)
    frame = composite(background, layers, present)
    evidence = depth_evidence(frame, background, layers, present, 0.15)
    assert evidence[0, 1, 0] > 1
    assert torch.equal(evidence, -evidence.transpose(1, 2))
    assert back_to_front(evidence).tolist() == [[0, 1]]
    turned = composite(background, layers.flip(1), present)
    assert depth_evidence(turned, background, layers, present, 0.15)[0, 0, 1] > 1
    assert (
        depth_evidence(frame, background, layers, torch.tensor([[1.0, 0.0]]), 0.15).abs().sum()
        == 0
    )


def test_what_something_unknown_hides_is_missing_and_the_rest_is_not() -> None:
    background = torch.full((1, 1, 24, 24), 0.1)
    alpha = torch.zeros(1, 1, 1, 24, 24)
    alpha[..., 6:18, 6:18] = 1.0
    layers = torch.cat([alpha, alpha], 2)
    frame = composite(background, layers, torch.ones(1, 1))
    transmitted = transmittance(alpha[:, :, 0], torch.zeros(1, 1, 1))
    assert missing(frame, background, layers, transmitted)[alpha[:, :, 0] > 0].max() < 0.1
    frame[..., :12] = 0.1
    hidden = missing(frame, background, layers, transmitted)[0, 0]
    assert hidden[8:16, 6:10].min() > 0.9
    assert hidden[8:16, 15:18].max() < 0.1
