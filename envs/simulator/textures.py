"""Tables of backgrounds and of noise, made once per process from fixed seeds.

Which background and which noise an episode gets is drawn from the episode's own generator.
"""

import functools

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from envs.simulator import digit_bank

BACKGROUNDS = 128
NOISE = 1 << 22


@functools.cache
def backgrounds(
    side: int, channels: int, detail: float, clutter: int, device: str = "cpu"
) -> Float[Tensor, "N C W W"]:
    """Pictures in [0, 1] with a period of twice ``side``, in tiles of three times ``side``.

    So every window of ``side`` pixels whose corner lies in the first period is seamless.

    Args:
        side: Pixels of a frame.
        channels: 1 for grey, 3 for colour (channels vary half together, half on their own).
        detail: Weight of a fine texture, 0 to 1.
        clutter: Pieces of digits strewn over each 48 x 48 px, which never move.
        device: Where the table lives.
    """
    rng = torch.Generator().manual_seed(0)
    period = 2 * side
    picture = _smooth(period, 12, channels, rng)
    if detail > 0:
        picture = (1 - detail) * picture + detail * _smooth(period, 3, channels, rng)
    if clutter > 0:
        picture = _strew(picture, round(clutter * (period / 48) ** 2), rng)
    return (
        torch.cat([picture, picture[..., :side]], -1)
        .repeat(1, 1, 2, 1)[:, :, : 3 * side]
        .to(device)
    )


def windows(
    table: Float[Tensor, "N C W W"], index: Int[Tensor, " B"], corner: Int[Tensor, "B 2"]
) -> Float[Tensor, "B C S S"]:
    """Windows of ``table`` (three windows wide) at top left corners (x, y) of any value."""
    side = table.shape[-1] // 3
    x, y = corner.remainder(2 * side).unbind(-1)
    every = table.unfold(2, side, 1).unfold(3, side, 1).permute(0, 2, 3, 1, 4, 5)
    return every[index, y, x]


def _smooth(
    period: int, cell: int, channels: int, rng: torch.Generator
) -> Float[Tensor, "N C P P"]:
    """Periodic bicubic interpolation of random cells of about ``cell`` pixels."""
    cells = max(1, round(period / cell))
    grid = torch.rand(BACKGROUNDS, channels, cells, cells, generator=rng)
    if channels > 1:
        shared = torch.rand(BACKGROUNDS, 1, cells, cells, generator=rng)
        grid = (grid + shared) / 2
    tiled = grid.repeat(1, 1, 3, 3)
    big = F.interpolate(tiled, size=(3 * period, 3 * period), mode="bicubic")
    return big[..., period : 2 * period, period : 2 * period].clamp(0, 1).contiguous()


def _strew(
    picture: Float[Tensor, "N C S S"], pieces: int, rng: torch.Generator
) -> Float[Tensor, "N C S S"]:
    """Pastes quarters of training digits at random places."""
    bank = digit_bank.load("train", None, "cpu").image.view(-1, digit_bank.SIDE, digit_bank.SIDE)
    num, channels, side, _ = picture.shape
    half = digit_bank.SIDE // 2
    for n in range(num):
        for _ in range(pieces):
            row = int(torch.randint(len(bank), (1,), generator=rng))
            y, x = torch.randint(0, half, (2,), generator=rng).tolist()
            alpha = bank[row, y : y + half, x : x + half].float() / 255
            colour = 0.3 + 0.7 * torch.rand(channels, 1, 1, generator=rng)
            top, left = torch.randint(0, side - half, (2,), generator=rng).tolist()
            patch = picture[n, :, top : top + half, left : left + half]
            patch.mul_(1 - alpha).add_(alpha * colour)
    return picture


@functools.cache
def _noise(device: str) -> Float[Tensor, " N"]:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(NOISE, generator=rng).to(device)


def add_noise(frame: Float[Tensor, "B C H W"], amount: float, rng: torch.Generator) -> None:
    """Adds white noise of standard deviation ``amount`` in place.

    The noise is a random slice of a table, which is many times faster than drawing it.
    """
    table, flat = _noise(str(frame.device)), frame.view(-1)
    most = NOISE // 4
    parts = -(-len(flat) // most)
    starts = torch.randint(NOISE - most, (parts,), generator=rng, device=rng.device)
    for part, start in zip(flat.split(most), starts.tolist(), strict=True):
        part.add_(table[start : start + len(part)], alpha=amount)
