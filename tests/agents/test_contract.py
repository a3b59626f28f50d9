"""What every agent of conf/agent/ must keep, the learned and the hand-written alike."""

import hydra
import pytest
import torch

from agents.base import Agent
from dyna.loop.rollout import rollout
from dyna.running.build import make
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from tests.conftest import agents
from tests.scenes import MovingPatch

pytestmark = pytest.mark.parametrize("name", agents())


def build(name: str, channels: int = 1, seed: int = 0) -> Agent:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        config = hydra.compose(overrides=[f"+agent={name}"]).agent
    return make(config, frame_shape=(channels, 48, 48), seed=seed, device="cpu")


def run(agent: Agent, explore: bool = False, blind: bool = False, channels: int = 1) -> Trajectory:
    env = Tracking(MovingPatch(blind=blind, channels=channels), batch_size=2, horizon=4, seed=1)
    return rollout(env, agent, explore=explore)


@pytest.mark.parametrize("channels", [1, 3])
def test_actions_are_in_range_and_extras_per_episode(name: str, channels: int) -> None:
    trajectory = run(build(name, channels), explore=True, channels=channels)
    assert trajectory.action.shape == (2, 4, 4)
    assert trajectory.action.isfinite().all()
    assert trajectory.box.isfinite().all()
    assert all(extra.shape[:2] == (2, 4) for extra in trajectory.extras.values())
    if not trajectory.extras:  # an agent that does not explore keeps to the range by itself
        assert trajectory.action.abs().max() <= 1.0


def test_the_same_seed_does_the_same(name: str) -> None:
    assert torch.equal(run(build(name)).action, run(build(name)).action)


def test_the_state_is_all_that_it_remembers(name: str) -> None:
    agent, other = build(name, seed=0), build(name, seed=0)
    run(agent, explore=True)
    other.load_state_dict(agent.state_dict())
    assert torch.equal(run(agent, explore=True).action, run(other, explore=True).action)


def test_nobody_but_the_oracle_reads_the_truth(name: str) -> None:
    agent, blind = build(name), build(name)
    if agent.privileged:
        assert name == "oracle"
        return
    assert torch.equal(run(agent).action, run(blind, blind=True).action)
    assert agent.env is None
