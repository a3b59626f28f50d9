"""RATM: predicts before it sees, reads the truth nowhere, learns by its features."""

import dataclasses

import pytest
import torch

from agents.ratm import RATM, RATMObjective
from agents.supervised import Supervised
from dyna.loop.rollout import rollout
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from tests.scenes import MovingPatch

SHAPE = (1, 48, 48)


def make(box: float = 0.0) -> Supervised:
    objective = RATMObjective(box=box)
    return Supervised(SHAPE, policy=RATM, objective=objective, minibatch=[(None, 3)])


def explore(agent: Supervised, horizon: int = 4) -> Trajectory:
    env = Tracking(MovingPatch(), batch_size=6, horizon=horizon, seed=1)
    trajectory = rollout(env, agent)
    assert trajectory.truth is not None
    return dataclasses.replace(trajectory, truth=None, labels=trajectory.truth.labels)


@torch.no_grad()
def test_unrolled_it_says_what_it_says_step_by_step() -> None:
    policy = RATM(SHAPE)
    torch.nn.init.uniform_(policy.update.weight, -0.05, 0.05)
    trajectory = explore(make())
    frame, box = trajectory.frame, trajectory.box[:, :-1]
    sights = [policy.prepare(frame[:, t, None], box[:, t, None]) for t in range(4)]
    state = policy.initial(sights[0])
    means = []
    for sight in sights:
        decision, state = policy.step(sight, state)
        means.append(decision.mean)
    unrolled = policy.unroll(policy.prepare(frame, box)).mean
    torch.testing.assert_close(unrolled, torch.stack(means, 1), atol=1e-5, rtol=0)
    assert unrolled[:, 1:].any()


@torch.no_grad()
def test_the_box_of_a_frame_does_not_depend_on_that_frame() -> None:
    policy = RATM(SHAPE)
    torch.nn.init.uniform_(policy.update.weight, -0.05, 0.05)
    trajectory = explore(make())
    sight = policy.prepare(trajectory.frame, trajectory.box[:, :-1])
    other = dict(sight, frame=sight["frame"].clone())
    other["frame"][:, 2] = 255 - other["frame"][:, 2]
    before, after = policy.windows(sight), policy.windows(other)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])


def test_the_first_window_is_the_first_box_enlarged() -> None:
    policy = RATM(SHAPE)
    box = torch.tensor([[[0.4, 0.5, 0.2, 0.3]]])
    state = policy.initial({"box": box})
    assert state.window[0].tolist() == pytest.approx([0.4, 0.5, 0.3, 0.45, 1.0, 1.0])
    torch.testing.assert_close(policy.extent(state.window), box[0])


def test_at_the_true_window_there_is_nothing_to_learn() -> None:
    agent = make()
    episodes = agent._labelled(explore(agent, horizon=1))
    losses = agent.objective.losses(agent.policy, episodes)
    assert losses["features"].item() == pytest.approx(0, abs=1e-6)
    away = dataclasses.replace(
        episodes, target=episodes.target + torch.tensor([0.1, 0.0, 0.0, 0.0])
    )
    assert agent.objective.losses(agent.policy, away)["features"].item() > 1e-3


def test_the_frozen_features_stay_and_the_others_learn() -> None:
    agent = make(box=1.0)
    trajectory = explore(agent)
    before = {k: v.clone() for k, v in agent.policy.state_dict().items()}
    for _ in range(2):  # the first step moves the read-out alone, so to say
        metrics = agent.update(trajectory, 0.0)
    assert {"agent/features_loss", "agent/box_loss"} <= metrics.keys()
    for name, x in agent.policy.state_dict().items():
        assert torch.equal(x, before[name]) == name.startswith("frozen"), name


def test_a_negative_weight_is_named() -> None:
    with pytest.raises(ValueError, match=r"box.*-1"):
        RATMObjective(box=-1.0)
