"""The only place where an agent meets an env, real or imagined."""

import torch

from agents.base import Agent
from envs.tracking import Tracking
from envs.trajectory import Trajectory, Truth


@torch.no_grad()
def rollout(
    env: Tracking, agent: Agent, horizon: int | None = None, explore: bool = True
) -> Trajectory:
    """Lets the agent act for ``horizon`` frames (default: the task's) in new episodes.

    Returns:
        The episodes, with what the scene knows of its objects in ``truth``. Whoever learns from
        them gets ``trajectory.without_truth()`` or leaves it alone; a test holds that.
    """
    horizon = min(horizon or env.horizon, env.horizon)
    agent.prepare(env)
    obs = env.reset()
    state = agent.initial(obs)
    views, observations, steps, actions, extras = [], [obs], [], [], []
    for _ in range(horizon):
        views.append(env.view)
        action, state, extra = agent.act(obs, state, explore)
        step = env.step(action)
        obs = step.obs
        observations.append(obs)
        steps.append(step)
        actions.append(action)
        extras.append(extra)
    return Trajectory(
        frame=torch.stack([o.frame for o in observations[:-1]], 1),
        box=torch.stack([o.box for o in observations], 1),
        action=torch.stack(actions, 1),
        reward=torch.stack([s.reward for s in steps], 1),
        camera=torch.stack([s.camera for s in steps], 1),
        extras={name: torch.stack([e[name] for e in extras], 1) for name in extras[0]},
        truth=Truth(
            target=env.target,
            box=torch.stack([v.box for v in views], 1),
            visible=torch.stack([v.visible for v in views], 1),
            id=torch.stack([v.id for v in views], 1),
        ),
    )
