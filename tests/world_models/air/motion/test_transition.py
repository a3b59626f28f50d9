"""The family of transitions: one interface, filtered velocities, objects that push each other."""

import pytest
import torch
from torch import Tensor

from world_models.air.motion.relation import PairwiseRelation
from world_models.air.motion.transition import Transition
from world_models.air.motion.transitions import TRANSITIONS, make_transition
from world_models.blocks import kalman

FAMILY = [(name, "none") for name in TRANSITIONS] + [
    ("rnn", "pairwise"),
    ("kalman", "pairwise"),
    ("linear", "pairwise"),
]
SIDE = 2.9


def make(name: str, relation: str, where_dim: int = 3) -> Transition:
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
    transition = make(name, relation, where_dim)
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
    transition = make(name, relation)
    for slots in (1, 5):
        where, velocity, present = _scene(slots)
        present[0, slots - 1] = 0
        order = torch.randperm(slots)
        ahead = _roll(transition, where, velocity, present)
        shuffled = _roll(transition, where[:, order], velocity[:, order], present[:, order])
        assert torch.allclose(ahead[:, order], shuffled, atol=1e-4)


@pytest.mark.parametrize(("name", "relation"), FAMILY)
def test_an_empty_slot_changes_nothing(name: str, relation: str) -> None:
    transition = make(name, relation)
    where, velocity, present = _scene(4)
    present[:, 3] = 0
    alone = _roll(transition, where[:, :3], velocity[:, :3], present[:, :3])
    assert torch.allclose(_roll(transition, where, velocity, present)[:, :3], alone, atol=1e-4)


def test_only_related_objects_notice_each_other() -> None:
    where = torch.tensor([[[18.0, 24.0, SIDE], [26.0, 24.0, SIDE]]])
    velocity = torch.tensor([[[2.0, 0.0], [-2.0, 0.0]]])
    for relation in ("none", "pairwise"):
        transition = make("rnn", relation)
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
        transition = make(name, relation)
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
    transition = make(name, relation)
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
    transition = make("rnn", "none")
    where, velocity, present = _scene(3)
    for extreme in (-100.0, 100.0):
        transition.head[-1].bias.data[3:] = extreme
        scale = transition(where, velocity, transition.initial((5, 3)), present)[0].scale
        assert 1e-3 < scale.min() < scale.max() + 1e-6 < 20


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


def test_nobody_tells_itself_anything() -> None:
    law = PairwiseRelation(SIDE, 8)
    xy, log_side = torch.tensor([[[20.0, 24.0]]]), torch.full((1, 1, 1), SIDE)
    force, message = law(xy, log_side, torch.ones(1, 1, 2), torch.ones(1, 1))
    assert not force.any()
    assert not message.any()


def test_sparse_relations_are_heard_by_those_that_touch_alone() -> None:
    dense, sparse = PairwiseRelation(SIDE, 8), PairwiseRelation(SIDE, 8, sparse=True)
    sparse.load_state_dict(dense.state_dict())
    log_side, present = torch.full((1, 3, 1), SIDE), torch.ones(1, 3)
    xy = torch.tensor([[[20.0, 24.0], [23.0, 24.0], [44.0, 4.0]]])
    velocity = torch.tensor([[[2.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]])
    (push, told), (same, heard) = (
        law(xy, log_side, velocity, present, exact=True) for law in (dense, sparse)
    )
    assert torch.equal(push, same)
    assert told[0, 2].any(), "it hears of those far away"
    assert not heard[0, 2].any()
    assert heard[0, 0].any()


@pytest.mark.parametrize(
    ("name", "relation"), [("gru", "none"), ("rnn", "all"), ("constant_velocity", "pairwise")]
)
def test_unknown_names_are_named(name: str, relation: str) -> None:
    with pytest.raises(ValueError, match="choose"):
        make(name, relation)
