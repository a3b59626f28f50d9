"""Where to look next, as AIR was published: a recurrent network regresses it from the picture.

(Eslami et al., 2016, https://arxiv.org/abs/1603.08575.) At every step an LSTM sees the whole
picture and what it found at the step before, and gives the next window and whether there is
anything at all. It stands here beside `world_models.air.frame.discovery.propose` for comparison;
it is a little better off than in the paper, since it also sees what is still unexplained.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import elu

from world_models.blocks.networks import mlp


class Memory(NamedTuple):
    """What the recurrent network carries from step to step."""

    hidden: Float[Tensor, "B M"]
    cell: Float[Tensor, "B M"]
    latents: Float[Tensor, "B L"]
    """z_where, z_what and z_pres of the step before."""


class RecurrentAttention(nn.Module):
    """The LSTM over steps.

    Args:
        evidence_shape: (E, H, W) of what it sees.
        what_dim: Size of ``z_what``.
        log_typical_side: Logarithm of the side (pixels) of a usual window.
        hidden_dim: Size of the LSTM's state.
    """

    MAX_LOG_SIDE = 0.5
    START_PX = 2.0
    """Scale of the posterior of window centres before anything is learned."""
    frame: Float[Tensor, " 2"]
    unit: Float[Tensor, " 3"]

    def __init__(
        self,
        evidence_shape: tuple[int, int, int],
        what_dim: int,
        log_typical_side: float,
        hidden_dim: int = 256,
    ) -> None:
        super().__init__()
        channels, height, width = evidence_shape
        self.hidden_dim = hidden_dim
        self.log_typical_side = log_typical_side
        self.latent_dim = 3 + what_dim + 1
        self.embed = nn.Linear(channels * height * width, hidden_dim)
        self.cell = nn.LSTMCell(hidden_dim + self.latent_dim, hidden_dim)
        self.head = mlp([hidden_dim, hidden_dim, 7], last_gain=0.1)
        self.register_buffer("frame", torch.tensor([width, height]).float(), persistent=False)
        unit = torch.tensor([self.START_PX, self.START_PX, 0.05])
        self.register_buffer("unit", unit, persistent=False)

    def initial(self, batch_size: int) -> Memory:
        """Before the first step: nothing found, but z_pres is 1, so that there is a first step."""
        zeros = self.frame.new_zeros(batch_size, self.hidden_dim)
        latents = self.frame.new_zeros(batch_size, self.latent_dim)
        latents[:, -1] = 1.0
        return Memory(zeros, zeros, latents)

    def forward(
        self, evidence: Float[Tensor, "B E H W"], memory: Memory
    ) -> tuple[Float[Tensor, "B 3"], Float[Tensor, "B 3"], Float[Tensor, " B"], Memory]:
        """Location and scale of the next window, the logit of its presence, and the memory."""
        seen = torch.cat([elu(self.embed(evidence.flatten(1))), memory.latents], -1)
        hidden, cell = self.cell(seen, (memory.hidden, memory.cell))
        out = self.head(hidden)
        xy = self.frame * torch.sigmoid(out[:, :2])
        log_side = self.log_typical_side + self.MAX_LOG_SIDE * torch.tanh(out[:, 2:3])
        scale = out[:, 3:6].clamp(-4, 2).exp() * self.unit
        return (
            torch.cat([xy, log_side], -1),
            scale,
            out[:, 6],
            Memory(hidden, cell, memory.latents),
        )

    def remember(
        self,
        memory: Memory,
        where: Float[Tensor, "B 3"],
        what: Float[Tensor, "B D"],
        presence: Float[Tensor, " B"],
    ) -> Memory:
        """Takes in what the step found."""
        place = torch.cat(
            [where[:, :2] / self.frame - 0.5, where[:, 2:] - self.log_typical_side], -1
        )
        return memory._replace(latents=torch.cat([place, what, presence[:, None]], -1))
