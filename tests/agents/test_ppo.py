"""PPO: exact repetition, schedules, what it refuses, and that it learns to track."""

import copy
import dataclasses
from typing import Any

import pytest
import torch

from agents.base import Agent
from agents.hart.policy import HART
from agents.last_box import LastBox
from agents.learning.schedule import stage
from agents.ppo import PPO, log_prob
from dyna.loop.rollout import rollout
from envs import digits
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from tests.scenes import MovingPatch

SHAPE = (1, 48, 48)


def make(seed: int = 0, **options: Any) -> PPO:
    return PPO(SHAPE, policy=HART, seed=seed, **options)


def explore(agent: PPO, seed: int = 1, horizon: int = 4) -> Trajectory:
    return rollout(Tracking(MovingPatch(), batch_size=6, horizon=horizon, seed=seed), agent)


def test_a_gaussian_integrates_to_one() -> None:
    grid = torch.linspace(-1.2, 1.6, 29)
    action = torch.cartesian_prod(grid, grid, grid, grid)
    density = log_prob(action, torch.full_like(action, 0.2), 0.25).exp()
    assert float(density.sum() * 0.1**4) == pytest.approx(1, abs=1e-3)


def test_before_the_first_step_nothing_has_changed() -> None:
    agent = make(mirror=False, epochs=[(None, 1)], minibatch=[(None, 6)])
    metrics = agent.update(explore(agent), 0.1)
    assert metrics["agent/kl"] == pytest.approx(0, abs=1e-6)
    assert metrics["agent/clip_fraction"] == 0
    assert metrics["agent/grad_norm"] > 0


def test_densities_of_acting_are_those_of_learning() -> None:
    agent = make()
    trajectory = explore(agent)
    decision = agent.policy.unroll(agent.policy.prepare(trajectory.frame, trajectory.box[:, :-1]))
    again = log_prob(trajectory.action, decision.mean, agent.std)
    torch.testing.assert_close(again, trajectory.extras["log_prob"], atol=1e-5, rtol=0)
    torch.testing.assert_close(decision.value, trajectory.extras["value"], atol=1e-5, rtol=0)


def test_the_same_seed_learns_the_same_and_another_does_not() -> None:
    def learn(seed: int) -> torch.Tensor:
        agent = make(seed)
        agent.update(explore(agent), 0.5)
        return torch.nn.utils.parameters_to_vector(agent.policy.parameters())

    assert torch.equal(learn(0), learn(0))
    assert not torch.equal(learn(0), learn(1))


def test_every_reflection_takes_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    agent, seen = make(epochs=[(None, 4)], minibatch=[(None, 6)]), []
    reflect = agent.policy.reflect
    monkeypatch.setattr(
        agent.policy, "reflect", lambda sight, *how: seen.append(how) or reflect(sight, *how)
    )
    agent.update(explore(agent), 0.5)
    assert len(set(seen)) == 4


def test_making_an_agent_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    agent = make()
    agent.update(explore(agent), 0.5)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_restored_agent_goes_on_bit_for_bit() -> None:
    agent, other = make(0), make(7)
    agent.update(explore(agent), 0.3)
    saved = agent.state_dict()
    kept = copy.deepcopy(saved)
    first = explore(agent, seed=2)
    agent.update(first, 0.6)
    other.load_state_dict(saved)
    assert torch.equal(saved["rng"], kept["rng"])  # a saved state does not go on living
    second = explore(other, seed=2)
    other.update(second, 0.6)
    assert torch.equal(first.action, second.action)
    for a, b in zip(agent.policy.parameters(), other.policy.parameters(), strict=True):
        assert torch.equal(a, b)
    assert agent.std == other.std


def test_without_exploring_it_does_what_it_means() -> None:
    agent = make()
    obs = Tracking(MovingPatch(), batch_size=2, horizon=3, seed=0).reset()
    state = agent.initial(obs)
    assert torch.equal(agent.act(obs, state)[0], agent.act(obs, state)[0])
    assert not torch.equal(agent.act(obs, state, True)[0], agent.act(obs, state, True)[0])


def test_a_reward_that_is_no_number_is_refused_and_nothing_is_learned() -> None:
    agent = make()
    trajectory = explore(agent)
    trajectory.reward[0, 0] = float("nan")
    before = copy.deepcopy(agent.policy.state_dict())
    with pytest.raises(FloatingPointError, match="gradient step 0"):
        agent.update(trajectory, 0.5)
    for name, x in agent.policy.state_dict().items():
        assert torch.equal(x, before[name]), name


def test_schedules() -> None:
    agent = make(epochs=[(None, 1)], std_frames=0)
    assert [agent.horizon(n) for n in (0, 2499, 2500, 4999, 5000, 10**6)] == [
        5,
        5,
        10,
        10,
        None,
        None,
    ]
    assert stage([(10, 1), (20, 2)], 500) == 2
    spreads = [agent.std]
    for progress in (1 / 3, 2 / 3, 1.0):
        metrics = agent.update(explore(agent, horizon=2), progress)
        spreads.append(agent.std)
    assert spreads == pytest.approx([0.25, (0.25 * 0.075) ** 0.5, 0.075, 0.075], rel=1e-2)
    assert metrics["agent/lr"] == pytest.approx(0.03 * 1.5e-3)
    slow = make(epochs=[(None, 1)], std_frames=48)
    slow.update(explore(slow), 1.0)  # 24 of 48 frames
    assert slow.std == pytest.approx((0.25 * 0.075) ** 0.5, rel=1e-2)


def test_with_a_discount_the_last_value_goes_on() -> None:
    agent = make(gamma=0.5)
    trajectory = explore(agent)
    advantage = agent._advantage(trajectory)
    value = trajectory.extras["value"]
    longer = torch.cat([trajectory.frame, trajectory.frame[:, -1:]], 1)
    with torch.no_grad():
        last = agent.policy.unroll(agent.policy.prepare(longer, trajectory.box)).value[:, -1]
    expected = trajectory.reward[:, -1] + 0.5 * last - value[:, -1]
    torch.testing.assert_close(advantage[:, -1], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 1.5}, "gamma.*1.5"),
        ({"minibatch": [(None, 0)]}, "minibatch.*0"),
        ({"std": (0.0, 1.0)}, "std"),
    ],
)
def test_bad_settings_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_it_learns_to_track() -> None:
    """480 frames of plain digits: clearly better than holding the first box."""
    agent = make()
    env = digits.make(tier="plain", batch_size=16, seed=0)
    frames = 0
    while frames < 480:
        trajectory = rollout(env, agent, agent.horizon(frames))
        frames += trajectory.num_frames
        agent.update(dataclasses.replace(trajectory, truth=None), frames / 480)

    def score(who: Agent) -> float:
        held_out = digits.make(tier="plain", split="test", batch_size=64, horizon=10, seed=3)
        return float(rollout(held_out, who, explore=False).reward[:, 1:].mean())

    assert score(agent) > score(LastBox(SHAPE)) + 0.04
