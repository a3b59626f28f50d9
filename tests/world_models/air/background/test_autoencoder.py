"""Backgrounds: what they can draw, what they refuse to, and the noise about them."""

import pytest
import torch

from world_models.air.background.autoencoder import Background
from world_models.air.fitting import background_loss

SHAPE = (1, 20, 20)


@pytest.mark.parametrize("kind", ["smooth", "free"])
def test_a_picture_is_described_and_drawn(kind: str, rng: torch.Generator) -> None:
    background = Background((3, 20, 24), 4, kind=kind)
    loc, scale = background.posterior(torch.rand(5, 3, 20, 24, generator=rng))
    assert loc.shape == scale.shape == (5, 4)
    assert (scale > 0).all()
    assert background.decode(loc).shape == (5, 3, 20, 24)


def test_a_smooth_one_cannot_draw_a_line() -> None:
    picture = Background(SHAPE, 4).decode(5 * torch.randn(50, 4))
    jump = (picture[..., 1:] - picture[..., :-1]).abs().amax()
    assert jump < 0.5


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="rough"):
        Background(SHAPE, 4, kind="rough")


def test_noise_is_measured_in_spite_of_what_covers_a_pixel_at_times(rng: torch.Generator) -> None:
    background = Background(SHAPE, 4)
    background.decode = lambda z: torch.full((len(z), *SHAPE), 0.5)  # type: ignore[method-assign]
    frame = 0.5 + 0.1 * torch.randn(1000, *SHAPE, generator=rng)
    frame[:, :, :, 10:] += 0.1 * torch.randn(1000, 1, 20, 10, generator=rng) * 2
    frame[:200] = 1.0  # an object covers everything in every fifth frame
    background.measure_noise(frame)
    left, right = background.noise[..., :10].mean(), background.noise[..., 10:].mean()
    assert 0.1 < left < 0.16
    assert 0.2 < right < 0.32


def test_what_objects_explain_the_background_need_not() -> None:
    background = Background(SHAPE, 4)
    frame, picture = torch.ones(1, *SHAPE), torch.zeros(1, *SHAPE)
    sure = (torch.zeros(1, 4), torch.ones(1, 4))
    clear = torch.ones(1, *SHAPE)
    whole = background_loss(background, frame, picture, clear, sure)
    clear[..., :10] = 0
    half = background_loss(background, frame, picture, clear, sure)
    assert half.item() == pytest.approx(whole.item() / 2)
    hidden = background_loss(background, frame, picture, torch.zeros_like(clear), sure)
    assert hidden.item() == 0


def test_large_errors_pull_no_harder_than_middling_ones() -> None:
    background = Background(SHAPE, 4)
    sure = (torch.zeros(1, 4), torch.ones(1, 4))
    pulls = []
    for error in (0.05, 0.4, 1.0):
        picture = torch.zeros(1, *SHAPE, requires_grad=True)
        frame = torch.full((1, *SHAPE), error)
        background_loss(background, frame, picture, torch.ones_like(frame), sure).sum().backward()
        assert picture.grad is not None
        pulls.append(picture.grad.abs().mean().item())
    assert pulls[0] < pulls[1]
    assert pulls[1] == pytest.approx(pulls[2])
