"""All real episodes, as those that learn may see them: without truth."""

import dataclasses
import warnings
from typing import Any

from envs.trajectory import Trajectory, concatenate


class Replay:
    """Real episodes in memory, oldest first (frames are uint8).

    A world model is fitted to whole episodes: shorter ones (the last of a budget that the horizon
    does not divide) are left out, and counted in ``skipped``.

    Args:
        horizon: Steps of a whole episode.
        capacity: Frames to keep at most; beyond, the oldest episodes go, with one warning.
        device: Where the episodes live that come back from a checkpoint.

    Raises:
        ValueError: The capacity holds no episode.
    """

    def __init__(self, horizon: int, capacity: int = 1_000_000, device: str = "cpu") -> None:
        if capacity < horizon:
            raise ValueError(
                f"replay_capacity={capacity} frames holds no episode of {horizon} frames: raise it"
            )
        self.horizon = horizon
        self.capacity = capacity
        self.device = device
        self.skipped = 0
        self._episodes: list[Trajectory] = []
        self._warned = False

    def __len__(self) -> int:
        """Frames held."""
        return sum(t.num_frames for t in self._episodes)

    def add(self, trajectory: Trajectory) -> None:
        """Appends episodes; their truth and the agent's extras stay behind."""
        if trajectory.horizon != self.horizon:
            self.skipped += trajectory.num_episodes
            return
        self._episodes.append(trajectory.without_truth())
        excess = len(self) - self.capacity
        if excess > 0:
            if not self._warned:
                warnings.warn(
                    f"replay is full ({self.capacity} frames): the oldest episodes are dropped; "
                    "raise replay_capacity to keep them",
                    stacklevel=2,
                )
                self._warned = True
            episodes = self.all()
            self._episodes = [episodes[-(-excess // self.horizon) :]]

    def all(self) -> Trajectory:
        """Every episode as one batch, oldest first.

        Raises:
            ValueError: There is none.
        """
        if not self._episodes:
            raise ValueError(
                f"replay holds no whole episode of {self.horizon} frames: raise real_frames"
            )
        # Joined once and kept, so that the copies do not pile up.
        self._episodes = [concatenate(self._episodes)]
        return self._episodes[0]

    def state_dict(self) -> dict[str, Any]:
        """The episodes as tensors."""
        state: dict[str, Any] = {"skipped": self.skipped, "episodes": None}
        if self._episodes:
            episodes = self.all()
            names = [f.name for f in dataclasses.fields(Trajectory)]
            names = [n for n in names if n not in ("extras", "truth", "labels")]
            state["episodes"] = {name: getattr(episodes, name) for name in names}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        self.skipped = state["skipped"]
        episodes = state["episodes"]
        self._episodes = []
        if episodes is not None:
            self._episodes = [Trajectory(**episodes).map(lambda x: x.to(self.device))]
