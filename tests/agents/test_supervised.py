"""Supervision: what it is told, what it leaves out, exact repetition, and that it learns."""

import copy
import dataclasses
import functools
from typing import Any

import pytest
import torch

from agents.hart.objective import HARTObjective
from agents.hart.policy import HART
from agents.learning.supervision import reflect, rescue
from agents.ppo import PPO
from agents.supervised import Supervised
from dyna.loop.rollout import rollout
from envs import digits
from envs.tracking import Tracking
from envs.trajectory import Labels, Trajectory
from tests.scenes import MovingPatch

SHAPE = (1, 48, 48)
BRIEF: dict[str, Any] = {"epochs": [(None, 1)], "minibatch": [(None, 3)]}


def make(seed: int = 0, policy: dict[str, Any] | None = None, **options: Any) -> Supervised:
    objective = options.pop("objective", HARTObjective())
    network = functools.partial(HART, **{"size_pace": 1.0, **(policy or {})})
    parts = {"policy": network, "objective": objective}
    return Supervised(SHAPE, seed=seed, **parts, **{**BRIEF, **options})


def explore(agent: Supervised, seed: int = 1, horizon: int = 4, **scene: Any) -> Trajectory:
    env = Tracking(MovingPatch(**scene), batch_size=6, horizon=horizon, seed=seed)
    trajectory = rollout(env, agent)
    assert trajectory.truth is not None
    return dataclasses.replace(trajectory, truth=None, labels=trajectory.truth.labels)


def parameters(agent: Supervised) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(agent.policy.parameters())


def test_labels_are_the_targets_boxes() -> None:
    env = Tracking(MovingPatch(hidden=(2,)), batch_size=3, horizon=4, seed=0)
    trajectory = rollout(env, make())
    truth = trajectory.truth
    assert truth is not None
    labels = truth.labels
    assert torch.equal(labels.box, truth.box[:, :, 0])
    assert labels.visible[0].tolist() == [1, 1, 0, 1]
    gone = dataclasses.replace(truth, id=torch.full_like(truth.id, -1)).labels
    assert gone.box.isnan().all()
    empty = dataclasses.replace(truth, box=torch.zeros_like(truth.box)).labels
    assert empty.box.isnan().all()
    assert not gone.visible.any()


def test_without_labels_nothing_is_learned() -> None:
    agent = make()
    before = parameters(agent)
    assert agent.update(dataclasses.replace(explore(agent), labels=None), 0.1) == {}
    assert torch.equal(parameters(agent), before)


def test_rewards_and_boxes_of_a_missing_target_teach_nothing() -> None:
    agents = [make(), make()]
    for agent, spoil in zip(agents, (False, True), strict=True):
        trajectory = explore(agent)
        labels = trajectory.labels
        assert labels is not None
        labels.box[:, 2] = torch.nan
        if spoil:
            labels.visible[:, 2] = 0.9
            trajectory.reward.fill_(torch.nan)
        agent.update(trajectory, 0.5)
    assert torch.equal(parameters(agents[0]), parameters(agents[1]))
    assert parameters(agents[0]).isfinite().all()


@torch.no_grad()
def test_hidden_steps_count_as_much_as_they_should() -> None:
    agent = make()
    episodes = agent._labelled(explore(agent, hidden=(1, 2, 3)))
    apart = {
        hidden: HARTObjective(hidden=hidden).losses(agent.policy, episodes)["tracking"]
        for hidden in (0.0, 1.0)
    }
    first = dataclasses.replace(episodes, known=episodes.visible)
    expected = HARTObjective().losses(agent.policy, first)["tracking"]
    torch.testing.assert_close(apart[0.0], expected)
    assert float(apart[1.0]) > float(expected)


def test_the_window_is_judged_only_if_it_can_learn() -> None:
    for policy, judged in (({}, False), ({"learn_scale": True}, True)):
        agent = make(policy=policy)
        assert ("agent/spatial_loss" in agent.update(explore(agent), 0.0)) == judged


@pytest.mark.parametrize(
    "policy", [{}, {"attention_update": True}, {"appearance": False}, {"zoneout": 0.1}], ids=str
)
def test_the_same_seed_learns_the_same_and_another_does_not(policy: dict[str, Any]) -> None:
    def learn(seed: int) -> torch.Tensor:
        agent = make(seed, policy)
        agent.update(explore(agent), 0.5)
        return parameters(agent)

    state = torch.get_rng_state()
    assert torch.equal(learn(0), learn(0))
    assert not torch.equal(learn(0), learn(1))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_restored_agent_goes_on_bit_for_bit(optimizer: str) -> None:
    agent, other = make(0, optimizer=optimizer), make(7, optimizer=optimizer)
    agent.update(explore(agent), 0.3)
    saved = agent.state_dict()
    kept = copy.deepcopy(saved)
    first = explore(agent, seed=2)
    agent.update(first, 0.6)
    other.load_state_dict(saved)
    assert torch.equal(saved["rng"], kept["rng"])
    second = explore(other, seed=2)
    other.update(second, 0.6)
    assert torch.equal(first.action, second.action)
    assert torch.equal(parameters(agent), parameters(other))
    assert torch.equal(agent.weights.root, other.weights.root)


