"""Backgrounds: what a frame shows where no object is, and how noisy each pixel of it is.

A VAE draws them. What it must not do is draw objects. A ``smooth`` one cannot, for its canvas is
a coarse grid, smoothly enlarged. A ``free`` one draws every pixel on its own, so it can show a
texture; objects are kept out of it because its latent is costly, because it is fitted first and
robustly, and because later it answers only for the pixels that no object explains.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from world_models.blocks.fixed_order import median
from world_models.blocks.networks import mlp

LATENT_COST = {"smooth": 1.0, "free": 10.0}
"""What a nat of ``z_bg`` costs, by kind: a texture is worth it, the shade of a digit is not."""


class Background(nn.Module):
    """Encoder and decoder of the background latent ``z_bg``.

    Args:
        frame_shape: (C, H, W).
        latent_dim: Size of ``z_bg``.
        grid: Side of the coarse grid that the decoder of a smooth background fills.
        kind: ``smooth`` or ``free``.

    Raises:
        ValueError: The kind is unknown.
    """

    ENCODER_GRID = 12
    FREE_HIDDEN = 128
    rows: Float[Tensor, "H g"]
    columns: Float[Tensor, "W g"]
    noise: Float[Tensor, "C H W"]
    """Scale of each pixel's noise about the background, as `measure_noise` found it."""

    def __init__(
        self,
        frame_shape: tuple[int, int, int],
        latent_dim: int,
        grid: int = 6,
        kind: str = "smooth",
    ) -> None:
        super().__init__()
        if kind not in LATENT_COST:
            raise ValueError(f"background must be one of {list(LATENT_COST)}, got {kind!r}")
        channels, height, width = frame_shape
        self.frame_shape = frame_shape
        self.grid = grid
        self.smooth = kind == "smooth"
        self.latent_cost = LATENT_COST[kind]
        pixels, hidden = channels * height * width, self.FREE_HIDDEN
        if self.smooth:
            self.encoder = mlp([channels * self.ENCODER_GRID**2, 128, 2 * latent_dim])
            self.decoder = mlp([latent_dim, 64, channels * grid**2])
        else:
            self.encoder = mlp([pixels, hidden, 2 * latent_dim])
            self.decoder = mlp([latent_dim, hidden, pixels])
        self.register_buffer("rows", enlarger(grid, height), persistent=False)
        self.register_buffer("columns", enlarger(grid, width), persistent=False)
        self.register_buffer("noise", torch.zeros(frame_shape))

    def posterior(
        self, frame: Float[Tensor, "B C H W"]
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        """Location and scale of q(z_bg given frame)."""
        seen = adaptive_avg_pool2d(frame, self.ENCODER_GRID) if self.smooth else frame
        loc, log_scale = self.encoder(3 * seen.flatten(1)).chunk(2, -1)
        return loc, log_scale.clamp(-5, 2).exp()

    def decode(self, z_bg: Float[Tensor, "B D"]) -> Float[Tensor, "B C H W"]:
        """The background picture, in [0, 1] up to the overshoot of bicubic enlargement."""
        out = torch.sigmoid(self.decoder(z_bg))
        if not self.smooth:
            return out.view(-1, *self.frame_shape)
        coarse = out.view(-1, self.frame_shape[0], self.grid, self.grid)
        return self.rows @ coarse @ self.columns.T

    @torch.no_grad()
    def measure_noise(self, frame: Float[Tensor, "N C H W"]) -> None:
        """Measures how far each pixel usually is from the background.

        The median absolute deviation (times 1.4826: the scale of a Gaussian) does not see what
        covers a pixel in fewer than half of the frames.
        """
        error = (frame - self.decode(self.posterior(frame)[0])).abs()
        self.noise.copy_(1.4826 * median(error, 0))


def enlarger(grid: int, size: int) -> Float[Tensor, "size grid"]:
    """The matrix that enlarges an axis of ``grid`` cells to ``size`` pixels bicubically."""
    eye = torch.eye(grid)[None, None]
    return interpolate(eye, size=(size, grid), mode="bicubic", align_corners=False)[0, 0]
