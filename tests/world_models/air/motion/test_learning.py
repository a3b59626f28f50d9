"""Learning how objects move from tracks: what costs what, what teaches, and for how long."""

import dataclasses

import pytest
import torch
from torch import Tensor

from tests.world_models.air.motion.test_transition import FAMILY, SIDE, make
from world_models.air.motion import learning
from world_models.air.motion.learning import Hindsight, Tracks, fit_motion, mirror, motion_loss
from world_models.air.motion.transition import Transition
from world_models.blocks.distributions import Gaussian


def _tracks(where_dim: int = 3) -> Hindsight:
    """Straight flights of two objects, the second of which is found late and lost early."""
    time = torch.arange(12.0)[None, :, None, None]
    start, speed = 16 + 16 * torch.rand(6, 1, 2, 2), torch.randn(6, 1, 2, 2)
    sides = torch.full((6, 12, 2, where_dim - 2), SIDE)
    present = torch.ones(6, 12, 2, dtype=torch.bool)
    present[:, :2, 1] = present[:, 11:, 1] = False
    run = torch.where(present, 0, -1)
    where = torch.cat([start + speed * time, sides], -1)
    return _known(Tracks(where, torch.zeros(6, 12, 2), present, run, present.float()))


def _known(tracks: Tracks) -> Hindsight:
    """With places and velocities in hindsight."""
    return tracks.in_hindsight()[0]


