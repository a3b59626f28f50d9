"""The record of episodes: the one noun that flows between the parts.

``frame[:, t]`` is seen with ``box[:, t]`` -> ``action[:, t]`` moves the box to
``box[:, t + 1]`` -> ``reward[:, t]`` is the IoU of the moved box with the target **in the frame
that was seen** -> ``frame[:, t + 1]`` is seen. The end of the horizon is a truncation: the task
itself never ends.
"""

import dataclasses
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

VISIBLE = 0.3
"""An object counts (in metrics, labels and matches) if more than this share of it can be seen."""


@dataclasses.dataclass(frozen=True)
class Observation:
    """What an agent sees: the frame, and where its own box is (at first: the target's box)."""

    frame: UInt8[Tensor, "B C H W"]
    box: Float[Tensor, "B 4"]


@dataclasses.dataclass(frozen=True)
class Truth:
    """What a scene knows about its objects. Only metrics and pictures may read it.

    Attributes:
        target: Slot of the target.
        box: Amodal boxes (what the object covers, hidden or not), undefined where ``visible`` is 0
            and ``id`` is -1.
        visible: Share of each object that can be seen, 0 to 1.
        id: Identity of each object through time; -1 marks an empty slot.
    """

    target: Int[Tensor, " B"]
    box: Float[Tensor, "B T K 4"]
    visible: Float[Tensor, "B T K"]
    id: Int[Tensor, "B T K"]

    @property
    def target_box(self) -> Float[Tensor, "B T 4"]:
        """The box of the target through time."""
        return self.box[self._episode, :, self.target]

    @property
    def target_visible(self) -> Float[Tensor, "B T"]:
        """The visible share of the target through time."""
        return self.visible[self._episode, :, self.target]

    def first(self, frames: int | None) -> "Truth":
        """The first frames of every episode; None: all."""
        cut = slice(frames)
        return Truth(self.target, self.box[:, cut], self.visible[:, cut], self.id[:, cut])

    @property
    def _episode(self) -> Int[Tensor, " B"]:
        return torch.arange(len(self.target), device=self.target.device)

    @property
    def labels(self) -> "Labels":
        """What of it supervision is given."""
        named = self.id[self._episode, :, self.target] >= 0
        known = named & (self.target_box[..., 2:] > 0).all(-1)
        box = torch.where(known[..., None], self.target_box, torch.nan)
        return Labels(box, torch.where(known, self.target_visible, 0.0))


@dataclasses.dataclass(frozen=True)
class Labels:
    """The answers, for agents that are told them (``Agent.supervised``): where the target was.

    Attributes:
        box: The target's amodal box in the frame that was seen; NaN where it has none.
        visible: Its visible share, 0 to 1.
    """

    box: Float[Tensor, "B T 4"]
    visible: Float[Tensor, "B T"]


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """A batch of B episodes of T steps.

    Attributes:
        frame: Frame that was seen at each step.
        box: The agent's own box before each action, and after the last one. ``box[:, 0]`` is the
            true first box of the target.
        action: Update of the box, in [-1, 1] (see ``envs.action_scale``).
        reward: IoU of the moved box with the target's box in the frame that was seen.
        camera: How far the view moved after each step (fractions of the frame; 0 if it stands).
        extras: What the agent wants back for its update, each ``B T ...`` (log-probs, values).
        truth: For metrics and pictures only; None in imagination and for everything that learns.
        labels: For supervised agents only, and then of imagined episodes if there is a world
            model; None for all others.
    """

    frame: UInt8[Tensor, "B T C H W"]
    box: Float[Tensor, "B T+1 4"]
    action: Float[Tensor, "B T A"]
    reward: Float[Tensor, "B T"]
    camera: Float[Tensor, "B T 2"]
    extras: dict[str, Tensor] = dataclasses.field(default_factory=dict)
    truth: Truth | None = None
    labels: Labels | None = None

    @property
    def num_episodes(self) -> int:
        """B."""
        return self.frame.shape[0]

    @property
    def horizon(self) -> int:
        """T, in steps; every step shows one frame."""
        return self.frame.shape[1]

    @property
    def num_frames(self) -> int:
        """B * T."""
        return self.num_episodes * self.horizon

    def map(self, function: Callable[[Tensor], Tensor]) -> "Trajectory":
        """Applies ``function`` to every tensor; it must treat the batch axis alike in all."""
        truth, labels = self.truth, self.labels
        if truth is not None:
            truth = Truth(*(function(getattr(truth, f.name)) for f in dataclasses.fields(truth)))
        if labels is not None:
            labels = Labels(function(labels.box), function(labels.visible))
        return Trajectory(
            frame=function(self.frame),
            box=function(self.box),
            action=function(self.action),
            reward=function(self.reward),
            camera=function(self.camera),
            extras={name: function(value) for name, value in self.extras.items()},
            truth=truth,
            labels=labels,
        )

    def __getitem__(self, episodes: slice | Tensor) -> "Trajectory":
        """The chosen episodes (a slice, indices or a mask over B)."""
        return self.map(lambda x: x[episodes])

    def spread(self, most: int) -> "Trajectory":
        """At most so many of the episodes, evenly spread over all."""
        if self.num_episodes <= most:
            return self
        chosen = torch.arange(most, device=self.frame.device) * self.num_episodes // most
        return self[chosen]

    def first(self, frames: int) -> "Trajectory":
        """The first frames of every episode, without extras and labels."""
        return Trajectory(
            frame=self.frame[:, :frames],
            box=self.box[:, : frames + 1],
            action=self.action[:, :frames],
            reward=self.reward[:, :frames],
            camera=self.camera[:, :frames],
            truth=None if self.truth is None else self.truth.first(frames),
        )

    def without_truth(self) -> "Trajectory":
        """The same episodes as a model may see them: no truth, no labels, no extras."""
        return dataclasses.replace(self, truth=None, labels=None, extras={})


def concatenate(trajectories: Sequence[Trajectory]) -> Trajectory:
    """One batch of all episodes, which must be of equal horizon; labels stay behind."""
    if not trajectories:
        raise ValueError("there is no trajectory to concatenate")
    horizons = {t.horizon for t in trajectories}
    if len(horizons) > 1:
        raise ValueError(f"trajectories of different horizons {sorted(horizons)} do not stack")

    def join(parts: Sequence) -> Tensor:
        return torch.cat(list(parts))

    truths = [t.truth for t in trajectories if t.truth is not None]
    truth = None
    if len(truths) == len(trajectories):
        names = [f.name for f in dataclasses.fields(Truth)]
        truth = Truth(**{n: join([getattr(x, n) for x in truths]) for n in names})
    return Trajectory(
        frame=join([t.frame for t in trajectories]),
        box=join([t.box for t in trajectories]),
        action=join([t.action for t in trajectories]),
        reward=join([t.reward for t in trajectories]),
        camera=join([t.camera for t in trajectories]),
        extras={
            name: join([t.extras[name] for t in trajectories]) for name in trajectories[0].extras
        },
        truth=truth,
    )
