"""A whole-frame VAE with recurrent latent dynamics: the usual world model, and AIR's rival.

Source:
    The recurrent state space model of PlaNet (Hafner et al., 2019,
    https://arxiv.org/abs/1811.04551), with the balanced KL of DreamerV2.
"""

import dataclasses
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from envs.settings import setting
from world_models.blocks.distributions import Gaussian
from world_models.blocks.networks import mlp
from world_models.monolith.latent_filter import Dynamics, Latent, bounded_scale
from world_models.monolith.model import Monolith, MonolithSettings


class Recurrent(Dynamics):
    """A deterministic path (GRU) and a stochastic one.

    Args:
        memory: M, size of the deterministic state.
        latent: D, size of the stochastic state.
    """

    def __init__(self, memory: int, latent: int) -> None:
        super().__init__()
        self.memory_size, self.latent_size = memory, latent
        self.feature_size = memory + latent
        self.enter = nn.Sequential(nn.Linear(latent + 2, memory), nn.ELU())
        self.gru = nn.GRUCell(memory, memory)
        self.prior = mlp([memory, 128, 2 * latent], last_gain=0.3)

    def forward(
        self, latent: Latent, camera: Float[Tensor, "B 2"]
    ) -> tuple[Float[Tensor, "B M"], Gaussian]:
        """The next memory, and the prior of the next stochastic state."""
        entered = self.enter(torch.cat([latent.z, 10 * camera], -1))
        memory = self.gru(entered, latent.memory)
        loc, raw = self.prior(memory).chunk(2, -1)
        return memory, Gaussian(loc, bounded_scale(raw))

    def feature(self, latent: Latent) -> Float[Tensor, "*b L"]:
        """Both states."""
        return torch.cat([latent.memory, latent.z], -1)


@dataclasses.dataclass(frozen=True)
class VAERNNSettings(MonolithSettings):
    """What can be set."""

    memory: int = setting(192, "size of the deterministic state", least=1)
    latent: int = setting(32, "size of the stochastic state", least=1)


class VAERNN(Monolith):
    """The monolithic world model with recurrent dynamics.

    Args:
        frame_shape: (C, H, W).
        settings: Keys of `VAERNNSettings`.
    """

    Settings = VAERNNSettings

    def __init__(self, frame_shape: tuple[int, int, int], **settings: Any) -> None:
        chosen = VAERNNSettings(**settings)
        super().__init__(frame_shape, Recurrent(chosen.memory, chosen.latent), chosen)
