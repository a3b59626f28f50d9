"""A plain recurrent state-space model, as PlaNet and Dreamer imagine with (Hafner et al., 2019).

Sizes are theirs: a GRU of 200 units, a Gaussian latent of 30, and four layers of deconvolution to
64 x 64. It is not trained: what it draws takes the same time.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

HIDDEN, LATENT, ACTIONS = 200, 30, 4
LEAST_STD = 0.1


class RSSM(nn.Module):
    """The prior and the decoder, without the encoder, which imagination does not use.

    Args:
        channels: Of the frames.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.embed = nn.Linear(LATENT + ACTIONS, HIDDEN)
        self.gru = nn.GRUCell(HIDDEN, HIDDEN)
        self.inner = nn.Linear(HIDDEN, HIDDEN)
        self.outer = nn.Linear(HIDDEN, 2 * LATENT)
        self.spread = nn.Linear(HIDDEN + LATENT, 1024)
        self.deconvolve = nn.Sequential(
            nn.ConvTranspose2d(1024, 128, 5, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 5, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 6, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(32, channels, 6, stride=2),
        )

    def prior(
        self,
        hidden: Float[Tensor, "B 200"],
        latent: Float[Tensor, "B 30"],
        action: Float[Tensor, "B 4"],
        rng: torch.Generator,
    ) -> tuple[Float[Tensor, "B 200"], Float[Tensor, "B 30"]]:
        """Draws the next state."""
        hidden = self.gru(self.embed(torch.cat([latent, action], -1)).relu(), hidden)
        mean, std = self.outer(self.inner(hidden).relu()).chunk(2, -1)
        noise = torch.empty_like(mean).normal_(generator=rng)
        return hidden, mean + (nn.functional.softplus(std) + LEAST_STD) * noise

    def decode(
        self, hidden: Float[Tensor, "B 200"], latent: Float[Tensor, "B 30"]
    ) -> Float[Tensor, "B C 64 64"]:
        """The frame's mean."""
        return self.deconvolve(self.spread(torch.cat([hidden, latent], -1))[..., None, None])


@torch.no_grad()
def dreams(model: RSSM, batch_size: int, steps: int, decode: bool, rng: torch.Generator) -> int:
    """Imagines so many steps under random actions; returns the number of frames."""
    hidden, latent = torch.zeros(batch_size, HIDDEN), torch.zeros(batch_size, LATENT)
    for _ in range(steps):
        action = torch.empty(batch_size, ACTIONS).uniform_(-1, 1, generator=rng)
        hidden, latent = model.prior(hidden, latent, action, rng)
        if decode:
            model.decode(hidden, latent)
    return batch_size * steps
