"""Slots of a scene: what is believed of each object."""

import dataclasses

from jaxtyping import Float, Int
from torch import Tensor

from world_models.air.background.canvas import Snapshot
from world_models.blocks.distributions import Gaussian

LOGIT_LIMIT = 8.0


@dataclasses.dataclass(frozen=True)
class Slots:
    """What is believed of the objects of each scene at one moment.

    Attributes:
        where: Posterior of each window.
        velocity: Pixels per frame in the world, from posterior means.
        hidden: State of the transition.
        what: Posterior of each appearance.
        logits: Evidence of presence, gathered over time.
        alive: 1 where the slot holds an object, seen or hidden.
        age: Frames since the object was found (1 in the frame of its discovery).
        unseen: Frames in a row in which the object was not seen, though it may still be there.
        visible: Share of the object that can be seen; 0 where it is not.
        front: Log-odds that the object of the row is in front of that of the column.
        needed: Nats that the frames so far gain by this slot beside an older one that is near.
        id: Identity; -1 in empty slots.
        next_id: The next identity to be given away.
        z_bg: Background latent, the mean of the posteriors of all frames so far.
        num_frames: How many those are.
        camera: How the view moved and what it has shown; None where nobody watches.
    """

    where: Gaussian
    velocity: Float[Tensor, "B K 2"]
    hidden: Float[Tensor, "B K M"]
    what: Gaussian
    logits: Float[Tensor, "B K"]
    alive: Float[Tensor, "B K"]
    age: Float[Tensor, "B K"]
    unseen: Float[Tensor, "B K"]
    visible: Float[Tensor, "B K"]
    front: Float[Tensor, "B K K"]
    needed: Float[Tensor, "B K"]
    id: Int[Tensor, "B K"]
    next_id: Int[Tensor, " B"]
    z_bg: Float[Tensor, "B D"]
    num_frames: int
    camera: Snapshot | None = None
