"""The reference that knows the truth: the most that any agent can get in this task."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from agents.base import BoxTracker
from envs.trajectory import Observation


class Oracle(BoxTracker):
    """Goes to the true box, as far as one action carries; below 1 where the target outruns that.

    Args:
        frame_shape: (C, H, W) of a frame; not used.
        seed: Not used.
        device: Not used; the actions live where the boxes do.
    """

    privileged = True

    def __init__(
        self, frame_shape: Sequence[int] | None = None, seed: int = 0, device: str = "cpu"
    ) -> None:
        pass

    def initial(self, obs: Observation) -> None:
        """There is nothing to remember."""

    def locate(self, obs: Observation, state: Any) -> tuple[Float[Tensor, "B 4"], None]:
        """The target's true box.

        Raises:
            RuntimeError: No env was handed over.
        """
        if self.env is None:
            raise RuntimeError("the oracle reads the truth: call prepare(env) before it acts")
        return self.env.target_box, None
