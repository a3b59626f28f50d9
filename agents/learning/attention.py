"""Spatial attention: a glimpse is cut from a frame by two rows of Gaussians (HART, equation 2).

All coordinates are fractions of the frame. The Gaussians' width is tied to the distance between
them: a small, wide apart Gaussian would skip pixels (aliasing), a free one is hard to learn.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from envs.boxes import cut

SIGMA_PER_STRIDE = 0.4
SIGMA_FLOOR = 0.2
"""Width of a Gaussian in pixels: ``0.4 * stride + 0.2``, a straight line where the paper fits a
fourth-order polynomial to imitate bicubic resampling. At stride 1 that is 0.6 px."""
TAIL = 6.0
"""Widths beyond which a Gaussian adds nothing that a float of its sum could hold."""


class Gaussians(NamedTuple):
    """One axis of the attention: a Gaussian around each sample of the window, in pixels."""

    means: Float[Tensor, "N glimpse"]
    sigma: Float[Tensor, " N"]

    @classmethod
    def of(
        cls,
        centre: Float[Tensor, " N"],
        size: Float[Tensor, " N"],
        glimpse: int,
        pixels: int,
        blur: Float[Tensor, " N"] | None = None,
    ) -> "Gaussians":
        """The Gaussians of a window.

        Args:
            centre: Centre of the window, fraction of the axis.
            size: Extent of the window, fraction of the axis.
            glimpse: Samples along the axis; each stands in the middle of its share of the window.
            pixels: Pixels along the axis.
            blur: Factor of the Gaussians' width; None leaves it tied to the distance between them.
        """
        stride = size * pixels / glimpse
        offsets = torch.arange(glimpse, dtype=size.dtype, device=size.device) - (glimpse - 1) / 2
        sigma = SIGMA_PER_STRIDE * stride + SIGMA_FLOOR
        if blur is not None:
            sigma = sigma * blur + 1e-3
        return cls(centre[:, None] * pixels + stride[:, None] * offsets, sigma)

    def matrix(self, pixels: int, first: Int[Tensor, " N"]) -> Float[Tensor, "N glimpse pixels"]:
        """Row j is the j-th Gaussian at ``pixels`` pixels, beginning at ``first``.

        Returns:
            Rows that sum to one, and to nothing where they look far outside the frame (so beyond
            the frame the glimpse is black).
        """
        middles = torch.arange(pixels, dtype=self.sigma.dtype, device=self.sigma.device) + 0.5
        middles = first[:, None] + middles
        distance = (middles[:, None] - self.means[..., None]) / self.sigma[:, None, None]
        # Numbers too small for floats cost tens of times more to compute: stop at exp(-30).
        weights = torch.exp((-0.5 * distance.square()).clamp_(min=-30.0))
        return weights / (weights.sum(-1, keepdim=True) + 1e-3)

    @property
    def reach(self) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
        """First and last pixel that any of them sees."""
        beyond = TAIL * self.sigma
        return self.means[:, 0] - beyond, self.means[:, -1] + beyond


def extract(
    frame: UInt8[Tensor, "N C H W"] | Float[Tensor, "N C H W"],
    window: Float[Tensor, "N 4"],
    glimpse: int,
    blur: Float[Tensor, "N 2"] | None = None,
) -> Float[Tensor, "N C glimpse glimpse"]:
    """Cuts the glimpse ``A_y x A_x^T`` (equation 2), channel by channel.

    Args:
        frame: Pictures; uint8 ones are scaled to [0, 1].
        window: Centre and size of the attended window, as a box.
        glimpse: Rows and columns of the glimpse.
        blur: Factors of the Gaussians' width (x, y), for attention that learns it, too.
    """
    height, width = frame.shape[-2:]
    blur_x, blur_y = (None, None) if blur is None else blur.unbind(-1)
    x = Gaussians.of(window[:, 0], window[:, 2], glimpse, width, blur_x)
    y = Gaussians.of(window[:, 1], window[:, 3], glimpse, height, blur_y)
    low, high = (torch.stack(ends, 1) for ends in zip(x.reach, y.reach, strict=True))
    frame, top, left = cut(frame, low, high)
    if frame.dtype == torch.uint8:
        frame = frame.to(window.dtype) / 255.0
    rows, columns = y.matrix(frame.shape[-2], top), x.matrix(frame.shape[-1], left)
    return rows[:, None] @ frame @ columns[:, None].transpose(-1, -2)


def convolutions(channels: int, first: int, last: int) -> nn.Sequential:
    """V1: from a glimpse to ``last`` maps of half its side.

    Args:
        channels: Of the frames.
        first: Maps of the first convolution.
        last: Maps of the second.
    """
    return nn.Sequential(
        nn.Conv2d(channels, first, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(first, last, 3, padding=1),
        nn.ReLU(),
    )
