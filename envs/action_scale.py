"""What an action of the tracking task means: how far it moves a box, and back from boxes to it."""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class ActionScale:
    """What a full action does to a box; made once per task and told to whoever acts in it.

    An action is ``(x, y, w, h)`` in [-1, 1]. The centre of the box moves by ``centre * (x, y)``
    box sizes, the logarithm of its size by ``size * (w, h)``.

    Attributes:
        centre: Box sizes that a full action moves the centre (``centre_gain`` of a config).
        size: Log-size that a full action changes (``size_gain`` of a config); 0 keeps the size.
        min_size: No side of a moved box is smaller (fractions of the frame).
        max_size: No side of it is larger.

    Raises:
        ValueError: A number is out of range.
    """

    centre: float = 0.5
    size: float = 0.2
    min_size: float = 0.06
    max_size: float = 0.6

    def __post_init__(self) -> None:
        if self.centre <= 0 or self.size < 0:
            raise ValueError(
                "centre_gain must be positive and size_gain not negative; got "
                f"{self.centre}, {self.size}"
            )
        if not 0 < self.min_size < self.max_size:
            raise ValueError(
                "min_size must be above 0 and below max_size, got "
                f"{self.min_size} and {self.max_size}"
            )

    def move(
        self, box: Float[Tensor, "*n 4"], action: Float[Tensor, "*n 4"]
    ) -> Float[Tensor, "*n 4"]:
        """Moves boxes by actions; actions beyond [-1, 1] are clipped.

        The centre stays inside the frame and the size between ``min_size`` and ``max_size``.
        """
        action = action.clamp(-1.0, 1.0)
        centre = box[..., :2] + self.centre * box[..., 2:] * action[..., :2]
        size = box[..., 2:] * torch.exp(self.size * action[..., 2:])
        limited = size.clamp(self.min_size, self.max_size)
        return torch.cat([centre.clamp(0.0, 1.0), limited], dim=-1)

    def action_to(
        self, box: Float[Tensor, "*n 4"], goal: Float[Tensor, "*n 4"]
    ) -> Float[Tensor, "*n 4"]:
        """The action in [-1, 1] that moves ``box`` to ``goal``, or as near as one action can.

        The inverse of ``move``, but for the limits of the size.
        """
        size = box[..., 2:]
        centre = (goal[..., :2] - box[..., :2]) / (self.centre * size)
        growth = torch.zeros_like(centre)
        if self.size > 0:
            growth = torch.log(goal[..., 2:].clamp(min=1e-6) / size) / self.size
        return torch.cat([centre, growth], dim=-1).clamp(-1.0, 1.0)
