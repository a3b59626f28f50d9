"""Proximal policy optimisation (Schulman et al. 2017) of any recurrent policy, whole episodes."""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from agents.learning.learner import Learner
from agents.learning.policy import REFLECTIONS, Decision, RecurrentPolicy, Sight
from agents.learning.returns import advantages
from agents.learning.schedule import Table, check, stage
from envs.trajectory import Trajectory


def log_prob(
    action: Float[Tensor, "*n A"], mean: Float[Tensor, "*n A"], std: float
) -> Float[Tensor, "*n"]:
    """Log-density of actions under a Gaussian of one width for all axes."""
    scaled = (action - mean) / std
    constant = action.shape[-1] * (math.log(std) + 0.5 * math.log(2 * math.pi))
    return -0.5 * scaled.square().sum(-1) - constant


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
        frame_shape: (C, H, W) of the frames.
        policy: Makes the policy from ``frame_shape``.
        seed: Seed of the weights, the exploration and the order of minibatches.
        device: Where the policy lives.
        gamma: Discount. 0 is right for tracking (each reward judges one action); 0.9 breaks it.
        gae_lambda: See ``agents.learning.returns``.
        clip: Largest change of an action's probability that is still rewarded.
        learning_rate: Step size of Adam, as (until agent frames, step size).
        final_rate: What is left of it at the end of the training, falling linearly to there.
        std: Spread of the actions at the start and at the end.
        std_share: Share of the training after which the spread has fallen.
        std_frames: Agent frames before which it has not.
        mirror: Whether passes see the episodes reflected left to right, top to bottom, or both.
        epochs: Passes over the episodes, as (until agent frames, passes).
        minibatch: Episodes per gradient step, as (until agent frames, episodes).
        horizons: Curriculum of episode lengths, as (until agent frames, steps).
        value_weight: Weight of the value's squared error.
        max_grad_norm: Gradients are scaled down to this norm.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        frame_shape: tuple[int, int, int],
        policy: Callable[..., RecurrentPolicy],
        seed: int = 0,
        device: str = "cpu",
        gamma: float = 0.0,
        gae_lambda: float = 0.95,
        clip: float = 0.2,
        learning_rate: Table = ((None, 1.5e-3),),
        final_rate: float = 0.03,
        std: Sequence[float] = (0.25, 0.075),
        std_share: float = 2 / 3,
        std_frames: int = 8000,
        mirror: bool = True,
        epochs: Table = ((3000, 12), (10000, 4), (None, 3)),
        minibatch: Table = ((None, 16),),
        horizons: Table = ((2500, 5), (5000, 10), (None, None)),
        value_weight: float = 5.0,
        max_grad_norm: float = 0.5,
    ) -> None:
        if not 0 <= gamma <= 1 or not 0 <= gae_lambda <= 1:
            raise ValueError(f"gamma and gae_lambda must be in [0, 1], got {gamma}, {gae_lambda}")
        if min(std) <= 0 or clip <= 0:
            raise ValueError(f"std and clip must be positive, got {std}, {clip}")
        check(learning_rate=learning_rate, epochs=epochs, minibatch=minibatch, horizons=horizons)
        super().__init__(frame_shape, policy, seed, device, std, horizons, max_grad_norm)
        self.gamma, self.gae_lambda, self.clip = gamma, gae_lambda, clip
        self.learning_rate, self.final_rate = learning_rate, final_rate
        self.std_share, self.std_frames = std_share, std_frames
        self.mirror, self.value_weight = mirror, value_weight
        self.epochs, self.minibatch = epochs, minibatch
        self.optimizer = torch.optim.Adam(
            self.policy.parameters(), stage(learning_rate, 0), eps=1e-5, fused=True
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
        rate = stage(self.learning_rate, self.frames) * (1 - (1 - self.final_rate) * progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        sight = self.policy.prepare(trajectory.frame, trajectory.box[:, :-1])
        advantage = self._advantage(trajectory)
        value_target = advantage + trajectory.extras["value"]
        spread = advantage.std(correction=min(1, advantage.numel() - 1))
        advantage = (advantage - advantage.mean()) / (spread + 1e-6)
        totals: dict[str, float] = {}
        count = 0  # of gradient steps
        size = stage(self.minibatch, self.frames)
        for _ in range(stage(self.epochs, self.frames)):
            order = torch.randperm(
                trajectory.num_episodes, generator=self.rng, device=self.rng.device
            )
            for chosen in order.split(size):
                part = {name: x[chosen] for name, x in sight.items()}
                action = trajectory.action[chosen]
                if self.mirror:
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
        over = min(progress / max(self.std_share, 1e-9), self.frames / max(self.std_frames, 1), 1)
        self.std = self.std_range[0] * (self.std_range[1] / self.std_range[0]) ** over

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
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
        policy_loss = -torch.minimum(ratio * advantage, clipped * advantage).mean()
        value_loss = (decision.value - target).square().mean()
        loss = policy_loss + self.value_weight * value_loss
        norm = self._descend(loss, "rewards and frames")
        with torch.no_grad():
            return {
                "kl": float((ratio - 1 - log_ratio).mean()),
                "clip_fraction": float(((ratio - 1).abs() > self.clip).float().mean()),
                "policy_loss": float(policy_loss),
                "value_loss": float(value_loss),
                "grad_norm": float(norm),
            }

    @torch.no_grad()
    def _advantage(self, trajectory: Trajectory) -> Float[Tensor, "B T"]:
        value = trajectory.extras["value"]
        last_value = torch.zeros_like(value[:, 0])
        if self.gamma > 0:
            frame = torch.cat([trajectory.frame, trajectory.frame[:, -1:]], dim=1)
            sight = self.policy.prepare(frame, trajectory.box)
            last_value = self.policy.unroll(sight).value[:, -1]
        return advantages(trajectory.reward, value, last_value, self.gamma, self.gae_lambda)

    def _extras(
        self, action: Float[Tensor, "B 4"], decision: Decision
    ) -> dict[str, Float[Tensor, " B"]]:
        """The action's log-density and the value."""
        return {
            "log_prob": log_prob(action, decision.mean, self.std),
            "value": decision.value,
        }
