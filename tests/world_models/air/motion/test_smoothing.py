"""Tracks in hindsight: less noise, velocities on both sides of a bounce, the jitter of a world."""

import pytest
import torch
from torch import Tensor

from world_models.air.motion import smoothing

NOISE = 0.3


def smooth(place: Tensor, same: Tensor) -> tuple[Tensor, Tensor, float]:
    """Of objects that are seen as wholes."""
    return smoothing.smooth(place, same, torch.ones_like(place[..., 0]))


def _flights(
    rng: torch.Generator, scenes: int = 16, frames: int = 20, jitter: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Places and velocities of two objects a scene, and who is followed."""
    kick = jitter * torch.randn(scenes, frames, 2, 2, generator=rng)
    velocity = 1.5 * torch.randn(scenes, 1, 2, 2, generator=rng) + kick.cumsum(1)
    same = torch.ones(scenes, frames, 2, dtype=torch.bool)
    same[:, 0] = False
    place = 24 + velocity.cumsum(1)
    return place, velocity, same


def _measured(place: Tensor, rng: torch.Generator) -> Tensor:
    return place + NOISE * torch.randn(place.shape, generator=rng)


def _error(x: Tensor, y: Tensor) -> float:
    """The median: rare noise is taken for a jump of the velocity."""
    return (x - y).abs().median().item()


def test_hindsight_takes_noise_away(rng: torch.Generator) -> None:
    place, velocity, same = _flights(rng)
    measured = _measured(place, rng)
    found, speed, jitter = smooth(measured, same)
    assert _error(found, place) < 0.7 * _error(measured, place)
    # A line through twenty places has a slope that is known to .012.
    assert _error(speed, velocity) < 0.1 * NOISE
    for t in (0, -1):
        assert _error(speed[:, t], velocity[:, t]) < 0.15 * NOISE, "told by the other side alone"
    assert jitter < 0.03


@pytest.mark.parametrize("turn", [10.0, 10.2, 10.5])
def test_a_bounce_keeps_the_speed_on_both_sides(turn: float, rng: torch.Generator) -> None:
    """In a frame or between two; a mean of the velocities around it would be slow."""
    _, velocity, same = _flights(rng, frames=24)
    velocity = 2 + velocity.abs()
    time = torch.arange(24.0)[:, None, None]
    place = 40 - velocity * (time - turn).abs()
    _, speed, jitter = smooth(_measured(place, rng), same)
    ratio = speed.norm(dim=-1) / velocity.norm(dim=-1)
    assert ratio.mean(-1).mean(0).sub(1).abs().max() < 0.1
    assert (speed[:, :10] > 0).all()
    assert (speed[:, 12:] < 0).all()
    assert jitter < 0.1, "a bounce is no jitter"


@pytest.mark.parametrize("jitter", [0.05, 0.2])
def test_how_much_velocities_change_by_themselves_is_found(
    jitter: float, rng: torch.Generator
) -> None:
    place, _, same = _flights(rng, scenes=40, jitter=jitter)
    found = smooth(_measured(place, rng), same)[2]
    assert jitter / 2 < found < 2 * jitter


def test_nothing_leaks_between_identities(rng: torch.Generator) -> None:
    """What is followed before and after in the slot, or in the other one, tells nothing."""
    place, _, same = _flights(rng, scenes=4)
    place = _measured(place, rng)
    same[:, 8] = False  # from here on the slots hold others
    elsewhere = place.clone()
    elsewhere[:, 8:] = 200 - place[:, 8:]  # as noisy as it was
    other = smooth(elsewhere, same)
    for one, two in zip(smooth(place, same)[:2], other[:2], strict=True):
        torch.testing.assert_close(one[:, :8], two[:, :8])
    apart = place.clone()
    apart[..., 0, :] = place[..., 0, :].flip(0)
    for one, two in zip(smooth(place, same)[:2], smooth(apart, same)[:2], strict=True):
        torch.testing.assert_close(one[..., 1, :], two[..., 1, :])


def test_an_object_that_is_seen_once_is_where_it_was_seen_and_stands(
    rng: torch.Generator,
) -> None:
    place = 48 * torch.rand(3, 6, 2, 2, generator=rng)
    found, velocity, _ = smooth(place, torch.zeros(3, 6, 2, dtype=torch.bool))
    torch.testing.assert_close(found, place, atol=1e-3, rtol=0)
    assert not velocity.any()


def test_what_the_edge_of_the_view_cuts_off_does_not_slow_down(rng: torch.Generator) -> None:
    """Half out of view, an object seems to stay behind; whoever knows that is not misled."""
    place, velocity, same = _flights(rng)
    share = torch.ones_like(place[..., 0])
    share[:, 14:] = torch.linspace(0.9, 0.3, 6)[:, None]
    seen = place.clone()
    seen[:, 14:] = place[:, 13:14] + 0.5 * (place - place[:, 13:14])[:, 14:]
    seen = _measured(seen, rng)
    unaware = smooth(seen, same)[1][:, 14:]
    aware = smoothing.smooth(seen, same, share)[1][:, 14:]
    assert _error(unaware, velocity[:, 14:]) > 0.2
    assert _error(aware, velocity[:, 14:]) < 0.4 * _error(unaware, velocity[:, 14:])
