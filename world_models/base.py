"""What every world model is: it may learn from real episodes, and it dreams scenes.

``dyna.loop.imagination`` wears any of these as a `Scene`; the tracking task on top of it then
computes the reward from the boxes that ``decode`` gives, exactly as it does on real scenes.
"""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from envs.scene import View
from envs.trajectory import Trajectory

State = TypeVar("State")


@dataclasses.dataclass(frozen=True)
class Posterior:
    """What a model makes of real episodes, frame by frame, never looking ahead.

    Attributes:
        belief: The model's own state after each of the T frames; `WorldModel.resume` takes it on.
        box: Box of what each slot holds, calibrated, in fractions of the frame.
        visible: Share of it that the model believes can be seen, 0 to 1; 0 in empty slots.
        id: Identity of what each slot holds; -1 in empty slots. An object that is believed to be
            there but hidden keeps its identity and has ``visible`` near 0.
        reconstruction: The frames as the model explains them.
        elbo: Evidence lower bound of each frame given those before (nats, constants left out).
    """

    belief: list[Any]
    box: Float[Tensor, "B T K 4"]
    visible: Float[Tensor, "B T K"]
    id: Int[Tensor, "B T K"]
    reconstruction: UInt8[Tensor, "B T C H W"]
    elbo: Float[Tensor, "B T"]


class WorldModel(nn.Module, abc.ABC, Generic[State]):
    """A model of scenes, learned or hand-written."""

    frame_shape: tuple[int, int, int]
    num_slots: int
    sees = False
    """Whether the model can look at frames: whether it has `posterior` and `resume`."""

    _place: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("_place", torch.zeros(0), persistent=False)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Takes back what ``state_dict`` gave, from whatever device that was."""
        return super().load_state_dict(_on(self._place.device, state_dict), *args, **kwargs)

    @abc.abstractmethod
    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """Learns from all real episodes so far and remembers where imagination may start.

        Args:
            real: Every real episode so far, without truth: frames, boxes of the agent (the first
                is the target's), actions, rewards.
            rng: Source of all randomness.
            effort: Share of the full training schedule to spend; models without one ignore it.

        Returns:
            Metrics, keys without a group.
        """

    @abc.abstractmethod
    def start(self, batch_size: int, rng: torch.Generator) -> State:
        """States in which imagined episodes begin; ``fit`` must have come before."""

    @abc.abstractmethod
    def prior(
        self, state: State, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None
    ) -> State:
        """Draws the next state, given how the camera is moved."""

    @abc.abstractmethod
    def decode(self, state: State) -> View:
        """What a state looks like: the frame, and the box of every object in it."""

    @property
    def choices(self) -> dict[str, Any]:
        """What the model chose by itself where its settings leave it open (``auto``), by key."""
        return {}

    def posterior(self, real: Trajectory) -> Posterior:
        """What the model makes of real episodes (frames, first boxes, actions, camera).

        Raises:
            NotImplementedError: The model cannot look at frames.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot look at frames")

    def resume(self, posterior: Posterior, t: int) -> State:
        """The state that dreams on from what was believed after frame ``t``.

        Slots keep their places, so ``decode(state).box[:, k]`` is the object ``posterior`` had in
        slot ``k``.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot look at frames")


def _on(device: torch.device, value: Any) -> Any:
    """A state with all its tensors on the device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: _on(device, part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_on(device, part) for part in value])
    return value
