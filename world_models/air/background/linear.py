"""A smooth background that is not learned but solved for, robustly, in every picture.

The canvas is the same coarse grid, smoothly enlarged, as that of the smooth VAE. It is linear in
its cells, so their best values follow in closed form; what deviates too far is an object, and is
weighed down until only background is left. So there is nothing to train and no colour to miss.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from world_models.air.background.autoencoder import Background, enlarger
from world_models.blocks.fixed_order import median


class LinearBackground(Background):
    """Robust regression of a picture on a smooth canvas; ``z_bg`` holds the cells of the grid.

    Args:
        frame_shape: (C, H, W).
        grid: Side of the coarse grid.

    Source:
        Iteratively reweighted least squares with the weights of Geman and McClure (1987); the
        scale shrinks from step to step as in graduated non-convexity (Blake and Zisserman, 1987).
    """

    POOL = 16
    SCALES = (0.15, 0.12, 0.08, 0.06, 0.06)
    RIDGE = 1.0
    SPREAD = 0.02
    basis: Float[Tensor, "P D"]
    products: Float[Tensor, "P pairs"]
    """Of every two columns of the basis, each pair once."""
    place: Int[Tensor, "D D"]
    """Where among the pairs any two are."""

    def __init__(self, frame_shape: tuple[int, int, int], grid: int = 6) -> None:
        super().__init__(frame_shape, latent_dim=1, grid=grid)
        del self.encoder, self.decoder
        side = enlarger(grid, self.POOL)
        basis = torch.einsum("ya,xb->yxab", side, side).reshape(self.POOL**2, grid**2)
        self.register_buffer("basis", basis, persistent=False)
        one, other = torch.triu_indices(grid**2, grid**2)
        place = torch.empty(grid**2, grid**2, dtype=torch.long)
        place[one, other] = place[other, one] = torch.arange(len(one))
        self.register_buffer("place", place, persistent=False)
        self.register_buffer("products", basis[:, one] * basis[:, other], persistent=False)

    @torch.no_grad()
    def posterior(
        self, frame: Float[Tensor, "B C H W"]
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        """The cells, and about how precisely noise lets them be known."""
        pixels = adaptive_avg_pool2d(frame, self.POOL).flatten(2)
        middle = median(pixels, 2, keepdim=True)
        target = pixels - middle
        # Where all is covered, the ridge falls back on the median colour.
        ridge = self.RIDGE * torch.eye(self.basis.shape[1], device=frame.device)
        error, cells = target, None
        for scale in self.SCALES:
            weight = (1 + error.square().mean(1) / scale**2) ** -2
            # One large product instead of one per picture: half the time of the whole.
            normal = (weight @ self.products)[:, self.place] + ridge
            goal = (weight[:, None] * target) @ self.basis
            cells = torch.linalg.solve(normal, goal.transpose(1, 2)).transpose(1, 2)
            error = target - cells @ self.basis.T
        assert cells is not None
        loc = (cells + middle).flatten(1)
        return loc, torch.full_like(loc, self.SPREAD)

    def decode(self, z_bg: Float[Tensor, "B D"]) -> Float[Tensor, "B C H W"]:
        """The background picture."""
        cells = z_bg.view(-1, self.frame_shape[0], self.grid, self.grid)
        return self.rows @ cells @ self.columns.T
