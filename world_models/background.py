"""A background that cannot draw objects: a VAE whose canvas is a coarse grid, smoothly enlarged.

Too little capacity for digits is the point: what it cannot explain is left to the objects.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from world_models.networks import mlp


class Background(nn.Module):
    """Encoder and decoder of the background latent ``z_bg``.

    Args:
        frame_shape: (C, H, W).
        latent_dim: Size of ``z_bg``.
        grid: Side of the coarse grid that the decoder fills.
    """

    ENCODER_GRID = 12
    rows: Float[Tensor, "H g"]
    columns: Float[Tensor, "W g"]

    def __init__(self, frame_shape: tuple[int, int, int], latent_dim: int, grid: int = 6) -> None:
        super().__init__()
        channels, height, width = frame_shape
        self.frame_shape = frame_shape
        self.grid = grid
        self.encoder = mlp([channels * self.ENCODER_GRID**2, 128, 2 * latent_dim])
        self.decoder = mlp([latent_dim, 64, channels * grid**2])
        self.register_buffer("rows", _enlarger(grid, height), persistent=False)
        self.register_buffer("columns", _enlarger(grid, width), persistent=False)

    def posterior(
        self, frame: Float[Tensor, "B C H W"]
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        """Location and scale of q(z_bg given frame)."""
        small = adaptive_avg_pool2d(frame, self.ENCODER_GRID).flatten(1)
        loc, log_scale = self.encoder(3 * small).chunk(2, -1)
        return loc, log_scale.clamp(-5, 2).exp()

    def decode(self, z_bg: Float[Tensor, "B D"]) -> Float[Tensor, "B C H W"]:
        """The background picture, in [0, 1] up to the overshoot of bicubic enlargement."""
        channels = self.frame_shape[0]
        coarse = torch.sigmoid(self.decoder(z_bg)).view(-1, channels, self.grid, self.grid)
        return self.rows @ coarse @ self.columns.T


def _enlarger(grid: int, size: int) -> Float[Tensor, "size grid"]:
    """The matrix that enlarges an axis of ``grid`` cells to ``size`` pixels bicubically."""
    eye = torch.eye(grid)[None, None]
    return interpolate(eye, size=(size, grid), mode="bicubic", align_corners=False)[0, 0]
