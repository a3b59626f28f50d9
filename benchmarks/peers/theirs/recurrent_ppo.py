"""RecurrentPPO of sb3-contrib on our own vector env: collecting and learning, as `learn` does it.

A worker of ``benchmarks.peers.worker``; it runs in the peers' environment.
"""

import sys
import time
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.vec_env import VecEnv

from benchmarks.peers.theirs.serving import serve
from envs.gymnasium.adapters import VectorTrackDigits

CONFIGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "light": {
        "n_epochs": 2,
        "policy_kwargs": {
            "lstm_hidden_size": 128,
            "shared_lstm": True,
            "enable_critic_lstm": False,
        },
    },
}
"""What each differs in from the defaults; the same words as in ``benchmarks.peers.training``."""


class Vectors(VecEnv):
    """Our vector env as Stable-Baselines3 wants one: reset in the step that ends the episodes.

    Args:
        num_envs: Episodes side by side, computed as one batch.
        keys: What is shown of an observation; one alone is shown as it is, without a dict.
        tier: Of digits.
    """

    def __init__(self, num_envs: int, keys: tuple[str, ...], tier: str) -> None:
        self.env = VectorTrackDigits(num_envs=num_envs, tier=tier)
        self.keys = keys
        space = self.env.single_observation_space
        shown = space[keys[0]] if len(keys) == 1 else spaces.Dict({k: space[k] for k in keys})
        self.render_mode = None
        super().__init__(num_envs, shown, self.env.single_action_space)

    def _shown(self, obs: dict[str, np.ndarray]) -> Any:
        return obs[self.keys[0]] if len(self.keys) == 1 else {k: obs[k] for k in self.keys}

    def reset(self) -> Any:
        """New episodes."""
        return self._shown(self.env.reset(seed=0)[0])

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions for `step_wait`."""
        self.actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Moves all boxes; after an end, the first frames of new episodes."""
        obs, reward, _, over, _ = self.env.step(self.actions)
        infos: list[dict[str, Any]] = [{} for _ in over]
        if over.all():  # they end together
            last = self._shown(obs)
            for i, info in enumerate(infos):
                one = last[i] if len(self.keys) == 1 else {k: x[i] for k, x in last.items()}
                info |= {"TimeLimit.truncated": True, "terminal_observation": one}
            obs, _ = self.env.reset()
        return self._shown(obs), reward, over, infos

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """What every episode shares."""
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not needed by RecurrentPPO."""
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Not needed by RecurrentPPO."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No episode is."""
        return [False] * self.num_envs


def main() -> None:
    """Takes turns of one rollout and what is learned from it: policy, config, tier, episodes."""
    policy, config, tier, num_envs = sys.argv[1:]
    torch.set_num_threads(1)
    keys = ("frame", "box") if policy.startswith("MultiInput") else ("frame",)
    env = Vectors(int(num_envs), keys, tier)
    agent = RecurrentPPO(policy, env, device="cpu", seed=0, **CONFIGS[config])

    def measure() -> float:
        frames = agent.n_steps * env.num_envs
        start = time.process_time()
        agent.learn(frames)
        return frames / (time.process_time() - start)

    serve(measure)


if __name__ == "__main__":
    main()
