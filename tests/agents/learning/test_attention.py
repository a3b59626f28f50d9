"""Spatial attention: what the Gaussians read, and that they can be learned through."""

import pytest
import torch

from agents.learning import attention

SIDE = 48


def box(x: float, y: float, w: float, h: float) -> torch.Tensor:
    """A box in pixels as fractions of the frame."""
    return torch.tensor([[x, y, w, h]]) / SIDE


def axis(centre: float, size: float) -> torch.Tensor:
    """One axis of the attention."""
    window = torch.tensor([centre]), torch.tensor([size])
    return attention.Gaussians.of(*window, 20, SIDE).matrix(SIDE, torch.zeros(1).long())


@pytest.mark.parametrize("size", [0.1, 0.3, 0.9])
def test_rows_sum_to_one_inside_the_frame(size: float) -> None:
    rows = axis(0.5, size)
    torch.testing.assert_close(rows.sum(-1), torch.ones(1, 20), atol=5e-3, rtol=0)


def test_rows_fade_outside_the_frame() -> None:
    rows = axis(0.0, 0.5).sum(-1)[0]
    assert rows[0] < 1e-3
    assert rows[-1] > 0.99


def test_at_stride_one_the_glimpse_is_the_crop_slightly_blurred() -> None:
    ramp = torch.arange(SIDE, dtype=torch.float32) / SIDE
    frame = (ramp[:, None] + 2 * ramp[None, :])[None, None]
    # 20 samples over 20 pixels: the Gaussians stand on the pixels, and a blur keeps a ramp.
    glimpse = attention.extract(frame, box(24, 20, 20, 20), 20)
    crop = frame[..., 10:30, 14:34]
    torch.testing.assert_close(glimpse, crop, atol=5e-3, rtol=5e-3)


def test_a_pixel_is_seen_where_it_is() -> None:
    frame = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.uint8)
    frame[0, 0, 12, 30] = 255
    glimpse = attention.extract(frame, box(30.5, 22.5, 20, 40), 20)[0, 0]
    row, column = divmod(int(glimpse.argmax()), 20)
    # Row j looks at y = 22.5 + (j - 9.5) * 2, column i at x = 30.5 + (i - 9.5).
    assert abs(22.5 + (row - 9.5) * 2 - 12.5) <= 1
    assert abs(30.5 + (column - 9.5) - 30.5) <= 0.5


@pytest.mark.parametrize("blur", [None, 0.5, 3.0])
def test_glimpses_are_alike_whether_they_are_cut_out_first_or_not(blur: float | None) -> None:
    """Frames that learn are seen whole. Windows lie within, across the edges, and far outside."""
    rng = torch.Generator().manual_seed(0)
    frame = torch.rand(60, 2, 40, 96, generator=rng)
    sides = 0.05 + 0.3 * torch.rand(60, 2, generator=rng)
    window = torch.cat([2 * torch.rand(60, 2, generator=rng) - 0.5, sides], 1).requires_grad_()
    factors = None if blur is None else torch.full((60, 2), blur)
    # One by one: of many the largest decides how much is cut out.
    alone = [slice(n, n + 1) for n in range(60)]
    blurs = [None if factors is None else factors[n] for n in alone]
    parts = zip(alone, blurs, strict=True)
    cut = torch.cat([attention.extract(frame[n], window[n], 10, b) for n, b in parts])
    whole = attention.extract(frame.requires_grad_(), window, 10, factors)
    torch.testing.assert_close(cut, whole, atol=1e-6, rtol=1e-5)
    slopes = [torch.autograd.grad(x.square().sum(), window)[0] for x in (cut, whole)]
    torch.testing.assert_close(*slopes, atol=1e-4, rtol=1e-3)


def test_the_glimpse_moves_with_the_object() -> None:
    frame = torch.randint(0, 256, (1, 3, SIDE, SIDE), dtype=torch.uint8)
    moved = frame.roll((5, -3), dims=(2, 3))
    here = attention.extract(frame, box(24, 22, 12, 17), 20)
    there = attention.extract(moved, box(21, 27, 12, 17), 20)
    torch.testing.assert_close(here, there, atol=1e-4, rtol=0)


def test_a_larger_object_looks_the_same() -> None:
    middles = torch.arange(SIDE) + 0.5 - 24

    def disc(radius: float) -> torch.Tensor:
        inside = middles[:, None] ** 2 + middles**2 < radius**2
        return inside[None, None].float()

    small = attention.extract(disc(6), box(24, 24, 24, 24), 20)
    large = attention.extract(disc(12), box(24, 24, 48, 48), 20)
    assert (small - large).abs().mean() < 0.05


def test_gradients_reach_the_window() -> None:
    frame = torch.rand(2, 1, 12, 12, dtype=torch.float64)
    window = torch.tensor([[0.5, 0.4, 0.5, 0.6], [0.3, 0.6, 0.4, 0.3]], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda w: attention.extract(frame, w, 8), window.requires_grad_()
    )
