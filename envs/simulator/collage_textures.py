"""Textures of collages: what a tracker must get along with before it has seen any real video.

Random ones are pictures in which nearby pixels are alike, as in natural ones, whose spectra fall
as a power of the frequency (Field, "Relations between the statistics of natural images", 1987);
some of them have hard edges. Others are cut from photographs.
"""

import numpy as np
import sklearn.datasets
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

FLATTEST, STEEPEST = 0.6, 2.2
"""Powers by which the amplitude falls with the frequency: from fine grain to clouds."""


def random_textures(
    number: int, channels: int, side: int, rng: torch.Generator
) -> Float[Tensor, "N C S S"]:
    """Draws textures in [0, 1]; each is seamless: its opposite edges fit.

    Args:
        number: N.
        channels: 1 for grey, 3 for colour.
        side: S: pixels along an edge.
        rng: Source of randomness.
    """
    device = rng.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=rng, device=device)

    power = FLATTEST + (STEEPEST - FLATTEST) * uniform(number, 1, 1, 1)
    # Two fields that do not depend on each other, mixed into the colours.
    field = _field(number, 2, side, power, rng)
    steps = 2 + 6 * uniform(number, 1, 1, 1)
    hard = uniform(number, 1, 1, 1) < 0.4
    field = torch.where(hard, (field * steps).round() / steps, field)
    # Few things are as colourful as they could be, and colours vary mostly together.
    vivid = 0.5 * uniform(number, 1, 1, 1) ** 2
    mean = (1 - vivid) * uniform(number, 1, 1, 1) + vivid * uniform(number, channels, 1, 1)
    directions = torch.randn(number, channels, 2, generator=rng, device=device)
    if channels > 1:
        directions = 0.7 * directions[:, :1] + 0.3 * directions
    contrast = 0.03 + 0.25 * uniform(number, 1, 1) ** 2
    colour = torch.einsum("ncf,nfhw->nchw", contrast * directions, field)
    return (0.1 + 0.8 * mean + colour).clamp(0, 1)


def _field(
    number: int, layers: int, side: int, power: Float[Tensor, "N 1 1 1"], rng: torch.Generator
) -> Float[Tensor, "N L S S"]:
    """Random fields of unit variance with the given spectra."""
    white = torch.randn(number, layers, side, side, generator=rng, device=rng.device)
    rows = torch.fft.fftfreq(side, device=rng.device)[:, None]
    columns = torch.fft.rfftfreq(side, device=rng.device)
    frequency = torch.hypot(rows, columns).clamp(min=1 / side)
    spectrum = torch.fft.rfft2(white) * frequency ** (-power)
    spectrum[..., 0, 0] = 0
    field = torch.fft.irfft2(spectrum, s=(side, side))
    return field / field.std((-1, -2), keepdim=True)


def photo_textures(
    number: int, channels: int, side: int, split: str, rng: torch.Generator
) -> Float[Tensor, "N C S S"]:
    """Pieces of the two photographs that scikit-learn brings, in other colours; seamless, too.

    Args:
        number: N.
        channels: 1 for grey, 3 for colour.
        side: S: pixels along an edge; even.
        split: ``train`` takes the left three quarters of the photographs, ``test`` the right one.
        rng: Source of randomness.
    """
    photos = torch.from_numpy(np.stack(sklearn.datasets.load_sample_images().images))
    photos = photos.permute(0, 3, 1, 2).float() / 255
    cut = photos.shape[-1] * 3 // 4
    photos = photos[..., :cut] if split == "train" else photos[..., cut:]
    height, width = photos.shape[-2:]
    pieces = []
    for _ in range(number):
        u = torch.rand(6, generator=rng, device=rng.device).tolist()
        extent = int(20 * (min(height, width) / 20) ** u[0])
        top, left = int(u[1] * (height - extent + 1)), int(u[2] * (width - extent + 1))
        piece = photos[int(2 * u[3]), :, top : top + extent, left : left + extent]
        piece = piece.flip(-1) if u[4] < 0.5 else piece
        piece = piece.mT if u[5] < 0.5 else piece
        piece = F.interpolate(piece[None], (side // 2, side // 2), mode="bilinear", antialias=True)
        pieces.append(piece[0])
    piece = torch.stack(pieces).to(rng.device)
    piece = torch.cat([piece, piece.flip(-1)], -1)
    piece = torch.cat([piece, piece.flip(-2)], -2)
    # Other colours: channels change places, and contrast and brightness are drawn anew.
    order = torch.rand(number, 3, generator=rng, device=rng.device).argsort(-1)
    piece = piece.gather(1, order[:, :, None, None].expand_as(piece))
    grey = piece.mean(1, keepdim=True)
    v = torch.rand(number, 3, 1, 1, 1, generator=rng, device=rng.device).unbind(1)
    piece = grey + (piece - grey) * 1.2 * v[0] ** 2
    piece = (piece - 0.5) * (0.4 + v[1]) + 0.5 + 0.5 * (v[2] - 0.5)
    return (piece if channels == 3 else piece.mean(1, keepdim=True)).clamp(0, 1)
