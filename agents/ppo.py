"""Proximal policy optimisation (Schulman et al. 2017) of any recurrent policy, whole episodes."""

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor

from agents.learning.learner import Learner, LearnerSettings
from agents.learning.policy import REFLECTIONS, Decision, Sight
from agents.learning.returns import advantages
from agents.learning.schedule import stage
from envs.settings import setting
from envs.trajectory import Trajectory


def log_prob(
    action: Float[Tensor, "*n A"], mean: Float[Tensor, "*n A"], std: float
) -> Float[Tensor, "*n"]:
    """Log-density of actions under a Gaussian of one width for all axes."""
    scaled = (action - mean) / std
    constant = action.shape[-1] * (math.log(std) + 0.5 * math.log(2 * math.pi))
    return -0.5 * scaled.square().sum(-1) - constant


@dataclasses.dataclass(frozen=True)
class PPOSettings(LearnerSettings):
    """What can be set."""

    gamma: float = setting(
        0.0, "discount; 0.9 breaks it: each reward judges one action", least=0, most=1
    )
    gae_lambda: float = setting(0.95, "see agents.learning.returns", least=0, most=1)
    clip: float = setting(
        0.2, "largest change of an action's probability that is still rewarded", above=0
    )
    std_share: float = setting(0.667, "share of the training over which std falls", least=0)
    std_frames: int = setting(8000, "agent frames that the fall of std takes at least", least=0)
    value_weight: float = setting(5.0, "weight of the value's squared error", least=0)


class PPO(Learner):
    """Trains a recurrent policy from scalar rewards alone.

    The spread of the actions is scheduled, not learned: it falls from ``std[0]`` to ``std[1]``
    (geometrically) over the first ``std_share`` of the training but not faster than over
    ``std_frames``, then stays. Episodes are replayed whole, with gradients through all their
    steps. Passes see them reflected, too: the reflected action earns the same reward in the
    reflected world, and had the same density when it was drawn. The end of an episode is a
    truncation: for ``gamma > 0`` the return goes on with the value of the last frame, seen again
    with the last box.

    Args:
        settings: Keys of `PPOSettings`; the rest is as in `Learner`.
    """

    Settings = PPOSettings
    settings: PPOSettings

    def _begin(self, frame_shape: tuple[int, int, int], device: str) -> None:
        self.optimizer = torch.optim.Adam(
            self.policy.parameters(),
            stage(self.settings.learning_rate, 0),
            eps=1e-5,
            fused=True,
        )

    def update(self, trajectory: Trajectory, progress: float) -> dict[str, float]:
        """One round of PPO on episodes that this policy has just explored.

        Args:
            trajectory: Episodes with the extras of ``act``.
            progress: Share of the training that is over.

        Raises:
            FloatingPointError: The loss or its gradient is not finite; the policy is then as it
                was before that gradient step.
        """
        progress = min(max(progress, 0.0), 1.0)
        rate = self._set_rate(progress)
        sight = self.policy.prepare(trajectory.frame, trajectory.box[:, :-1])
        advantage = self._advantage(trajectory)
        value_target = advantage + trajectory.extras["value"]
        spread = advantage.std(correction=min(1, advantage.numel() - 1))
        advantage = (advantage - advantage.mean()) / (spread + 1e-6)
        totals: dict[str, float] = {}
        count = 0  # of gradient steps
        size = stage(self.settings.minibatch, self.frames)
        for _ in range(stage(self.settings.epochs, self.frames)):
            order = torch.randperm(
                trajectory.num_episodes, generator=self.rng, device=self.rng.device
            )
            for chosen in order.split(size):
                part = {name: x[chosen] for name, x in sight.items()}
                action = trajectory.action[chosen]
                if self.settings.mirror:
                    part, action = self._reflect(part, action)
                metrics = self._gradient_step(
                    part,
                    action,
                    trajectory.extras["log_prob"][chosen],
                    advantage[chosen],
                    value_target[chosen],
                )
                count += 1
                for name, x in metrics.items():
                    totals[name] = totals.get(name, 0.0) + x
        self.frames += trajectory.num_frames
        result = {f"agent/{name}": total / count for name, total in totals.items()}
        result |= {"agent/lr": rate, "agent/std": self.std}
        self._narrow(progress)
        return result

    def _narrow(self, progress: float) -> None:
        """Sets the spread of the episodes to come."""
        share, frames = self.settings.std_share, self.settings.std_frames
        over = min(progress / max(share, 1e-9), self.frames / max(frames, 1), 1)
        first, last = self.settings.std
        self.std = first * (last / first) ** over

    def _reflect(self, sight: Sight, action: Tensor) -> tuple[Sight, Tensor]:
        """The same episodes as they are, or reflected in one of three ways, by turns."""
        left_right, top_bottom = REFLECTIONS[self.steps % len(REFLECTIONS)]
        sign = torch.ones_like(action[0, 0])
        sign[0] -= 2 * left_right
        sign[1] -= 2 * top_bottom
        return self.policy.reflect(sight, left_right, top_bottom), action * sign

    def _gradient_step(
        self, sight: Sight, action: Tensor, old: Tensor, advantage: Tensor, target: Tensor
    ) -> dict[str, float]:
        decision: Decision = self.policy.unroll(sight)
        log_ratio = log_prob(action, decision.mean, self.std) - old
        ratio, clip = log_ratio.exp(), self.settings.clip
        clipped = ratio.clamp(1 - clip, 1 + clip)
        policy_loss = -torch.minimum(ratio * advantage, clipped * advantage).mean()
        value_loss = (decision.value - target).square().mean()
        loss = policy_loss + self.settings.value_weight * value_loss
        norm = self._descend(loss, "rewards and frames")
        with torch.no_grad():
            return {
                "kl": float((ratio - 1 - log_ratio).mean()),
                "clip_fraction": float(((ratio - 1).abs() > clip).float().mean()),
                "policy_loss": float(policy_loss),
                "value_loss": float(value_loss),
                "grad_norm": float(norm),
            }

    @torch.no_grad()
    def _advantage(self, trajectory: Trajectory) -> Float[Tensor, "B T"]:
        value = trajectory.extras["value"]
        last_value = torch.zeros_like(value[:, 0])
        gamma = self.settings.gamma
        if gamma > 0:
            frame = torch.cat([trajectory.frame, trajectory.frame[:, -1:]], dim=1)
            sight = self.policy.prepare(frame, trajectory.box)
            last_value = self.policy.unroll(sight).value[:, -1]
        return advantages(trajectory.reward, value, last_value, gamma, self.settings.gae_lambda)

    def _extras(
        self, action: Float[Tensor, "B 4"], decision: Decision
    ) -> dict[str, Float[Tensor, " B"]]:
        """The action's log-density and the value."""
        return {
            "log_prob": log_prob(action, decision.mean, self.std),
            "value": decision.value,
        }
