import pytest
import torch

from envs.simulator import motion
from envs.simulator.motion import Bodies


def bodies(position: list, velocity: list, radius: list, present: list | None = None) -> Bodies:
    place = torch.tensor([position], dtype=torch.float32)
    return Bodies(
        position=place,
        velocity=torch.tensor([velocity], dtype=torch.float32),
        acceleration=torch.zeros_like(place),
        radius=torch.tensor([radius], dtype=torch.float32),
        present=torch.tensor([present or [True] * len(radius)]),
    )


def momentum(b: Bodies) -> torch.Tensor:
    return (b.radius[..., None] ** 2 * b.velocity).sum(1)


def energy(b: Bodies) -> torch.Tensor:
    return (b.radius**2 * b.velocity.square().sum(-1)).sum(1)


def test_equal_bodies_swap_their_velocities_head_on() -> None:
    b = bodies([[10, 10], [14, 10]], [[2, 0], [-1, 0]], [3, 3])
    motion.collide(b)
    torch.testing.assert_close(b.velocity, torch.tensor([[[-1.0, 0.0], [2.0, 0.0]]]))


def test_collisions_conserve_momentum_and_energy(rng: torch.Generator) -> None:
    position = 20 * torch.rand(64, 4, 2, generator=rng)
    velocity = torch.randn(64, 4, 2, generator=rng)
    radius = 3 + 2 * torch.rand(64, 4, generator=rng)
    b = Bodies(position, velocity, torch.zeros_like(position), radius, torch.ones(64, 4).bool())
    before = momentum(b), energy(b)
    motion.collide(b)
    assert not torch.equal(b.velocity, velocity)
    torch.testing.assert_close(momentum(b), before[0], atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(energy(b), before[1], atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    ("position", "velocity", "present"),
    [
        ([[10, 10], [20, 10]], [[2, 0], [-1, 0]], [True, True]),  # too far apart
        ([[10, 10], [14, 10]], [[-2, 0], [1, 0]], [True, True]),  # parting already
        ([[10, 10], [14, 10]], [[2, 0], [-1, 0]], [True, False]),  # nobody there
    ],
)
def test_no_collision_without_contact(position: list, velocity: list, present: list) -> None:
    b = bodies(position, velocity, [3, 3], present)
    motion.collide(b)
    torch.testing.assert_close(b.velocity, torch.tensor([velocity], dtype=torch.float32))


def test_a_wall_reflects_the_rim_of_a_body() -> None:
    b = bodies([[4, 20], [45, 20]], [[-2, 1], [3, 1]], [3, 2])
    motion.walk(b, 0.0, 48.0)
    torch.testing.assert_close(b.position, torch.tensor([[[4.0, 21.0], [44.0, 21.0]]]))
    torch.testing.assert_close(b.velocity, torch.tensor([[[2.0, 1.0], [-3.0, 1.0]]]))


def test_scattered_bodies_lie_inside_and_apart(rng: torch.Generator) -> None:
    radius, present = torch.full((200, 3), 6.0), torch.ones(200, 3).bool()
    place = motion.scatter(radius, present, 0.0, 48.0, "circles", rng)
    assert place.min() >= 6
    assert place.max() <= 42
    gaps = torch.stack([(place[:, i] - place[:, j]).norm(dim=-1) for i, j in ((0, 1), (0, 2))])
    assert (gaps > 12).float().mean() > 0.95


def test_jitter_is_white_and_of_the_size_asked(rng: torch.Generator) -> None:
    b = bodies([[0, 0]] * 500, [[0, 0]] * 500, [1] * 500)
    motion.push(b, 0.2, 0.0, 2.0, rng)
    assert b.velocity.std().item() == pytest.approx(0.2, rel=0.1)


def test_acceleration_lasts_and_the_speed_stays_bounded(rng: torch.Generator) -> None:
    b = bodies([[0, 0]] * 500, [[0, 0]] * 500, [1] * 500)
    for _ in range(40):
        before = b.acceleration
        motion.push(b, 0.0, 0.3, 2.0, rng)
    both = torch.stack([before.flatten(), b.acceleration.flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.8
    assert b.acceleration.std().item() == pytest.approx(0.3, rel=0.15)
    assert b.velocity.norm(dim=-1).max() <= 4.001


def test_headings_have_the_speed_asked(rng: torch.Generator) -> None:
    pace = motion.heading(2.0, (1000, 3), rng).norm(dim=-1)
    assert pace.min() >= 0.999
    assert pace.max() <= 3.001
    assert pace.mean().item() == pytest.approx(2.0, rel=0.05)
