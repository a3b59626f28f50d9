"""HART's losses (Kosiorek et al., NIPS 2017), one number per step; equation numbers are its own.

Boxes and windows are (centre x, y, width, height) in fractions of the frame (``envs.boxes``).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from envs import boxes

FLOOR = 0.05
"""An IoU below this counts as this much: near 0 the logarithm's slope would drown all others."""


def tracking(
    box: Float[Tensor, "*n 4"], target: Float[Tensor, "*n 4"], floor: float = FLOOR
) -> Float[Tensor, "*n"]:
    """``-log IoU(b_hat, b)`` (equation 10), clipped at ``-log floor``, where it has no slope."""
    return -boxes.iou(box, target).clamp(min=floor).log()


def pull(mean: Float[Tensor, "*n 4"], best: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n"]:
    """Huber distance to the action that goes to the target as far as one action can.

    Equation 10 has no gradient for boxes that do not meet, nor for actions beyond [-1, 1]. This
    one always pulls, and never by more than 1 per axis however far the target is.
    """
    return F.smooth_l1_loss(mean, best, beta=0.1, reduction="none").sum(-1)


def spatial(
    window: Float[Tensor, "*n 4"], target: Float[Tensor, "*n 4"], floor: float = FLOOR
) -> Float[Tensor, "*n"]:
    """``-log(area(a & b) / area(b)) - log(1 - IoU(a, frame))`` (equation 11).

    The window should hold the target, and little else of the frame.
    """
    held = _intersection(window, target) / target[..., 2:].prod(-1).clamp(min=1e-9)
    whole = window.new_tensor([0.5, 0.5, 1.0, 1.0]).expand_as(window)
    size = boxes.iou(window, whole)
    return -held.clamp(floor, 1.0).log() - (1 - size).clamp(min=floor).log()


def places(
    window: Float[Tensor, "*n 4"], target: Float[Tensor, "*n 4"], side: int
) -> Float[Tensor, "*n P"]:
    """``tau(a, b)``: 1 at those of ``side`` x ``side`` places of the window that the box covers.

    A place is covered if its middle is; places go row by row.
    """
    middle = (torch.arange(side, device=window.device) + 0.5) / side - 0.5
    at = window[..., :2, None] + middle * window[..., 2:, None]
    inside = (at - target[..., :2, None]).abs() <= target[..., 2:, None] / 2
    x, y = inside.unbind(-2)
    return (y[..., :, None] & x[..., None, :]).flatten(-2).to(window.dtype)


def appearance(
    location: Float[Tensor, "*n P"], covered: Float[Tensor, "*n P"]
) -> Float[Tensor, "*n"]:
    """Cross-entropy between the location map and ``tau`` (equation 12), classes balanced.

    Target and background weigh half of a map each, however few places they have; where a map has
    only one of them, that is all. With every place alike, "nothing here" would nearly be right.
    """
    entropy = F.binary_cross_entropy(location.clamp(1e-6, 1 - 1e-6), covered, reduction="none")
    share = covered.mean(-1, keepdim=True)
    weight = covered / (2 * share).clamp(min=1e-6) + (1 - covered) / (2 - 2 * share).clamp(1e-6)
    alone = (share == 0) | (share == 1)
    return (entropy * torch.where(alone, 1.0, weight)).mean(-1)


def filters(dynamic: Float[Tensor, "B T F"]) -> Float[Tensor, ""]:
    """``1/2 |E[Psi_t]|^2`` of the dynamic filters, the mean being over all steps."""
    return 0.5 * dynamic.flatten(0, 1).mean(0).square().sum()


def average(loss: Float[Tensor, "B T"], weight: Float[Tensor, "B T"]) -> Float[Tensor, ""]:
    """Weighted mean over steps; 0 if none counts. A loss without weight may be anything."""
    loss = torch.where(weight > 0, loss, 0.0)
    return (loss * weight).sum() / weight.sum().clamp(min=1.0)


class AdaptiveWeights(nn.Module):
    """One learned weight per loss (Kendall et al. 2017): ``sum lambda_i L_i - log lambda_i``.

    At the optimum ``lambda_i = 1 / L_i``. (The paper prints the regulariser with the other sign,
    which would drive every weight to 0; its code has this one.) ``lambda = v^2``, from 1.

    Args:
        names: Of the losses.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names
        self.root = nn.Parameter(torch.ones(len(names)))

    def forward(self, losses: dict[str, Tensor]) -> Float[Tensor, ""]:
        """The sum to be minimised, over those of its names that are given.

        Args:
            losses: One number by name.
        """
        weights = dict(zip(self.names, self.root.square() + 1e-8, strict=True))
        return torch.stack(
            [w * losses[name] - w.log() for name, w in weights.items() if name in losses]
        ).sum()


def _intersection(a: Float[Tensor, "*n 4"], b: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n"]:
    a_xyxy, b_xyxy = boxes.to_xyxy(a), boxes.to_xyxy(b)
    low = torch.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
    high = torch.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    return (high - low).clamp(min=0).prod(-1)


def meets(a: Float[Tensor, "*n 4"], b: Float[Tensor, "*n 4"]) -> Bool[Tensor, "*n"]:
    """Whether boxes overlap at all."""
    return _intersection(a, b) > 0
