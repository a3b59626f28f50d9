"""Seeds, replay, imagination: the small parts of the loop."""

import warnings

import pytest
import torch

from agents.last_box import LastBox
from agents.random_actions import RandomActions
from dyna.loop import seeding
from dyna.loop.imagination import Imagination
from dyna.loop.replay import Replay
from dyna.loop.rollout import rollout
from envs.digits import make
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from tests.scenes import MovingPatch
from world_models.oracle import Oracle
from world_models.rigid import Rigid


def episodes(number: int, horizon: int = 4, seed: int = 0) -> Trajectory:
    env = Tracking(MovingPatch(), number, horizon, seed=seed)
    return rollout(env, LastBox(env.scene.frame_shape))


def test_each_name_has_its_own_seed() -> None:
    seeds = {seeding.child(s, n) for s in range(5) for n in ("env/train", "agent", "imagination")}
    assert len(seeds) == 15
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seeding.child(3, "agent") == seeding.child(3, "agent")


def test_initialisation_is_seeded_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    weights = []
    for _ in range(2):
        with seeding.initialised(1, "x"):
            weights.append(torch.nn.Linear(3, 3).weight)
    assert torch.equal(*weights)
    assert torch.equal(torch.get_rng_state(), before)


def test_replay_keeps_episodes_in_order_without_truth() -> None:
    replay = Replay(horizon=4)
    first, second = episodes(2, seed=1), episodes(3, seed=2)
    replay.add(first)
    replay.add(second)
    assert len(replay) == 20
    assert torch.equal(replay.all().frame, torch.cat([first.frame, second.frame]))
    assert replay.all().truth is None
    assert not replay.all().extras


def test_replay_drops_the_oldest_beyond_its_capacity_and_says_so_once() -> None:
    replay = Replay(horizon=4, capacity=12)
    parts = [episodes(2, seed=i) for i in range(4)]
    replay.add(parts[0])
    with pytest.warns(UserWarning, match="raise replay_capacity"):
        replay.add(parts[1])
    for part in parts[2:]:  # warnings are errors here: there must be no other
        replay.add(part)
    assert torch.equal(replay.all().frame, torch.cat([p.frame for p in parts])[-3:])


def test_replay_leaves_short_episodes_out() -> None:
    replay = Replay(horizon=4)
    replay.add(episodes(2, horizon=3))
    assert (len(replay), replay.skipped) == (0, 2)
    with pytest.raises(ValueError, match="raise real_frames"):
        replay.all()
    with pytest.raises(ValueError, match="replay_capacity=3"):
        Replay(horizon=4, capacity=3)


def test_replay_comes_back() -> None:
    replay, other = Replay(horizon=4), Replay(horizon=4)
    other.load_state_dict(replay.state_dict())
    assert len(other) == 0
    replay.add(episodes(2))
    other.load_state_dict(replay.state_dict())
    for a, b in zip(vars(replay.all()).values(), vars(other.all()).values(), strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_the_oracle_dreams_what_the_simulator_shows() -> None:
    model = Oracle((1, 48, 48), scene=MovingPatch())
    real = Tracking(MovingPatch(), 3, 5, seed=7)
    dream = Tracking(Imagination(model), 3, 5, seed=7)
    agent = LastBox((1, 48, 48))
    a, b = rollout(real, agent), rollout(dream, agent)
    assert torch.equal(a.frame, b.frame)
    assert torch.equal(a.reward, b.reward)


def test_what_the_agent_does_moves_the_view_of_a_dream_as_it_moves_the_real_one() -> None:
    real, scene = (make(tier="active", batch_size=3, horizon=5, seed=7) for _ in range(2))
    model = Oracle(real.scene.frame_shape, scene=scene.scene)
    dream = Tracking(
        Imagination(model), 3, 5, real.action_scale, camera_speed=real.camera_speed, seed=7
    )
    a, b = (rollout(env, RandomActions(real.scene.frame_shape)) for env in (real, dream))
    assert a.camera.abs().max() > 0
    assert torch.equal(a.camera, b.camera)
    assert torch.equal(a.frame, b.frame)


def test_rewards_in_imagination_come_from_the_imagined_boxes(rng: torch.Generator) -> None:
    model = Rigid((1, 48, 48))
    model.fit(episodes(4).without_truth(), rng)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dreams = rollout(Tracking(Imagination(model), 8, 6), LastBox((1, 48, 48)))
    assert dreams.reward[:, 0].allclose(torch.ones(8), atol=1e-4)
    assert (dreams.reward[:, -1] < 0.9).all()
