"""What every agent is: it starts, acts, and learns from trajectories it cannot tell apart."""

import abc
from typing import Any

from jaxtyping import Float
from torch import Tensor

from envs.action_scale import ActionScale
from envs.tracking import Tracking
from envs.trajectory import Observation, Trajectory


class Agent(abc.ABC):
    """A batch of trackers, one per episode. Real or imagined episodes look the same to it."""

    privileged: bool = False
    """Whether the agent is handed the env to read the truth (the oracle reference alone)."""
    supervised: bool = False
    """Whether the agent learns from labels (``Trajectory.labels``) where there are any."""
    rewarded: bool = True
    """Whether the agent learns from rewards where there are no labels."""
    env: Tracking | None = None
    """The env of the present episodes, for a privileged agent; None for all others."""
    action_scale: ActionScale = ActionScale()
    """What its actions do in the task at hand."""

    @property
    def learns(self) -> bool:
        """Whether it must be trained before it can track."""
        return type(self).update is not Agent.update

    def set_action_scale(self, action_scale: ActionScale) -> None:
        """Tells the agent what its actions do."""
        self.action_scale = action_scale

    def prepare(self, env: Tracking) -> None:
        """Tells the agent of the task that comes; ``rollout`` calls it first."""
        self.set_action_scale(env.action_scale)
        if self.privileged:
            self.env = env

    @abc.abstractmethod
    def initial(self, obs: Observation) -> Any:
        """The state in which an episode starts, from the first frame and the target's box."""

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

    def inherit(self, state: dict[str, Any]) -> None:
        """Starts from the policy that another agent has learned, whichever way that learned.

        Args:
            state: ``state_dict`` of the other agent.

        Raises:
            ValueError: The policies are not of one kind and size.
        """
        raise ValueError(f"{type(self).__name__} has no policy that could start from another's")

    def horizon(self, frames: int) -> int | None:
        """Episode length to train on after so many frames; None means as long as the task is."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """All that the agent has learned and remembers, random generators included."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""


class BoxTracker(Agent):
    """An agent that says where the target is; its actions carry the box there, as far as allowed.

    Each step is answered for the frame in front of it, so the first frame is seen twice: by
    ``initial``, with the target's box, and by the first ``locate``.
    """

    @abc.abstractmethod
    def locate(self, obs: Observation, state: Any) -> tuple[Float[Tensor, "B 4"], Any]:
        """Where the target is in ``obs.frame``, and the next state."""

    def act(
        self, obs: Observation, state: Any, explore: bool = False
    ) -> tuple[Float[Tensor, "B 4"], Any, dict[str, Tensor]]:
        """The actions towards what ``locate`` finds; there is nothing to explore."""
        goal, state = self.locate(obs, state)
        return self.action_scale.action_to(obs.box, goal), state, {}
