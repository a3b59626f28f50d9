"""A scene shows frames with objects in them; it knows nothing of tasks, agents or rewards.

A scene is a simulator, a video, or a world model's imagination (``dyna.loop.imagination``). The
tracking task is written once over this interface, so real and imagined episodes differ in nothing
else.
"""

import abc
import dataclasses
import hashlib
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from envs.factors import Factors

WELL_VISIBLE = 0.5
"""Objects of which more than this share is visible may be the target of an episode."""


@dataclasses.dataclass(frozen=True)
class View:
    """What a batch of scenes shows at one moment; K slots may each hold an object.

    Attributes:
        frame: The picture.
        box: Amodal tight box of each object (what it covers, were it not hidden), fractions of the
            frame. Undefined in empty slots.
        visible: Visible share of each object, 0 to 1; 0 in empty slots.
        id: Identity of each object, constant through an episode; -1 marks an empty slot.
    """

    frame: UInt8[Tensor, "B C H W"]
    box: Float[Tensor, "B K 4"]
    visible: Float[Tensor, "B K"]
    id: Int[Tensor, "B K"]


def restore(rng: torch.Generator, state: Tensor) -> None:
    """Gives a generator the state that another one had (``get_state``).

    Generators of CPU and CUDA have states of different kinds. One of the other kind only seeds the
    generator: it goes on with numbers of its own, the same whenever it is given that state.
    """
    state = state.cpu()
    if state.shape == rng.get_state().shape:
        rng.set_state(state)
    else:
        digest = hashlib.sha256(bytes(state.tolist())).digest()
        rng.manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class Scene(abc.ABC):
    """B scenes side by side. All randomness comes from the generator that is passed in."""

    frame_shape: tuple[int, int, int]
    """(C, H, W) of a frame."""
    num_slots: int
    """K: the most objects that a view can name."""
    num_targets: int | None = None
    """Only so many slots, from the first, may hold the target of an episode; None: all may."""
    num_episodes: int | None = None
    """How many episodes there are, served in order and then again; None: they never end."""
    factors: Factors | None = None
    """What varies between its episodes, where a simulator draws them; None: nobody can say."""
    tells_all: bool = True
    """Whether its views name every object that they show; people annotate only some."""
    min_objects: int = 1
    """The fewest objects that a new scene holds; with 0 some scenes have nothing to track."""

    @abc.abstractmethod
    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        """Draws ``batch_size`` new scenes and shows their first frames."""

    @abc.abstractmethod
    def advance(self, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None) -> View:
        """Moves the scenes one frame on.

        Args:
            rng: Source of all randomness.
            camera: How far the view should move, fractions of the frame (x right, y down). Scenes
                whose camera cannot be moved ignore it.
        """

    def rewind(self) -> None:
        """Starts again with the first episode, where there is a first one."""

    def state_dict(self) -> dict[str, Any]:
        """What must be saved between episodes; scenes keep nothing by default."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
