"""Learning from all that a model-based loop offers: imagined boxes and real rewards.

Imagined episodes say where the target was, real ones only what an action earned. One policy learns
from both, each in its own way: by supervision where there are labels, by PPO where there are none.
"""

import dataclasses
from typing import Any

from jaxtyping import Float
from torch import Tensor

from agents.learning.policy import Decision
from agents.ppo import PPO
from agents.supervised import Supervised, SupervisedSettings
from envs.settings import setting
from envs.trajectory import Trajectory


@dataclasses.dataclass(frozen=True)
class JointSettings(SupervisedSettings):
    """What can be set: all of supervision, and of PPO what differs; the rest is `PPOSettings`'."""

    reward_rate: Any = setting([[None, 3e-4]], "step size where rewards teach: a table")
    reward_epochs: Any = setting([[None, 3]], "passes over episodes that rewards judge: a table")


class Joint(Supervised):
    """Supervision and PPO of one policy; each has an optimiser and schedules of its own.

    Exploration is supervision's, in real episodes, too.

    Args:
        settings: Keys of `JointSettings`; the rest is as in `Learner`.
    """

    Settings = JointSettings
    rewarded = True
    settings: JointSettings

    def _begin(self, frame_shape: tuple[int, int, int], device: str) -> None:
        super()._begin(frame_shape, device)
        self.rewards = PPO(
            frame_shape,
            device=device,
            policy=lambda _: self.policy,
            learning_rate=self.settings.reward_rate,
            epochs=self.settings.reward_epochs,
            mirror=self.settings.mirror,
        )
        self.rewards.rng, self.rewards.std = self.rng, self.std

    def update(self, trajectory: Trajectory, progress: float) -> dict[str, float]:
        """Learns from labels, or where there are none from rewards; see both."""
        if trajectory.labels is None:
            result = self.rewards.update(trajectory, progress)
        else:
            result = super().update(trajectory, progress)
        self.rewards.std = self.std
        return result

    def _extras(
        self, action: Float[Tensor, "B 4"], decision: Decision
    ) -> dict[str, Float[Tensor, " B"]]:
        """What PPO wants back."""
        return self.rewards._extras(action, decision)

    def state_dict(self) -> dict[str, Any]:
        """What supervision keeps, and of PPO all but the policy, which is the same."""
        rewards = self.rewards.state_dict()
        del rewards["policy"]
        return super().state_dict() | {"rewards": rewards}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        super().load_state_dict(state)
        self.rewards.load_state_dict(state["rewards"] | {"policy": state["policy"]})
