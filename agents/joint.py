"""Learning from all that a model-based loop offers: imagined boxes and real rewards.

Imagined episodes say where the target was, real ones only what an action earned. One policy learns
from both, each in its own way: by supervision where there are labels, by PPO where there are none.
Without a world model there are no labels, and it is PPO through and through.
"""

import dataclasses
from typing import Any

from jaxtyping import Float
from torch import Tensor

from agents.learning import schedule
from agents.learning.learner import Learner
from agents.learning.policy import Decision
from agents.supervised import Supervised, SupervisedSettings
from envs.settings import setting
from envs.trajectory import Trajectory


@dataclasses.dataclass(frozen=True)
class JointSettings(SupervisedSettings):
    """What can be set: all of supervision, and how rewards teach beside it."""

    rewards: Any = dataclasses.field(
        kw_only=True,
        metadata={"help": "makes who learns from rewards (PPO); null: labels alone teach"},
    )
    reward_rate: Any = setting(
        [[None, 3e-4]], "its step size once there were labels, which then lead: a table"
    )
    reward_epochs: Any = setting([[None, 3]], "its passes over episodes then: a table")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rewards is not None and not callable(self.rewards):
            raise ValueError(f"rewards={self.rewards} is no learner: set keys of rewards, or null")
        schedule.check("reward_rate", self.reward_rate)
        schedule.check("reward_epochs", self.reward_epochs, whole=True)


class Joint(Supervised):
    """Supervision and PPO of one policy; each has an optimiser and schedules of its own.

    Until there are labels PPO learns as it does alone, with its own curriculum and exploration.

    Args:
        settings: Keys of `JointSettings`; the rest is as in `Learner`.
    """

    Settings: type[SupervisedSettings] = JointSettings
    settings: JointSettings

    def _begin(self, frame_shape: tuple[int, int, int], device: str) -> None:
        super()._begin(frame_shape, device)
        self.rewarded, self.taught = self.settings.rewards is not None, False
        self.ppo: Learner | None = None
        if self.rewarded:
            self.ppo = self.settings.rewards(
                frame_shape, device=device, policy=lambda _: self.policy
            )
            self.ppo.rng, self.std = self.rng, self.ppo.std

    def horizon(self, frames: int) -> int | None:
        """The curriculum of whoever teaches."""
        if self.ppo is None or self.taught:
            return super().horizon(frames)
        return self.ppo.horizon(frames)

    def update(self, trajectory: Trajectory, progress: float) -> dict[str, float]:
        """Learns from labels, or where there are none from rewards; see both."""
        if trajectory.labels is not None:
            self._teach()
            result = super().update(trajectory, progress)
        elif self.ppo is not None:
            result = self.ppo.update(trajectory, progress)
        else:
            return {}
        if self.ppo is not None:  # both explore alike: as whoever teaches says
            if self.taught:
                self.ppo.std = self.std
            else:
                self.std = self.ppo.std
        return result

    def _teach(self) -> None:
        """From now on labels lead, and rewards follow."""
        self.taught = True
        if self.ppo is not None:
            self.ppo.settings = dataclasses.replace(
                self.ppo.settings,
                learning_rate=self.settings.reward_rate,
                epochs=self.settings.reward_epochs,
            )

    def _extras(
        self, action: Float[Tensor, "B 4"], decision: Decision
    ) -> dict[str, Float[Tensor, " B"]]:
        """What PPO wants back."""
        return {} if self.ppo is None else self.ppo._extras(action, decision)

    def state_dict(self) -> dict[str, Any]:
        """What supervision keeps, and of PPO all but the policy, which is the same."""
        ppo = None if self.ppo is None else self.ppo.state_dict()
        if ppo is not None:
            del ppo["policy"]
        return super().state_dict() | {"ppo": ppo, "taught": self.taught}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        super().load_state_dict(state)
        if self.ppo is not None:
            self.ppo.load_state_dict(state["ppo"] | {"policy": state["policy"]})
        if state["taught"]:
            self._teach()
