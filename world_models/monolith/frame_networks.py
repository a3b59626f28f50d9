"""Networks from a whole frame to features and back, and from these to the target's box.

No object has its own place. A pointer looks for the target by what it looked like in the first
frame, near where it is expected, and tells where it seems to be. Everything that it says ends in
one latent vector.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from world_models.blocks.networks import mlp

STRIDE = 4
"""Pixels per cell of the map in which the target is looked for."""


class Features(NamedTuple):
    """What the convolutions make of frames: a map of features, and a summary of the whole."""

    map: Float[Tensor, "*b F h w"]
    summary: Float[Tensor, "*b S"]


class Encoder(nn.Module):
    """Frames to features.

    Args:
        frame_shape: (C, H, W).
        width: Channels of the first layer; they double twice.
        summary: S, size of the summary of a frame.
    """

    def __init__(
        self, frame_shape: tuple[int, int, int], width: int = 16, summary: int = 128
    ) -> None:
        super().__init__()
        channels, height, breadth = frame_shape
        self.features = 2 * width
        self.fine = nn.Sequential(
            nn.Conv2d(channels, width, 5, 2, 2),
            nn.ELU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            nn.ELU(),
        )
        self.coarse = nn.Sequential(nn.Conv2d(2 * width, 4 * width, 3, 2, 1), nn.ELU())
        self.map = nn.Conv2d(2 * width, self.features, 1)
        self.context = nn.Conv2d(4 * width, 4 * self.features, 1)
        cells = math.prod(math.ceil(side / (2 * STRIDE)) for side in (height, breadth))
        self.summary = nn.Sequential(nn.Linear(4 * width * cells, summary), nn.ELU())

    def forward(self, frame: Float[Tensor, "N C H W"]) -> Features:
        """All frames at once: this part needs no memory."""
        fine = self.fine(frame)
        coarse = self.coarse(fine)
        context = nn.functional.pixel_shuffle(self.context(coarse), 2)
        height, width = fine.shape[-2:]
        found = self.map(fine) + context[..., :height, :width]
        return Features(found, self.summary(coarse.flatten(1)))


class Pointer(nn.Module):
    """Where the target seems to be: attention over the map, drawn to the expected place.

    Args:
        features: F, channels of the map.
        memory: M, size of what the dynamics remember.
    """

    def __init__(self, features: int, memory: int) -> None:
        super().__init__()
        self.features = features
        self.query = mlp([2 * features + memory, 64, features])
        self.reach = nn.Parameter(torch.tensor(math.log(0.15)))

    def template(
        self, found: Float[Tensor, "B F h w"], box: Float[Tensor, "B 4"]
    ) -> Float[Tensor, "B G"]:
        """What the target looks like: the mean feature within its box, and that around it."""
        offset = (self._grid(found)[None] - box[:, None, :2]) / box[:, None, 2:]
        inside = torch.sigmoid(12 * (0.5 - offset.abs().amax(-1)))
        around = torch.sigmoid(12 * (1.0 - offset.abs().amax(-1))) - inside
        flat = found.flatten(2)
        parts = [(flat * w[:, None]).sum(-1) / (w.sum(-1, True) + 1e-3) for w in (inside, around)]
        return torch.cat(parts, -1)

    def forward(
        self,
        found: Float[Tensor, "B F h w"],
        template: Float[Tensor, "B G"],
        memory: Float[Tensor, "B M"],
        expected: Float[Tensor, "B 4"],
    ) -> tuple[Float[Tensor, "B P"], Float[Tensor, "B 2"]]:
        """What the map says of the target.

        Returns:
            A summary for whoever reads on, and where the target's centre seems to be, fractions of
            the frame. The summary holds that place (also relative to the expected one), the spread
            of the attention, the feature there, and how well it fits.
        """
        query = self.query(torch.cat([template, memory], -1))
        flat, grid = found.flatten(2), self._grid(found)
        fit = (flat * query[..., None]).sum(1) / math.sqrt(self.features)
        far = (grid[None] - expected[:, None, :2]).square().sum(-1)
        weight = (fit - 0.5 * far * (-2 * self.reach).exp()).softmax(-1)
        place = weight @ grid
        variance = (weight * (grid[None] - place[:, None]).square().sum(-1)).sum(-1, True)
        spread = 10 * (variance + 1e-6).sqrt()
        feature = (flat * weight[:, None]).sum(-1)
        best = (fit * weight).sum(-1, True) / 5
        offset = 10 * (place - expected[:, :2])
        return torch.cat([offset, 4 * (place - 0.5), spread, feature, best], -1), place

    @property
    def size(self) -> int:
        """P."""
        return self.features + 6

    @staticmethod
    def _grid(found: Float[Tensor, "B F h w"]) -> Float[Tensor, "n 2"]:
        """Centres (x, y) of the cells, fractions of the frame."""
        height, width = found.shape[-2:]
        y = (torch.arange(height, device=found.device) + 0.5) / height
        x = (torch.arange(width, device=found.device) + 0.5) / width
        return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).flatten(0, 1)


class Decoder(nn.Module):
    """Draws frames from latents.

    Args:
        frame_shape: (C, H, W).
        latent: Size of a latent.
        width: Channels of the last hidden layer; twice and four times as many before.
    """

    def __init__(self, frame_shape: tuple[int, int, int], latent: int, width: int = 16) -> None:
        super().__init__()
        channels, self.height, self.width = frame_shape
        self.grid = (4 * width, math.ceil(self.height / 8), math.ceil(self.width / 8))
        self.spread = nn.Sequential(nn.Linear(latent, math.prod(self.grid)), nn.ELU())
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1),
            nn.ELU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.ELU(),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
        )
        last = self.layers[-1]
        assert isinstance(last, nn.ConvTranspose2d)
        last.weight.data.mul_(0.1)
        self.mean = nn.Parameter(torch.zeros(frame_shape))

    def forward(self, latent: Float[Tensor, "N L"]) -> Float[Tensor, "N C H W"]:
        """Means of frames, in about [0, 1]."""
        drawn = self.layers(self.spread(latent).unflatten(1, self.grid))
        return drawn[..., : self.height, : self.width] + self.mean


class BoxHead(nn.Module):
    """The target's box from a latent.

    Args:
        latent: Size of a latent.
    """

    SMALLEST = 0.04
    LARGEST = 0.8

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.layers = mlp([latent, 128, 4], last_gain=0.1)

    def forward(self, latent: Float[Tensor, "*b L"]) -> Float[Tensor, "*b 4"]:
        """Boxes; sizes between `SMALLEST` and `LARGEST`, centres wherever they are."""
        out = self.layers(latent)
        size = (out[..., 2:] + math.log(0.25)).exp()
        return torch.cat([0.5 + out[..., :2], size.clamp(self.SMALLEST, self.LARGEST)], -1)
