"""A whole-frame VAE whose latents move on locally linearly: nothing is remembered but the state.

Source:
    Embed to Control (Watter et al., 2015, https://arxiv.org/abs/1506.07365) for the transition;
    deep variational Bayes filters (Karl et al., 2017, https://arxiv.org/abs/1605.06432) for
    mixing a few matrices and for inferring states by filtering.
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


class LocallyLinear(Dynamics):
    """``z' = A(z) z + B(z) a + c(z) + noise``; A, B, c are mixtures of a few, weighted by z.

    There is no memory beside z: the filter is only told what was predicted.

    Args:
        latent: D, size of the state.
        modes: How many linear maps are mixed.
    """

    BOUND = 8.0
    """States are softly kept within this: a product of many maps may grow without limit."""

    def __init__(self, latent: int, modes: int) -> None:
        super().__init__()
        self.latent_size = self.memory_size = self.feature_size = latent
        self.weigh = mlp([latent, 64, modes])
        change = 0.02 * torch.randn(modes, latent, latent)
        self.change = nn.Parameter(change)
        self.push = nn.Parameter(torch.zeros(modes, latent, 2))
        self.shift = nn.Parameter(torch.zeros(modes, latent))
        self.raw_scale = nn.Parameter(torch.full((modes, latent), -1.0))

    def forward(
        self, latent: Latent, camera: Float[Tensor, "B 2"]
    ) -> tuple[Float[Tensor, "B M"], Gaussian]:
        """What is predicted, and the prior of the next state around it."""
        z = latent.z
        weight = self.weigh(z).softmax(-1)
        moved = torch.einsum("bn,nij,bj->bi", weight, self.change, z)
        pushed = torch.einsum("bn,nij,bj->bi", weight, self.push, 10 * camera)
        loc = z + moved + pushed + weight @ self.shift
        loc = self.BOUND * torch.tanh(loc / self.BOUND)
        return loc, Gaussian(loc, bounded_scale(weight @ self.raw_scale))

    def feature(self, latent: Latent) -> Float[Tensor, "*b L"]:
        """The state."""
        return latent.z


@dataclasses.dataclass(frozen=True)
class LinearSettings(MonolithSettings):
    """What can be set."""

    latent: int = setting(64, "size of the state", least=1)
    modes: int = setting(8, "linear maps that are mixed", least=1)


class Linear(Monolith):
    """The monolithic world model with locally linear dynamics.

    Args:
        frame_shape: (C, H, W).
        settings: Keys of `LinearSettings`.
    """

    Settings = LinearSettings

    def __init__(self, frame_shape: tuple[int, int, int], **settings: Any) -> None:
        chosen = LinearSettings(**settings)
        super().__init__(frame_shape, LocallyLinear(chosen.latent, chosen.modes), chosen)
