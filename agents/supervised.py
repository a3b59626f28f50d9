"""Learning from labels: a recurrent policy acts, and is told where it should have gone.

The boxes that it visits are its own, with some noise, and the labels are the answers there (Ross,
Gordon and Bagnell, "A Reduction of Imitation Learning", 2011): a policy that had only ever been
shown perfect boxes could not come back from an error. Labels are imagined boxes if there is a
world model, the scene's own if there is none (``dyna.loop.loop``).
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from agents.learning.learner import Learner, LearnerSettings
from agents.learning.losses import AdaptiveWeights
from agents.learning.policy import REFLECTIONS
from agents.learning.schedule import stage
from agents.learning.supervision import LabelledEpisodes, Objective, reflect, rescue
from envs.settings import helps, setting
from envs.trajectory import VISIBLE, Trajectory

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda groups, lr: torch.optim.Adam(groups, lr, eps=1e-5, fused=True),
    "rmsprop": lambda groups, lr: torch.optim.RMSprop(groups, lr, eps=1e-5, momentum=0.9),
}


HELP = helps(LearnerSettings)


@dataclasses.dataclass(frozen=True)
class SupervisedSettings(LearnerSettings):
    """What can be set; some keys of every learner have another default here."""

    objective: Any = dataclasses.field(
        kw_only=True, metadata={"help": "losses that the policy is taught by"}
    )
    optimizer: str = setting(
        "adam", "or rmsprop, as published, with momentum 0.9", choices=OPTIMIZERS
    )
    weight_decay: float = setting(1e-4, "L2 on the policy's parameters", least=0)
    adaptive: bool = setting(True, "weights of the losses are learned; false: all are 1")
    rescue_after: int | None = setting(
        None, "steps out of touch, then a teacher puts the box back; null: never", least=1
    )
    learning_rate: Any = setting([[None, 2e-3]], HELP["learning_rate"])
    std: Any = setting([0.25, 0.1], HELP["std"], pair=float, above=0)
    epochs: Any = setting([[None, 2]], HELP["epochs"])
    horizons: Any = setting(
        [[15000, 5], [35000, 10], [90000, 20], [170000, 30], [None, None]], HELP["horizons"]
    )
    max_grad_norm: float = setting(1.0, HELP["max_grad_norm"], above=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.objective, Objective):
            raise ValueError(f"objective={self.objective} is none: set keys of objective")


class Supervised(Learner):
    """Trains any recurrent policy on labels, whole episodes, several passes, reflections.

    Args:
        settings: Keys of `SupervisedSettings`; the rest is as in `Learner`.
    """

    Settings: type[SupervisedSettings] = SupervisedSettings
    supervised, rewarded = True, False
    settings: SupervisedSettings

    def _begin(self, frame_shape: tuple[int, int, int], device: str) -> None:
        self.objective: Objective = self.settings.objective
        self.weights = AdaptiveWeights(self.objective.names).to(device)
        groups = [
            {
                "params": list(self.policy.parameters()),
                "weight_decay": self.settings.weight_decay,
            },
            {"params": list(self.weights.parameters())},
        ]
        make = OPTIMIZERS[self.settings.optimizer]
        self.optimizer = make(groups, stage(self.settings.learning_rate, 0))

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
        rate = self._set_rate(progress)
        whole = self._labelled(trajectory)
        size = stage(self.settings.minibatch, self.frames)
        totals: dict[str, float] = {}
        count = 0  # of gradient steps
        for _ in range(stage(self.settings.epochs, self.frames)):
            order = torch.randperm(
                trajectory.num_episodes, generator=self.rng, device=self.rng.device
            )
            for chosen in order.split(size):
                for name, x in self._gradient_step(self._part(whole, chosen)).items():
                    totals[name] = totals.get(name, 0.0) + x
                count += 1
        self.frames += trajectory.num_frames
        first, last = self.settings.std
        self.std = first * (last / first) ** progress
        result = {f"agent/{name}": total / count for name, total in totals.items()}
        return result | {"agent/lr": rate, "agent/std": self.std}

    def _labelled(self, trajectory: Trajectory) -> LabelledEpisodes:
        labels, own = trajectory.labels, trajectory.box[:, :-1]
        assert labels is not None
        known = labels.box.isfinite().all(-1)
        if bool((labels.box[known][:, 2:] <= 0).any()):
            raise ValueError("labels must have positive widths and heights, or NaN for no box")
        target = torch.where(known[..., None], labels.box, own)
        after = self.settings.rescue_after
        if after is not None:
            own = rescue(own, target, self._near(target, trajectory.camera), after)
        return LabelledEpisodes(
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

    def _part(self, episodes: LabelledEpisodes, chosen: Tensor) -> LabelledEpisodes:
        """Some episodes as they are or, by turns, reflected in one of three ways."""
        turn = REFLECTIONS[self.steps % len(REFLECTIONS) if self.settings.mirror else 0]
        sight = self.policy.reflect({name: x[chosen] for name, x in episodes.sight.items()}, *turn)
        sight |= self.policy.noise(len(chosen), episodes.own.shape[1], self.rng)
        return LabelledEpisodes(
            sight=sight,
            own=reflect(episodes.own[chosen], *turn),
            target=reflect(episodes.target[chosen], *turn),
            visible=episodes.visible[chosen],
            known=episodes.known[chosen],
            action_scale=episodes.action_scale,
        )

    def _gradient_step(self, episodes: LabelledEpisodes) -> dict[str, float]:
        losses = self.objective.losses(self.policy, episodes)
        weighed = self.objective.names if self.settings.adaptive else ()
        terms = [x for name, x in losses.items() if name not in weighed]
        loss = torch.stack(
            [*terms, self.weights(losses)] if self.settings.adaptive else terms
        ).sum()
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
