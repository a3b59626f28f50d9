"""The background canvas: it keeps what was seen in its place while the view moves over it."""

import torch

from world_models.air.background.canvas import SMOOTH_LOOKS, blank, crop, fill, read_view


def test_reading_at_whole_pixels_copies_and_between_them_blends() -> None:
    picture = torch.arange(36.0).view(1, 1, 6, 6)
    copied = read_view(picture, torch.tensor([[2.0, 1.0]]), (3, 3))
    assert torch.equal(copied, picture[..., 1:4, 2:5])
    between = read_view(picture, torch.tensor([[2.5, 1.0]]), (3, 3))
    assert torch.allclose(between, picture[..., 1:4, 2:5] + 0.5)


def test_cropping_is_reading_at_whole_pixels(rng: torch.Generator) -> None:
    picture = torch.rand(3, 2, 7, 9, generator=rng)
    corner = torch.tensor([[2.0, 1.0], [-3.0, 4.0], [7.0, -2.0]])
    read = read_view(picture, corner, (5, 6))
    assert torch.allclose(crop(picture, corner, (5, 6)), read, atol=1e-6)


def test_what_left_the_view_is_still_there_when_it_comes_back(rng: torch.Generator) -> None:
    world = torch.rand(2, 3, 40, 40, generator=rng)
    place = torch.full((2, 2), 12.0)
    canvas = blank(2, (3, 16, 16), 8)
    steps = torch.tensor([[3.0, -2.0], [2.0, 4.0], [-5.0, -2.0]])
    canvas = canvas.write(read_view(world, place, (16, 16)), torch.ones(2, 16, 16))
    for step in steps:
        place = place + step
        canvas = canvas.move(step.expand(2, 2))
        seen = read_view(world, place, (16, 16))
        picture, precision = canvas.view()
        known = (precision > 0)[:, None].expand_as(seen)
        assert torch.allclose(picture[known], seen[known], atol=1e-5)
        canvas = canvas.write(seen, torch.ones(2, 16, 16))
    _, precision = canvas.view()
    assert (precision > 1).all()
    assert torch.allclose(canvas.corner, torch.full((2, 2), 8.0))


def test_noise_averages_out_and_masked_pixels_are_not_written(rng: torch.Generator) -> None:
    truth = torch.full((1, 1, 8, 8), 0.3)
    weight = torch.ones(1, 8, 8)
    weight[:, :, 4:] = 0
    canvas = blank(1, (1, 8, 8), 2)
    for _ in range(8):
        noisy = truth + 0.05 * torch.randn(truth.shape, generator=rng)
        canvas = canvas.write(noisy, weight)
    picture, precision = canvas.view()
    assert (picture - truth)[..., :4].std() < 0.03
    assert not precision[..., 4:].any()
    smooth = torch.full((1, 1, 8, 8), 0.7)
    assert torch.allclose(canvas.over(smooth)[..., 4:], smooth[..., 4:])
    once = blank(1, (1, 8, 8), 2).write(truth, torch.ones(1, 8, 8))
    expected = (truth + SMOOTH_LOOKS * smooth) / (1 + SMOOTH_LOOKS)
    assert torch.allclose(once.over(smooth), expected)


def test_something_that_moved_on_is_forgotten() -> None:
    canvas = blank(1, (1, 8, 8), 2)
    dark, bright = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)
    canvas = canvas.write(bright, torch.ones(1, 8, 8))
    canvas = canvas.write(dark, torch.ones(1, 8, 8))
    assert torch.allclose(canvas.view()[0], dark)


def test_the_unseen_continues_what_was_seen() -> None:
    ramp = torch.linspace(0, 1, 16).expand(1, 1, 16, 16)
    known = torch.zeros(1, 16, 16)
    known[:, :, :10] = 1
    filled = fill(ramp, known)
    assert torch.allclose(filled[..., :10], ramp[..., :10])
    assert (filled[..., 10:] - 0.6).abs().max() < 0.3
    assert torch.isfinite(fill(ramp, torch.zeros(1, 16, 16))).all()
    for size in (16, 11):
        hardly = torch.zeros(1, size, size)
        hardly[:, 3, 7] = 0.4
        even = torch.full((1, 1, size, size), 0.6)
        assert torch.allclose(fill(even * (hardly > 0), hardly), even, atol=1e-5)
