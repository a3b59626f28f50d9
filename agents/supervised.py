"""Learning from labels: a recurrent policy acts, and is told where it should have gone.

The boxes that it visits are its own, with some noise, and the labels are the answers there (Ross,
Gordon and Bagnell, "A Reduction of Imitation Learning", 2011): a policy that had only ever been
shown perfect boxes could not come back from an error. Labels are imagined boxes if there is a
world model, the scene's own if there is none (``dyna.loop.loop``).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from agents.learning.learner import Learner
from agents.learning.lesson import Lesson, Objective, reflect, rescue
from agents.learning.losses import AdaptiveWeights
from agents.learning.policy import REFLECTIONS, RecurrentPolicy
from agents.learning.schedule import Table, check, stage
from envs.tracking import Tracking
from envs.trajectory import VISIBLE, Trajectory

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda groups, lr: torch.optim.Adam(groups, lr, eps=1e-5),
    "rmsprop": lambda groups, lr: torch.optim.RMSprop(groups, lr, eps=1e-5, momentum=0.9),
}


class Supervised(Learner):
    """Trains any recurrent policy on labels, whole episodes, several passes, reflections.

    Args:
        frame_shape: (C, H, W) of the frames.
        policy: Makes the policy from ``frame_shape``.
        objective: What the policy is taught by.
        seed: Seed of the weights, the exploration and the order of minibatches.
        device: Where the policy lives.
        optimizer: ``adam``, or the paper's ``rmsprop`` (with momentum 0.9).
        learning_rate: Its step size, as (until agent frames, step size).
        final_rate: What is left of it at the end of the training, falling linearly to there.
        weight_decay: Weight of the L2 penalty on the policy's parameters.
        adaptive: Whether the losses' weights are learned; otherwise all are 1.
        std: Spread of the actions at the start and at the end, falling geometrically.
        rescue_after: Steps out of touch with the target after which passes go on near it
            (``agents.learning.lesson.rescue``); None for never.
        mirror: Whether passes see the episodes reflected left to right, top to bottom, or both.
        epochs: Passes over the episodes, as (until agent frames, passes).
        minibatch: Episodes per gradient step, as (until agent frames, episodes).
        horizons: Curriculum of episode lengths, as (until agent frames, steps).
        max_grad_norm: Gradients are scaled down to this norm.

    Raises:
        ValueError: A setting is out of range.
    """

    supervised = True

    def __init__(
        self,
        frame_shape: tuple[int, int, int],
        policy: Callable[..., RecurrentPolicy],
        objective: Objective,
        seed: int = 0,
        device: str = "cpu",
        optimizer: str = "adam",
        learning_rate: Table = ((None, 2e-3),),
        final_rate: float = 0.03,
        weight_decay: float = 1e-4,
        adaptive: bool = True,
        std: Sequence[float] = (0.25, 0.1),
        rescue_after: int | None = None,
        mirror: bool = True,
        epochs: Table = ((None, 2),),
        minibatch: Table = ((None, 16),),
        horizons: Table = ((15000, 5), (35000, 10), (90000, 20), (170000, 30), (None, None)),
        max_grad_norm: float = 1.0,
    ) -> None:
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}; got {optimizer}")
        if min(std) <= 0 or weight_decay < 0:
            raise ValueError(
                f"std must be positive and weight_decay not negative, got {std}, {weight_decay}"
            )
        check(learning_rate=learning_rate, epochs=epochs, minibatch=minibatch, horizons=horizons)
        super().__init__(frame_shape, policy, seed, device, std, horizons, max_grad_norm)
        self.objective, self.adaptive = objective, adaptive
        self.learning_rate, self.final_rate = learning_rate, final_rate
        self.mirror, self.rescue_after = mirror, rescue_after
        self.epochs, self.minibatch = epochs, minibatch
        self.weights = AdaptiveWeights(objective.names).to(device)
        groups = [
            {"params": list(self.policy.parameters()), "weight_decay": weight_decay},
            {"params": list(self.weights.parameters())},
        ]
        self.optimizer = OPTIMIZERS[optimizer](groups, stage(learning_rate, 0))

    def prepare(self, env: Tracking) -> None:
        """Tells the policy, too, what its actions do."""
        super().prepare(env)
        self.policy.action_scale = self.action_scale

    def update(self, trajectory: Trajectory, progress: float) -> dict[str, float]:
        """Some passes over episodes with labels; without labels there is nothing to learn.

        Args:
            trajectory: Episodes that this policy has just explored.
            progress: Share of the training that is over.

        Raises:
            ValueError: A label is no box.
            FloatingPointError: The loss or its gradient is not finite; the policy is then as it
                was before that gradient step.
        """
        if trajectory.labels is None:
            return {}
        progress = min(max(progress, 0.0), 1.0)
        rate = stage(self.learning_rate, self.frames) * (1 - (1 - self.final_rate) * progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        whole = self._lesson(trajectory)
        size = stage(self.minibatch, self.frames)
        totals: dict[str, float] = {}
        count = 0  # of gradient steps
        for _ in range(stage(self.epochs, self.frames)):
            order = torch.randperm(
                trajectory.num_episodes, generator=self.rng, device=self.rng.device
            )
            for chosen in order.split(size):
                for name, x in self._gradient_step(self._part(whole, chosen)).items():
                    totals[name] = totals.get(name, 0.0) + x
                count += 1
        self.frames += trajectory.num_frames
        self.std = self.std_range[0] * (self.std_range[1] / self.std_range[0]) ** progress
        result = {f"agent/{name}": total / count for name, total in totals.items()}
        return result | {"agent/lr": rate, "agent/std": self.std}

    def _lesson(self, trajectory: Trajectory) -> Lesson:
        labels, own = trajectory.labels, trajectory.box[:, :-1]
        assert labels is not None
        known = labels.box.isfinite().all(-1)
        if bool((labels.box[known][:, 2:] <= 0).any()):
            raise ValueError("labels must have positive widths and heights, or NaN for no box")
        target = torch.where(known[..., None], labels.box, own)
        if self.rescue_after is not None:
            own = rescue(own, target, self._near(target, trajectory.camera), self.rescue_after)
        return Lesson(
            sight=self.policy.prepare(trajectory.frame, own),
            own=own,
            target=target,
            visible=(known & (labels.visible > VISIBLE)).to(own.dtype),
            known=known.to(own.dtype),
            action_scale=self.action_scale,
        )

    def _near(
        self, target: Float[Tensor, "B T 4"], camera: Float[Tensor, "B T 2"]
    ) -> Float[Tensor, "B T 4"]:
        """Where an exploring policy that knew the target would be before each action."""
        noise = torch.empty_like(target).normal_(generator=self.rng)
        moved = self.action_scale.move(target, self.std * noise)
        moved = torch.cat([moved[..., :2] - camera, moved[..., 2:]], -1)
        return torch.cat([target[:, :1], moved[:, :-1]], 1)

    def _part(self, episodes: Lesson, chosen: Tensor) -> Lesson:
        """Some episodes as they are or, by turns, reflected in one of three ways."""
        turn = REFLECTIONS[self.steps % len(REFLECTIONS) if self.mirror else 0]
        sight = self.policy.reflect({name: x[chosen] for name, x in episodes.sight.items()}, *turn)
        sight |= self.policy.noise(len(chosen), episodes.own.shape[1], self.rng)
        return Lesson(
            sight=sight,
            own=reflect(episodes.own[chosen], *turn),
            target=reflect(episodes.target[chosen], *turn),
            visible=episodes.visible[chosen],
            known=episodes.known[chosen],
            action_scale=episodes.action_scale,
        )

    def _gradient_step(self, episodes: Lesson) -> dict[str, float]:
        losses = self.objective.losses(self.policy, episodes)
        weighed = self.objective.names if self.adaptive else ()
        terms = [x for name, x in losses.items() if name not in weighed]
        loss = torch.stack([*terms, self.weights(losses)] if self.adaptive else terms).sum()
        norm = self._descend(loss, "frames and labels")
        return {f"{name}_loss": float(x.detach()) for name, x in losses.items()} | {
            "grad_norm": float(norm)
        }

    def state_dict(self) -> dict[str, Any]:
        """What every learner keeps, and the weights of the losses."""
        return super().state_dict() | {
            "weights": {k: v.clone() for k, v in self.weights.state_dict().items()}
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        super().load_state_dict(state)
        self.weights.load_state_dict(state["weights"])
