"""The state of imagined scenes."""

import dataclasses

from jaxtyping import Float, Int
from torch import Tensor

from world_models.canvas import Backdrop


@dataclasses.dataclass(frozen=True)
class DreamState:
    """A batch of imagined scenes: where everything is; what it looks like never changes.

    Attributes:
        where: Windows of the objects.
        velocity: Pixels per frame in the world.
        hidden: State of the transition.
        glimpse: Each object's picture (colour times alpha, alpha), decoded once.
        extent: Extent of each mask in its window.
        alive: 1 where there is an object.
        order: The slots from the hindmost to the foremost.
        background: The background's picture.
        backdrop: What the background is cut from where the view moves over it; else None.
        noise: Where in the noise table this frame's noise begins.
    """

    where: Float[Tensor, "B K w"]
    velocity: Float[Tensor, "B K 2"]
    hidden: Float[Tensor, "B K M"]
    glimpse: Float[Tensor, "B K c g g"]
    extent: Float[Tensor, "B K 4"]
    alive: Float[Tensor, "B K"]
    order: Int[Tensor, "B K"]
    background: Float[Tensor, "B C H W"]
    noise: int
    backdrop: Backdrop | None = None
