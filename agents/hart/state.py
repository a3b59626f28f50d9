"""What HART keeps from step to step, and what it can show of one."""

import dataclasses

from jaxtyping import Float
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class HARTState:
    """Memory between steps.

    Attributes:
        h: Output of the LSTM.
        c: Cell of the LSTM.
        appearance: ``alpha``, what the dorsal stream should look for next.
        shift: ``delta_a``, where to look next against the own box (in box sizes and log-size).
        first: The first glimpse.
    """

    h: Float[Tensor, "B D"]
    c: Float[Tensor, "B D"]
    appearance: Float[Tensor, "B E"]
    shift: Float[Tensor, "B 4"]
    first: Float[Tensor, "B C G G"]


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What HART looks at and attends to, for pictures.

    Attributes:
        window: The attended window, as a box.
        glimpse: The glimpse in [0, 1].
        location: ``s_t``, probability that the target is there, over the window; None where it
            was never taught to mean that.
    """

    window: Float[Tensor, "B 4"]
    glimpse: Float[Tensor, "B C G G"]
    location: Float[Tensor, "B S S"] | None