def test_rollouts_begin_where_some_frames_are_left(
    rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []

    def spy(law: Transition, tracks: Tracks, starts: Tensor, *rest: Tensor) -> Tensor:
        found.extend(starts.tolist())
        return torch.zeros(())

    monkeypatch.setattr(learning, "overshoot", spy)
    tracks = _tracks()
    for _ in range(20):
        motion_loss(make("constant_velocity", "none"), tracks, rng)
    assert set(found) == set(range(learning.MIN_START, 12 - learning.SETTLED))


@pytest.mark.parametrize("where_dim", [3, 4])
@pytest.mark.parametrize(("name", "relation"), FAMILY)
def test_every_transition_learns(
    name: str, relation: str, where_dim: int, rng: torch.Generator
) -> None:
    transition, tracks = make(name, relation, where_dim), _tracks(where_dim)
    before = sum(motion_loss(transition, tracks, rng)).item()
    found = fit_motion(transition, tracks, 8, rng, batch=4)
    assert found["num_tracks"] == 12
    assert sum(motion_loss(transition, tracks, rng)).item() < before


def test_a_scene_that_is_too_short_asks_for_no_future(rng: torch.Generator) -> None:
    tracks = _tracks()
    names = [f.name for f in dataclasses.fields(tracks)]
    short = Hindsight(*(getattr(tracks, name)[:, :3] for name in names))
    assert motion_loss(make("constant_velocity", "none"), short, rng)[1] == 0


def test_it_learns_as_long_as_it_was_told_and_says_how_it_ended(
    rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    monkeypatch.setattr(learning, "descend", lambda loss, *_: losses.append(loss.item()))
    found = fit_motion(make("constant_velocity", "none"), _tracks(), 20, rng)
    assert len(losses) == 20
    told = found["kl_motion"] + learning.OVERSHOOT_WEIGHT * found["overshoot"]
    assert told == pytest.approx(sum(losses[-2:]) / 2, rel=1e-3)


@pytest.mark.parametrize(("name", "relation"), FAMILY)
def test_all_of_a_law_can_be_learned(name: str, relation: str, rng: torch.Generator) -> None:
    transition, tracks = make(name, relation), _tracks()
    tracks.where[:, 6:, :, :2] = tracks.where[:, :6, :, :2].flip(1)  # they turn round
    tracks.where[..., :2] = 24 + 3 * (tracks.where[..., :2] - 24)
    sum(motion_loss(transition, _known(tracks), rng)).backward()
    idle = [n for n, p in transition.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


def test_slots_that_teach_nothing_cost_nothing(rng: torch.Generator) -> None:
    transition, tracks = make("rnn", "none"), _tracks()
    clean = motion_loss(transition, tracks, torch.Generator().manual_seed(0))
    tracks.where[:, :2, 1, :2] = 1e3
    tracks.where[:, 11:, 1, :2] = -1e3
    spoiled = motion_loss(transition, _known(tracks), torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(clean, spoiled, strict=True))
    nothing = Tracks(
        tracks.where, tracks.camera, tracks.present, torch.full_like(tracks.run, -1), tracks.share
    )
    assert fit_motion(transition, nothing, 1, rng) == {"num_tracks": 0.0}


def test_what_a_moving_camera_shows_costs_what_a_still_one_shows(rng: torch.Generator) -> None:
    transition, tracks = make("constant_velocity", "none"), _tracks()
    tracks.camera[:, 1:] = 3 * torch.randn(6, 11, 2, generator=rng)
    seen = tracks.where.clone()
    seen[..., :2] -= tracks.camera.cumsum(1)[:, :, None]
    panned = _known(Tracks(seen, tracks.camera, tracks.present, tracks.run, tracks.share))
    still = _known(
        Tracks(tracks.where, torch.zeros(6, 12, 2), tracks.present, tracks.run, tracks.share)
    )
    costs = [motion_loss(transition, t, torch.Generator().manual_seed(0)) for t in (panned, still)]
    for a, b in zip(*costs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


class Damped(Transition):
    """Objects keep a share of their velocity, which is all that can be learned."""

    hidden_dim = 0

    def __init__(self) -> None:
        super().__init__((48, 48))
        self.kept = torch.nn.Parameter(torch.tensor(0.8))

    def forward(
        self,
        where: Tensor,
        velocity: Tensor,
        hidden: Tensor,
        present: Tensor,
        camera_px: Tensor | None = None,
    ) -> tuple[Gaussian, Tensor]:
        loc = torch.cat([where[..., :2] + self.kept * velocity, where[..., 2:]], -1)
        return Gaussian(loc, torch.full_like(loc, 15.0)), hidden


def test_ten_frames_ahead_teach_what_noise_hides_from_one(rng: torch.Generator) -> None:
    """Places seen with errors make one step ahead look slower than what it leads to."""
    time = torch.arange(16.0)[None, :, None, None]
    xy = 24 + 2 * torch.randn(8, 1, 2, 2, generator=rng) * time
    xy = xy + torch.randn(xy.shape, generator=rng)
    where = torch.cat([xy, torch.full((8, 16, 2, 1), SIDE)], -1)
    present = torch.ones(8, 16, 2, dtype=torch.bool)
    tracks = Tracks(
        where, torch.zeros(8, 16, 2), present, torch.zeros(8, 16, 2).long(), present.float()
    )
    law = Damped()
    fit_motion(law, tracks, 60, rng, learning_rate=0.02, batch=8)
    assert law.kept > 0.7


def test_what_slows_down_costs_its_loss_of_speed(
    rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what it strays: rollouts that hedge between directions are slow, not far away."""
    time = torch.arange(16.0)[None, :, None, None]
    xy = 24 + torch.tensor([3.0, -4.0]) * time.expand(6, 16, 2, 1)
    where = torch.cat([xy, torch.full((6, 16, 2, 1), SIDE)], -1)
    present = torch.ones(6, 16, 2, dtype=torch.bool)
    run = torch.zeros(6, 16, 2, dtype=torch.long)
    tracks = _known(Tracks(where, torch.zeros(6, 16, 2), present, run, present.float()))
    law, costs = Damped(), []
    law.kept.data.fill_(0.9)
    for weight in (1.0, 0.0):
        monkeypatch.setattr(learning, "SPEED_WEIGHT", weight)
        believed = tracks.where[:, 4], tracks.velocity[:, 4]
        starts, hidden = torch.tensor([4]), torch.zeros(6, 2, 0)
        costs.append(learning.overshoot(law, tracks, starts, believed, hidden).item())
    assert costs[0] - costs[1] == pytest.approx(5.5 * 0.105, rel=0.1)


def test_a_law_remembers_how_much_velocities_change_by_themselves(rng: torch.Generator) -> None:
    law = make("constant_velocity", "none")
    kick = 0.1 * torch.randn(30, 20, 2, 2, generator=rng)
    xy = 24 + kick.cumsum(1).cumsum(1) + 0.2 * torch.randn(kick.shape, generator=rng)
    where = torch.cat([xy, torch.full((30, 20, 2, 1), SIDE)], -1)
    present = torch.ones(30, 20, 2, dtype=torch.bool)
    tracks = Tracks(
        where, torch.zeros(30, 20, 2), present, torch.zeros_like(present).long(), present.float()
    )
    found = fit_motion(law, tracks, 1, rng)["jitter"]
    assert found == pytest.approx(law.jitter.item())
    assert 0.05 < found < 0.2
    assert "jitter" in law.state_dict()


@pytest.mark.parametrize("where_dim", [3, 4])
def test_mirrored_scenes_keep_their_distances(where_dim: int, rng: torch.Generator) -> None:
    tracks = _tracks(where_dim)
    mirrored = mirror(tracks, torch.tensor([24.0, 24.0]), rng)
    xy, other = tracks.where[..., :2], mirrored.where[..., :2]
    assert not torch.allclose(xy, other)
    apart = [(a[:, :, 0] - a[:, :, 1]).norm(dim=-1) for a in (xy, other)]
    assert torch.allclose(*apart, atol=1e-4)
    assert torch.allclose((xy - 24).norm(dim=-1), (other - 24).norm(dim=-1), atol=1e-4)
    offset = [(x.where - x.window)[..., :2] for x in (tracks, mirrored)]
    assert torch.allclose(offset[0].norm(dim=-1), offset[1].norm(dim=-1), atol=1e-4)
    places = [x.window[..., :2] for x in (tracks, mirrored)]
    speeds = [x.velocity for x in (tracks, mirrored)]
    ahead = [p[:, 6] + v[:, 6] - p[:, 7] for p, v in zip(places, speeds, strict=True)]
    assert torch.allclose(ahead[0].norm(dim=-1), ahead[1].norm(dim=-1), atol=1e-4)


def test_a_law_that_keeps_speeds_pays_nothing_for_them(rng: torch.Generator) -> None:
    """At the same speed the ratio is 1, however slow: no one is asked to hurry."""
    tracks, law = _tracks(), make("constant_velocity", "none")
    costs = {}
    for factor in (0.9, 1.0, 1.1):
        spoiled = dataclasses.replace(tracks, velocity=factor * tracks.velocity)
        starts = torch.tensor([4])
        where, speed = tracks.window[:, 4], tracks.velocity[:, 4]
        hidden = law.initial((6, 2))
        costs[factor] = learning.overshoot(law, spoiled, starts, (where, speed), hidden).item()
    assert costs[1.0] < min(costs[0.9], costs[1.1])
