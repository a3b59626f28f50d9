"""Real frames, labelled by AIR: they are the real ones, and labels stay with whom they were of."""

import copy

import pytest
import torch

from agents.last_box import LastBox
from dyna.loop.rollout import rollout
from envs.digits import make
from envs.trajectory import Trajectory
from tests.usual import USUAL
from world_models.air.model import STAGES
from world_models.air.relabel import Relabel
from world_models.replayed import Labelled

TINY = {f"{stage}_steps": 2 for stage in STAGES} | {"static_steps": 80}
HORIZON = 6


@pytest.fixture(scope="module")
def real() -> Trajectory:
    env = make(batch_size=24, seed=0, horizon=HORIZON)
    return rollout(env, LastBox(frame_shape=env.scene.frame_shape)).without_truth()


@pytest.fixture(scope="module")
def model(real: Trajectory) -> Relabel:
    model = Relabel((1, 48, 48), **USUAL, **TINY)
    model.fit(real, torch.Generator().manual_seed(0))
    return model


def test_dreams_are_real_episodes_to_and_fro(
    model: Relabel, real: Trajectory, rng: torch.Generator
) -> None:
    state = model.start(64, rng)
    for _ in range(2 * HORIZON):
        view, last = model.decode(state), state.time
        assert torch.equal(view.frame, real.frame[state.episode, state.time])
        state = model.prior(state, rng)
        assert ((state.time - last).abs() == 1).all()
        assert state.time.min() >= 0
        assert state.time.max() < HORIZON


def test_every_dream_shows_something_to_follow_at_first(
    model: Relabel, rng: torch.Generator
) -> None:
    view = model.decode(model.start(256, rng))
    assert ((view.visible > 0.5) & (view.id >= 0)).any(-1).all()


def test_a_slot_that_somebody_else_has_later_is_empty(rng: torch.Generator) -> None:
    model = Relabel((1, 8, 8))
    identity = torch.tensor([[[3, 4], [3, 5], [-1, 5]]])
    frame = torch.zeros(1, 3, 1, 8, 8, dtype=torch.uint8)
    start = torch.zeros(1, dtype=torch.long)
    seen = (torch.rand(1, 3, 2, 4), torch.ones(1, 3, 2), identity, start, start)
    model.seen = Labelled(frame, *seen)
    state = model.start(1, rng)
    state = state._replace(sense=torch.ones_like(state.sense))
    told = []
    for _ in range(3):
        view = model.decode(state)
        told.append((view.id[0].tolist(), view.visible[0].tolist()))
        state = model.prior(state, rng)
    assert told == [([0, 1], [1, 1]), ([0, -1], [1, 0]), ([-1, -1], [0, 0])]


def test_it_comes_back_as_it_was_saved(model: Relabel) -> None:
    other = Relabel((1, 48, 48), **USUAL, **TINY)
    with pytest.raises(RuntimeError, match="call fit"):
        other.start(1, torch.Generator())
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    one, same = (torch.Generator().manual_seed(3) for _ in range(2))
    a, b = model.decode(model.start(8, one)), other.decode(other.start(8, same))
    for name in ("frame", "box", "visible", "id"):
        assert torch.equal(getattr(a, name), getattr(b, name))
