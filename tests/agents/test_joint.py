"""The joint learner: boxes teach as they teach alone, rewards as PPO does, and both one policy."""

import dataclasses
import functools
from typing import Any

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from agents.hart.objective import HARTObjective
from agents.hart.policy import HART
from agents.joint import Joint
from agents.learning.learner import Learner
from agents.ppo import PPO
from agents.supervised import Supervised
from dyna.loop.loop import Dyna, Schedule
from dyna.loop.replay import Replay
from dyna.loop.rollout import rollout
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from tests.scenes import MovingPatch

SHAPE = (1, 48, 48)
POLICY = functools.partial(HART, size_pace=1.0)
BRIEF: dict[str, Any] = {"policy": POLICY, "minibatch": [(None, 3)]}
REWARDS = functools.partial(PPO, learning_rate=[(None, 1e-3)], epochs=[(None, 2)], policy=None)


def joint(**settings: Any) -> Joint:
    given: dict[str, Any] = {"rewards": REWARDS, **settings}
    return Joint(SHAPE, objective=HARTObjective(), **given, **BRIEF)


def env(seed: int = 1) -> Tracking:
    return Tracking(MovingPatch(), batch_size=6, horizon=4, seed=seed)


def explore(agent: Learner, labelled: bool, seed: int = 1) -> Trajectory:
    trajectory = rollout(env(seed), agent)
    assert trajectory.truth is not None
    labels = trajectory.truth.labels if labelled else None
    return dataclasses.replace(trajectory, truth=None, labels=labels)


def weights(agent: Learner) -> torch.Tensor:
    return parameters_to_vector(agent.policy.parameters()).detach().clone()


@pytest.mark.parametrize("rewards", [REWARDS, None])
def test_boxes_teach_as_they_do_alone(rewards: Any) -> None:
    alone = Supervised(SHAPE, objective=HARTObjective(), **BRIEF)
    agents: list[Learner] = [joint(rewards=rewards), alone]
    for agent in agents:
        for seed in (1, 2):
            agent.update(explore(agent, labelled=True, seed=seed), 0.1 * seed)
    assert torch.equal(*(weights(agent) for agent in agents))
    assert agents[0].std == agents[1].std


def test_rewards_teach_as_ppo_does_until_there_are_boxes() -> None:
    agents: list[Learner] = [joint(), REWARDS(SHAPE, policy=POLICY)]
    before = weights(agents[0])
    for agent in agents:
        for seed in (1, 2):
            agent.update(explore(agent, labelled=False, seed=seed), 0.4 * seed)
    assert torch.equal(*(weights(agent) for agent in agents))
    assert agents[0].std == agents[1].std < PPO.Settings(policy=POLICY).std[0]
    assert [each.horizon(3000) for each in agents] == [10, 10]
    assert not torch.equal(weights(agents[0]), before)


def test_after_boxes_rewards_take_small_steps() -> None:
    agent = joint(reward_rate=[(None, 1e-12)])
    agent.update(explore(agent, labelled=True), 0.1)
    assert agent.horizon(3000) == 5
    before = weights(agent)
    metrics = agent.update(explore(agent, labelled=False), 0.1)
    assert metrics["agent/grad_norm"] > 0
    assert torch.allclose(weights(agent), before, rtol=0, atol=1e-8)


def test_without_rewards_only_boxes_teach() -> None:
    agent = joint(rewards=None)
    before = weights(agent)
    assert not agent.rewarded
    assert agent.update(explore(agent, labelled=False), 0.1) == {}
    assert torch.equal(weights(agent), before)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rewards": 3}, "rewards=3 is no learner: set keys of rewards, or null"),
        ({"reward_rate": "fast"}, "reward_rate must be a positive number"),
        ({"reward_epochs": 1.5}, "reward_epochs must be a whole number above 0"),
    ],
)
def test_what_cannot_teach_is_refused_before_anything_is_learned(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        joint(**settings)


def test_densities_are_those_of_the_actions_that_were_drawn() -> None:
    """PPO must know the spread with which supervision explores now."""
    agent = joint()
    agent.update(explore(agent, labelled=True), 0.5)
    metrics = agent.update(explore(agent, labelled=False), 0.5)
    assert agent.std < 0.2
    # Before its first step the ratio of densities is 1; the mean over few steps stays near.
    assert metrics["agent/kl"] < 0.01
    assert agent.ppo is not None
    assert metrics["agent/std"] == agent.ppo.std == agent.std


def test_a_saved_one_goes_on_as_if_nothing_had_happened() -> None:
    agent, other = joint(), joint()
    agent.update(explore(agent, labelled=True), 0.1)
    agent.update(explore(agent, labelled=False), 0.2)
    other.load_state_dict(agent.state_dict())
    for each in (agent, other):
        each.update(explore(each, labelled=False, seed=2), 0.3)
        each.update(explore(each, labelled=True, seed=3), 0.4)
    assert torch.equal(weights(agent), weights(other))


def test_real_episodes_keep_their_labels_from_it() -> None:
    agent = joint()
    schedule = Schedule(real_frames=48, imagined_frames=0, batch_size=6)
    loop = Dyna(env(), agent, None, None, Replay(4), torch.Generator(), schedule)
    before = weights(agent)
    rows = list(loop.steps())
    assert all("agent/policy_loss" in row and "agent/tracking_loss" not in row for row in rows)
    assert not torch.equal(weights(agent), before)
