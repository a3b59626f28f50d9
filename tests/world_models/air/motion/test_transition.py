"""The family of transitions: one interface, filtered velocities, objects that push each other."""

import pytest
import torch
from torch import Tensor

from world_models.air.motion import learning
from world_models.air.motion.learning import Tracks, fit_motion, mirror, motion_loss
from world_models.air.motion.relation import PairwiseRelation
from world_models.air.motion.transition import Transition
from world_models.air.motion.transitions import TRANSITIONS, make_transition
from world_models.blocks import kalman
from world_models.blocks.distributions import Gaussian

FAMILY = [(name, "none") for name in TRANSITIONS] + [
    ("rnn", "pairwise"),
    ("kalman", "pairwise"),
    ("linear", "pairwise"),
]
SIDE = 2.9


def _make(name: str, relation: str, where_dim: int = 3) -> Transition:
    return make_transition(name, relation, (48, 48), SIDE, where_dim)


def _scene(slots: int, where_dim: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    where = torch.cat(
        [48 * torch.rand(5, slots, 2), SIDE + 0.1 * torch.randn(5, slots, where_dim - 2)], -1
    )
    return where, 2 * torch.randn(5, slots, 2), torch.ones(5, slots)


def _roll(transition: Transition, where: Tensor, velocity: Tensor, present: Tensor) -> Tensor:
    """Windows after three steps of the mean."""
    hidden = transition.initial(present.shape)
    for _ in range(3):
        prior, hidden = transition(where, velocity, hidden, present)
        velocity, where = prior.loc[..., :2] - where[..., :2], prior.loc
    return where


@pytest.mark.parametrize("where_dim", [3, 4])
@pytest.mark.parametrize(("name", "relation"), FAMILY)
def test_objects_move_against_the_camera(name: str, relation: str, where_dim: int) -> None:
    transition = _make(name, relation, where_dim)
    where, velocity, present = _scene(3, where_dim)
    hidden = transition.initial((5, 3))
    still, after = transition(where, velocity, hidden, present)
    camera = torch.tensor([[2.0, -1.0]]).expand(5, 2)
    panned, also = transition(where, velocity, hidden, present, camera)
    assert still.loc.shape == still.scale.shape == where.shape
    assert bool((still.scale > 0).all())
    assert torch.allclose(still.loc[..., :2] - panned.loc[..., :2], camera[:, None], atol=1e-4)
    assert torch.equal(after, also)


@pytest.mark.parametrize(("name", "relation"), FAMILY)
def test_slots_may_be_permuted(name: str, relation: str) -> None:
    transition = _make(name, relation)
    for slots in (1, 5):
        where, velocity, present = _scene(slots)
        present[0, slots - 1] = 0
        order = torch.randperm(slots)
        ahead = _roll(transition, where, velocity, present)
        shuffled = _roll(transition, where[:, order], velocity[:, order], present[:, order])
        assert torch.allclose(ahead[:, order], shuffled, atol=1e-4)


@pytest.mark.parametrize(("name", "relation"), FAMILY)
def test_an_empty_slot_changes_nothing(name: str, relation: str) -> None:
    transition = _make(name, relation)
    where, velocity, present = _scene(4)
    present[:, 3] = 0
    alone = _roll(transition, where[:, :3], velocity[:, :3], present[:, :3])
    assert torch.allclose(_roll(transition, where, velocity, present)[:, :3], alone, atol=1e-4)


def test_only_related_objects_notice_each_other() -> None:
    where = torch.tensor([[[18.0, 24.0, SIDE], [26.0, 24.0, SIDE]]])
    velocity = torch.tensor([[[2.0, 0.0], [-2.0, 0.0]]])
    for relation in ("none", "pairwise"):
        transition = _make("rnn", relation)
        hidden = transition.initial((1, 2))
        for t in range(3):
            seen = where.clone()
            seen[..., :2] += (t - 2) * velocity
            moved = velocity if t else torch.zeros_like(velocity)
            both, after = transition(seen, moved, hidden, torch.ones(1, 2))
            alone, _ = transition(seen, moved, hidden, torch.tensor([[1.0, 0.0]]))
            hidden = after
        push = both.loc[0, 0, 0] - alone.loc[0, 0, 0]
        assert push < -1 if relation == "pairwise" else push == 0


@pytest.mark.parametrize("name", ["rnn", "kalman", "linear"])
def test_objects_push_each_other_only_where_they_meet(name: str) -> None:
    """And only if they are related; an untrained law pushes already."""
    for relation, apart, pushed in [
        ("none", 8, False),
        ("pairwise", 8, True),
        ("pairwise", 24, False),
    ]:
        transition = _make(name, relation)
        where = torch.tensor([[[12.0, 24.0, SIDE], [12.0 + apart, 24.0, SIDE]]])
        velocity = torch.tensor([[[2.0, 0.0], [-2.0, 0.0]]])
        both = alone = None
        hidden = transition.initial((1, 2))
        for t in range(3):
            seen = where.clone()
            seen[..., :2] += (t - 2) * velocity
            both, after = transition(seen, velocity, hidden, torch.ones(1, 2))
            alone, _ = transition(seen, velocity, hidden, torch.tensor([[1.0, 0.0]]))
            hidden = after
        force = (both.loc - alone.loc)[0, 0, :2].norm()
        assert force > 0.5 if pushed else force < 0.2, (relation, apart)


@pytest.mark.parametrize(("name", "relation"), FAMILY)
def test_an_untrained_law_knows_that_objects_go_on(name: str, relation: str) -> None:
    transition = _make(name, relation)
    velocity = torch.tensor([[[1.5, -1.0]]])
    where, hidden = torch.tensor([[[20.0, 28.0, SIDE]]]), transition.initial((1, 1))
    for _ in range(4):
        prior, hidden = transition(where, velocity, hidden, torch.ones(1, 1))
        ahead = where.clone()
        ahead[..., :2] += velocity
        where = ahead
    error = (prior.loc - ahead).abs()[0, 0]
    assert error[:2].max() < 0.5
    assert error[2:].max() < 0.05
    assert prior.scale[..., 2:].max() < 0.2 < prior.scale[..., :2].min()


def test_doubt_about_motion_has_bounds() -> None:
    transition = _make("rnn", "none")
    where, velocity, present = _scene(3)
    for extreme in (-100.0, 100.0):
        transition.head[-1].bias.data[3:] = extreme
        scale = transition(where, velocity, transition.initial((5, 3)), present)[0].scale
        assert 1e-3 < scale.min() < scale.max() + 1e-6 < 20


def test_rollouts_begin_where_some_frames_are_left(
    rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []

    def spy(law: Transition, tracks: Tracks, starts: Tensor, *rest: Tensor) -> Tensor:
        found.extend(starts.tolist())
        return torch.zeros(())

    monkeypatch.setattr(learning, "overshoot", spy)
    for _ in range(20):
        motion_loss(_make("constant_velocity", "none"), _tracks(), rng)
    assert set(found) == set(range(learning.MIN_START, 12 - learning.SETTLED))


def test_the_filter_is_the_mean_of_what_was_measured() -> None:
    """With no drift and an unknown velocity, filtering is the least-squares line."""
    measured = torch.tensor([0.0, 2.3, 3.8, 6.1, 8.2])
    hidden, last = torch.zeros(1, kalman.SIZE), 0.0
    one, zero = torch.tensor(1.0), torch.zeros(1, 2)
    for now in measured.tolist():
        state, _ = kalman.unpack(hidden)
        moved = torch.tensor([[now - last, 0.0]])
        belief, _ = kalman.correct(state, moved, one, 1e4 * one, 1e4 * one)
        reach = belief.expected + belief.velocity
        hidden = torch.cat(kalman.predict(belief, belief.velocity, reach, zero, zero), -1)
        last = now
    time = torch.arange(5.0)
    slope = ((time - 2) * measured).sum() / 10
    assert torch.allclose(belief.velocity[0, 0], slope, atol=0.02)
    assert torch.allclose(last + belief.expected[0, 0], measured.mean() + 2 * slope, atol=0.03)
    assert abs(belief.velocity[0, 1]) < 1e-4


def test_what_a_prediction_does_not_know_is_doubted() -> None:
    state, _ = kalman.unpack(torch.zeros(1, kalman.SIZE))
    one, zero = torch.tensor(1.0), torch.zeros(1, 2)
    belief, _ = kalman.correct(state, zero, one, one, 1e4 * one)
    sure = kalman.predict(belief, zero, zero, zero, zero)
    unsure = kalman.predict(belief, zero, zero, zero + 0.5, zero + 0.25)
    torch.testing.assert_close(unsure.var_position - sure.var_position, zero + 0.5)
    torch.testing.assert_close(unsure.var_velocity - sure.var_velocity, zero + 0.25)
    later = kalman.predict(sure, zero, zero, zero, zero)
    assert (later.var_position > sure.var_position).all()


def test_a_jump_of_the_velocity_is_believed_at_once() -> None:
    hidden, one, zero = torch.zeros(1, kalman.SIZE), torch.tensor(1.0), torch.zeros(1, 2)
    for speed in [2.0] * 6 + [-10.0]:
        state, _ = kalman.unpack(hidden)
        moved = torch.tensor([[speed, 0.0]])
        belief, _ = kalman.correct(state, moved, 0.1 * one, 5 * one, 3 * one)
        reach = belief.expected + belief.velocity
        hidden = torch.cat(kalman.predict(belief, belief.velocity, reach, zero, zero), -1)
    assert belief.velocity[0, 0] < -8


def _tracks(where_dim: int = 3) -> Tracks:
    """Straight flights of two objects, the second of which is found late and lost early."""
    time = torch.arange(12.0)[None, :, None, None]
    start, speed = 16 + 16 * torch.rand(6, 1, 2, 2), torch.randn(6, 1, 2, 2)
    sides = torch.full((6, 12, 2, where_dim - 2), SIDE)
    present = torch.ones(6, 12, 2, dtype=torch.bool)
    present[:, :2, 1] = present[:, 11:, 1] = False
    run = torch.where(present, 0, -1)
    where = torch.cat([start + speed * time, sides], -1)
    return Tracks(where, torch.zeros(6, 12, 2), present, run)


@pytest.mark.parametrize("where_dim", [3, 4])
@pytest.mark.parametrize(("name", "relation"), FAMILY)
def test_every_transition_learns(
    name: str, relation: str, where_dim: int, rng: torch.Generator
) -> None:
    transition, tracks = _make(name, relation, where_dim), _tracks(where_dim)
    before = sum(motion_loss(transition, tracks, rng)).item()
    found = fit_motion(transition, tracks, 8, rng, batch=4)
    assert found["num_tracks"] == 12
    assert sum(motion_loss(transition, tracks, rng)).item() < before


def test_a_scene_that_is_too_short_asks_for_no_future(rng: torch.Generator) -> None:
    tracks = _tracks()
    short = Tracks(
        *(getattr(tracks, name)[:, :3] for name in ("where", "camera", "present", "run"))
    )
    assert motion_loss(_make("constant_velocity", "none"), short, rng)[1] == 0


def test_it_learns_as_long_as_it_was_told_and_says_how_it_ended(
    rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    monkeypatch.setattr(learning, "descend", lambda loss, *_: losses.append(loss.item()))
    found = fit_motion(_make("constant_velocity", "none"), _tracks(), 20, rng)
    assert len(losses) == 20
    told = found["kl_motion"] + learning.OVERSHOOT_WEIGHT * found["overshoot"]
    assert told == pytest.approx(sum(losses[-2:]) / 2, rel=1e-3)


@pytest.mark.parametrize(("name", "relation"), FAMILY)
def test_all_of_a_law_can_be_learned(name: str, relation: str, rng: torch.Generator) -> None:
    transition, tracks = _make(name, relation), _tracks()
    tracks.where[:, 6:, :, :2] = tracks.where[:, :6, :, :2].flip(1)  # they turn round
    tracks.where[..., :2] = 24 + 3 * (tracks.where[..., :2] - 24)
    sum(motion_loss(transition, tracks, rng)).backward()
    idle = [n for n, p in transition.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


def test_nobody_tells_itself_anything() -> None:
    law = PairwiseRelation(SIDE, 8)
    xy, log_side = torch.tensor([[[20.0, 24.0]]]), torch.full((1, 1, 1), SIDE)
    force, message = law(xy, log_side, torch.ones(1, 1, 2), torch.ones(1, 1))
    assert not force.any()
    assert not message.any()


def test_slots_that_teach_nothing_cost_nothing(rng: torch.Generator) -> None:
    transition, tracks = _make("rnn", "none"), _tracks()
    clean = motion_loss(transition, tracks, torch.Generator().manual_seed(0))
    tracks.where[:, :2, 1, :2] = 1e3
    tracks.where[:, 11:, 1, :2] = -1e3
    spoiled = motion_loss(transition, tracks, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(clean, spoiled, strict=True))
    nothing = Tracks(tracks.where, tracks.camera, tracks.present, torch.full_like(tracks.run, -1))
    assert fit_motion(transition, nothing, 1, rng) == {"num_tracks": 0.0}


def test_what_a_moving_camera_shows_costs_what_a_still_one_shows(rng: torch.Generator) -> None:
    transition, tracks = _make("constant_velocity", "none"), _tracks()
    tracks.camera[:, 1:] = 3 * torch.randn(6, 11, 2, generator=rng)
    seen = tracks.where.clone()
    seen[..., :2] -= tracks.camera.cumsum(1)[:, :, None]
    panned = Tracks(seen, tracks.camera, tracks.present, tracks.run)
    still = Tracks(tracks.where, torch.zeros(6, 12, 2), tracks.present, tracks.run)
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
    tracks = Tracks(where, torch.zeros(8, 16, 2), present, torch.zeros(8, 16, 2).long())
    law = Damped()
    fit_motion(law, tracks, 60, rng, learning_rate=0.02, batch=8)
    assert law.kept > 0.7


@pytest.mark.parametrize("where_dim", [3, 4])
def test_mirrored_scenes_keep_their_distances(where_dim: int, rng: torch.Generator) -> None:
    tracks = _tracks(where_dim)
    mirrored = mirror(tracks, torch.tensor([24.0, 24.0]), rng)
    xy, other = tracks.where[..., :2], mirrored.where[..., :2]
    assert not torch.allclose(xy, other)
    apart = [(a[:, :, 0] - a[:, :, 1]).norm(dim=-1) for a in (xy, other)]
    assert torch.allclose(*apart, atol=1e-4)
    assert torch.allclose((xy - 24).norm(dim=-1), (other - 24).norm(dim=-1), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "relation"), [("gru", "none"), ("rnn", "all"), ("constant_velocity", "pairwise")]
)
def test_unknown_names_are_named(name: str, relation: str) -> None:
    with pytest.raises(ValueError, match="choose"):
        _make(name, relation)
