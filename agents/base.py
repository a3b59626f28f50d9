"""What every agent is: it starts, acts, and learns from trajectories it cannot tell apart."""

import abc
from typing import Any

from jaxtyping import Float
from torch import Tensor

from envs.trajectory import Observation, Trajectory


class Agent(abc.ABC):
    """A batch of trackers, one per episode. Real or imagined episodes look the same to it."""

    privileged: bool = False
    """Whether the agent is handed the env to read the truth (the oracle reference alone)."""

    @abc.abstractmethod
    def initial(self, obs: Observation) -> Any:
        """The state in which an episode starts, from the first frame and the target's box in it."""

    @abc.abstractmethod
    def act(
        self, obs: Observation, state: Any, explore: bool = False
    ) -> tuple[Float[Tensor, "B 4"], Any, dict[str, Tensor]]:
        """Chooses actions.

        Returns:
            The actions, the next state, and extras (each ``B ...``) that the agent wants to find
            in the trajectory when it is updated.
        """

    def update(self, trajectory: Trajectory, progress: float) -> dict[str, float]:
        """Learns from trajectories that it has just acted in; agents that cannot learn do nothing.

        Args:
            trajectory: Episodes with this agent's extras.
            progress: Share of the training that is over, 0 to 1, for schedules.

        Returns:
            Metrics.
        """
        return {}

    def horizon(self, frames: int) -> int | None:
        """Episode length to train on after so many frames; None means as long as the task is."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """All that the agent has learned and remembers, random generators included."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