def test_reflected_boxes_are_boxes_of_the_reflected_world() -> None:
    box = torch.tensor([0.2, 0.3, 0.1, 0.4])
    assert reflect(box, True, False).tolist() == pytest.approx([0.8, 0.3, 0.1, 0.4])
    assert reflect(box, False, True).tolist() == pytest.approx([0.2, 0.7, 0.1, 0.4])


def test_a_policy_goes_from_supervision_to_ppo_and_back() -> None:
    taught = make(seed=1)
    taught.update(explore(taught), 0.5)
    rewarded = PPO(SHAPE, policy=HART, seed=2)
    rewarded.inherit(taught.state_dict())
    obs = Tracking(MovingPatch(), batch_size=2, horizon=3, seed=0).reset()
    expected = taught.act(obs, taught.initial(obs))[0]
    assert torch.equal(rewarded.act(obs, rewarded.initial(obs))[0], expected)
    back = make(seed=3)
    back.inherit(rewarded.state_dict())
    assert torch.equal(back.act(obs, back.initial(obs))[0], expected)
    with pytest.raises(ValueError, match="does not fit"):
        make(policy={"memory": 20}).inherit(taught.state_dict())
    with pytest.raises(ValueError, match="no policy"):
        make().inherit({})


def test_a_label_that_is_no_number_is_refused_and_nothing_is_learned() -> None:
    agent = make()
    trajectory = explore(agent)
    assert trajectory.labels is not None
    labels = Labels(trajectory.labels.box.clone(), trajectory.labels.visible)
    labels.box[0, 0, 2:] = -1.0
    before = parameters(agent)
    with pytest.raises(ValueError, match=r"labels.*positive"):
        agent.update(dataclasses.replace(trajectory, labels=labels), 0.5)
    assert torch.equal(parameters(agent), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer.*sgd"),
        ({"minibatch": [(None, 0)]}, "minibatch.*0"),
        ({"std": (0.0, 1.0)}, "std"),
    ],
)
def test_bad_settings_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_a_negative_weight_is_named() -> None:
    with pytest.raises(ValueError, match=r"hidden.*-1"):
        HARTObjective(hidden=-1.0)


def test_it_learns_to_track() -> None:
    """640 frames of plain digits: clearly better than at the start."""
    agent = make(epochs=[(None, 4)], minibatch=[(None, 8)])
    env = digits.make(tier="plain", batch_size=32, seed=0)

    def score() -> float:
        held_out = digits.make(tier="plain", split="test", batch_size=64, horizon=5, seed=3)
        return float(rollout(held_out, agent, explore=False).reward[:, 1:].mean())

    before = score()
    for turn in range(4):
        trajectory = rollout(env, agent, 5)
        assert trajectory.truth is not None
        labelled = dataclasses.replace(trajectory, truth=None, labels=trajectory.truth.labels)
        agent.update(labelled, turn / 4)
    assert score() > before + 0.1


def test_who_has_lost_the_target_is_put_back_once() -> None:
    target = torch.tensor([0.5, 0.5, 0.2, 0.2]).expand(2, 6, 4)
    own = target.clone()
    own[0, 1:4, 0] = 0.9  # out of touch for three steps, then back by itself
    own[1, 1:3, 0] = 0.9  # for two
    drawn = target + 0.01
    boxes = rescue(own, target, drawn, after=3)
    assert torch.equal(boxes[0, :4], own[0, :4])
    assert torch.equal(boxes[0, 4:], drawn[0, 4:])
    assert torch.equal(boxes[1], own[1])
    assert torch.equal(rescue(own[:, :3], target[:, :3], drawn[:, :3], after=3), own[:, :3])


def test_the_teacher_is_where_the_target_was_a_step_before() -> None:
    agent = make(rescue_after=1)
    trajectory = explore(agent)
    assert trajectory.labels is not None
    agent.std = 1e-9
    camera = torch.tensor([0.01, -0.02]).expand(6, 4, 2)
    near = agent._near(trajectory.labels.box, camera)
    torch.testing.assert_close(near[:, 0], trajectory.labels.box[:, 0])
    before = trajectory.labels.box[:, :-1] - torch.tensor([0.01, -0.02, 0.0, 0.0])
    torch.testing.assert_close(near[:, 1:], before)
