"""Motion of what is known exactly, as in dreams: energy, momentum, walls, chance."""

import pytest
import torch
from torch import Tensor

from tests.world_models.air.motion.test_transition import SIDE, make
from world_models.air.motion.relation import LIKELY, EdgeRelation, PairwiseRelation, decide
from world_models.air.motion.transition import Transition
from world_models.air.motion.transitions import make_transition

FRAMES = 60
RADIUS = 5.0


def _silent(law: Transition, elasticity: float = 30.0) -> Transition:
    """A law that adds nothing to collisions and walls, which are sharp and elastic."""
    for parameter in law.head[-1].parameters():
        parameter.data.zero_()
    for part in (law.relation, law.edges):
        if part is not None:
            part.log_body.data = torch.tensor(RADIUS).log() - SIDE
    if law.relation is not None:
        law.relation.elasticity.data.fill_(elasticity)
    if law.edges is not None:
        law.edges.strength[-1].weight.data.zero_()
        law.edges.strength[-1].bias.data.fill_(30.0)
    return law


def _roll(law: Transition, where: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
    """Places and velocities of `FRAMES` frames."""
    hidden = law.initial(velocity.shape[:2])
    present = torch.ones(velocity.shape[:2])
    places, velocities = [], []
    with torch.no_grad():
        for _ in range(FRAMES):
            where, velocity, hidden = law.move(where, velocity, hidden, present)
            places.append(where)
            velocities.append(velocity)
    return torch.stack(places, 1), torch.stack(velocities, 1)


def test_walls_turn_objects_back_at_their_speed(rng: torch.Generator) -> None:
    law = _silent(make("kalman", "none"))
    where = torch.cat(
        [12 + 24 * torch.rand(20, 3, 2, generator=rng), torch.full((20, 3, 1), SIDE)], -1
    )
    velocity = 2.5 * torch.randn(20, 3, 2, generator=rng)
    places, velocities = _roll(law, where, velocity)
    expected = velocity.abs()[:, None].expand_as(velocities)
    torch.testing.assert_close(velocities.abs(), expected, atol=1e-3, rtol=1e-3)
    assert ((velocities[:, 1:] * velocities[:, :-1]) < 0).any(1).float().mean() > 0.7
    assert places[..., :2].min() > RADIUS - 0.5
    assert places[..., :2].max() < 48 - RADIUS + 0.5


@pytest.mark.parametrize("chance", [0.1, 0.4, 0.9])
def test_an_unsure_wall_turns_objects_back_as_wholes_or_not_at_all(chance: float) -> None:
    """Where objects turn out of sight, chances are low; those that leave must come back."""
    law = _silent(make("kalman", "none"))
    law.edges.strength[-1].bias.data.fill_(torch.tensor(chance).logit())
    start, velocity = torch.tensor([[[24.0, 24.0, SIDE]]]), torch.tensor([[[2.0, 0.0]]])
    places, velocities = _roll(law, start, velocity)
    assert torch.equal(velocities[..., 0].abs(), torch.full((1, FRAMES, 1), 2.0))
    assert (places[..., 0].max() < 48) == (chance > LIKELY)


def test_without_walls_nothing_turns_back() -> None:
    law = _silent(make_transition("kalman", "none", (48, 48), SIDE, walls=False))
    start = torch.tensor([[[24.0, 24.0, SIDE]]])
    places, velocities = _roll(law, start, torch.tensor([[[2.0, -1.0]]]))
    assert torch.allclose(velocities, torch.tensor([2.0, -1.0]).expand_as(velocities), atol=1e-4)
    assert torch.allclose(places[0, -1, 0, :2], torch.tensor([144.0, -36.0]), atol=1e-2)


def test_elastic_collisions_keep_the_energy_for_sixty_frames(rng: torch.Generator) -> None:
    law = _silent(make("kalman", "pairwise"))
    grid = torch.tensor([[10.0, 10.0], [38.0, 12.0], [24.0, 36.0]])
    where = torch.cat([grid.expand(20, 3, 2), torch.full((20, 3, 1), SIDE)], -1)
    velocity = 2.5 * torch.randn(20, 3, 2, generator=rng)
    _, velocities = _roll(law, where, velocity)
    energy = velocities.square().sum((-1, -2))
    torch.testing.assert_close(energy, energy[:, :1].expand_as(energy), atol=1e-2, rtol=1e-3)
    speed = velocities.norm(dim=-1)
    exchanged = ((speed[:, 1:] - speed[:, :-1]).abs() > 0.1).any(-1).sum(1)
    assert exchanged.float().mean() > 1, "they collide"


@pytest.mark.parametrize("elasticity", [30.0, 0.0, -30.0])
def test_momentum_is_kept_where_two_of_unequal_size_collide(elasticity: float) -> None:
    """Masses are what the law says that sizes are: shares of a push tell them."""
    law = PairwiseRelation(SIDE, 8)
    law.elasticity.data.fill_(elasticity)
    law.growth.data.fill_(2.0)
    log_side = torch.tensor([[[SIDE - 0.2], [SIDE + 0.3]]])
    mass = (2 * log_side).exp()
    xy = torch.tensor([[[20.0, 24.0], [26.0, 26.0]]])
    velocity = torch.tensor([[[2.0, 0.5], [-1.0, 0.0]]])
    push = law(xy, log_side, velocity, torch.ones(1, 2), exact=True)[0]
    assert push.norm(dim=-1).min() > 0.3
    before, after = ((mass * v).sum(1) for v in (velocity, velocity + push))
    torch.testing.assert_close(before, after)
    assert push[0, 0].norm() > 2 * push[0, 1].norm(), "the smaller one is pushed more"
    line = xy[0, 1] - xy[0, 0]
    closing, parting = (((v[0, 0] - v[0, 1]) * line).sum() for v in (velocity, velocity + push))
    kept = torch.sigmoid(torch.tensor(elasticity))
    torch.testing.assert_close(parting, -kept * closing, atol=1e-3, rtol=1e-3)


def test_a_collision_happens_or_does_not(rng: torch.Generator) -> None:
    chance = torch.rand(200, generator=rng).requires_grad_()
    sure = decide(chance, exact=True)
    assert torch.equal(sure, (chance > 0.5).float())
    assert torch.equal(decide(chance, exact=False), chance)
    (3 * sure).sum().backward()
    assert torch.equal(chance.grad, torch.full_like(chance, 3.0)), "and can be learned"


def test_what_is_left_to_chance_is_drawn_as_often_as_it_is_likely(rng: torch.Generator) -> None:
    chance = torch.tensor([0.05, 0.2, 0.45, 0.6, 0.95])[:, None].expand(5, 4000)
    share = decide(chance, exact=True, likely=0.3, rng=rng).mean(-1)
    torch.testing.assert_close(share[:3], chance[:3, 0], atol=0.03, rtol=0)
    assert torch.equal(share[3:], torch.ones(2)), "the likelier of both is no matter of luck"
    assert decide(chance, exact=True, likely=0.3)[:, 0].tolist() == [0, 0, 1, 1, 1]


def test_at_a_wall_an_exact_object_keeps_all_of_its_speed_or_turns_all_of_it_round() -> None:
    edges = EdgeRelation((48, 48), SIDE)
    edges.strength[-1].bias.data.fill_(30.0)
    xy = torch.linspace(24, 47, 60)[None, :, None].expand(1, 60, 2)
    velocity = torch.full((1, 60, 2), 1.5)
    side = torch.full((1, 60, 1), SIDE)
    vague, _ = edges(xy, side, velocity)
    exact, _ = edges(xy, side, velocity, exact=True)
    assert (vague.abs() < 1).any()
    assert torch.allclose(exact.abs(), velocity, atol=1e-4)
    assert (exact[0, 0] > 0).all()
    assert (exact[0, -1] < 0).all()


def test_who_did_not_turn_at_a_wall_turns_later_where_it_is() -> None:
    """It is not thrown back as far as it went."""
    edges = EdgeRelation((48, 48), SIDE)
    edges.strength[-1].bias.data.fill_(30.0)
    xy, side = torch.tensor([[[58.0, 24.0]]]), torch.full((1, 1, 1), SIDE)
    velocity, moved = edges(xy, side, torch.tensor([[[2.0, 1.0]]]), exact=True)
    torch.testing.assert_close(velocity, torch.tensor([[[-2.0, 1.0]]]))
    torch.testing.assert_close(moved, velocity)


@pytest.mark.parametrize("name", ["kalman", "linear", "rnn", "constant_velocity"])
def test_what_moves_in_a_dream_is_as_fast_as_it_is_told(name: str, rng: torch.Generator) -> None:
    """The next place is the last one and the velocity, against the camera."""
    law = make(name, "none")
    where = torch.cat(
        [20 + 8 * torch.rand(4, 2, 2, generator=rng), torch.full((4, 2, 1), SIDE)], -1
    )
    velocity = torch.randn(4, 2, 2, generator=rng)
    camera = torch.tensor([[2.0, -1.0]]).expand(4, 2)
    for view in (None, camera):
        hidden = law.initial((4, 2))
        after, speed, hidden = law.move(where, velocity, hidden, torch.ones(4, 2), view)
        moved = (after - where)[..., :2] + (0 if view is None else view[:, None])
        torch.testing.assert_close(moved, speed, atol=1e-4, rtol=0)
        torch.testing.assert_close(speed, velocity, atol=0.3, rtol=0)


def test_a_filter_settles_on_what_it_believes(rng: torch.Generator) -> None:
    """The last of noisy moves is no velocity; a law without a filter has nothing better."""
    law = make("kalman", "none")
    for parameter in law.head[-1].parameters():
        parameter.data.zero_()
    law.head[-1].bias.data[5:9] = -8.0
    law.log_noise.data.fill_(2 * torch.tensor(0.3).log().item())
    speed, hidden = torch.tensor([1.0, -0.5]), law.initial((40, 1))
    last = place = torch.full((40, 1, 2), 24.0)
    for t in range(12):
        place = place + (speed if t else 0)
        seen = place + 0.3 * torch.randn(40, 1, 2, generator=rng)
        moved = seen - last if t else torch.zeros_like(seen)
        where, last = torch.cat([seen, torch.full((40, 1, 1), SIDE)], -1), seen
        window, velocity = law.settle(where, moved, hidden)
        hidden = law(where, moved, hidden, torch.ones(40, 1))[1]

    def error(x: Tensor, true: Tensor) -> float:
        return (x - true).abs().median().item()

    assert error(velocity, speed) < error(moved, speed) / 3
    assert error(window[..., :2], place) < 0.9 * error(seen, place)
    same = make("rnn", "none").settle(where, moved, hidden)
    assert torch.equal(same[0], where)
    assert torch.equal(same[1], moved)
