"""What an agent attends to while it tracks, for whoever shows or measures it."""

import dataclasses
from typing import Any

import torch

from agents.base import Agent
from envs.trajectory import Observation, Trajectory


def inspect(agent: Agent, obs: Observation, state: Any) -> Any | None:
    """What the agent's policy attends to (``agents.hart.Inspection``); None if it cannot say.

    The location map is left out unless a loss has taught it where the target is. Rewards alone
    leave it free to mean anything: PPO's HART often darkens the target.
    """
    look = getattr(getattr(agent, "policy", None), "inspect", None)
    if look is None:
        return None
    seen = look(obs, state)
    losses = getattr(getattr(agent, "objective", None), "names", ())
    return seen if "appearance" in losses else dataclasses.replace(seen, location=None)


@torch.no_grad()
def replay(agent: Agent, episodes: Trajectory) -> list[Any] | None:
    """What the agent attended to at each step of its episodes (it did not explore in them).

    Returns:
        An inspection of all episodes for every step; None if the agent cannot say.
    """
    found = []
    obs = Observation(episodes.frame[:, 0], episodes.box[:, 0])
    state = agent.initial(obs)
    for t in range(episodes.horizon):
        obs = Observation(episodes.frame[:, t], episodes.box[:, t])
        seen = inspect(agent, obs, state)
        if seen is None:
            return None
        found.append(seen)
        _, state, _ = agent.act(obs, state)
    return found
