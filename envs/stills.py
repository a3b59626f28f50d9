"""Still pictures of 0 to 2 digits, the field's test of unsupervised counting.

50 x 50 pixels, digits of 28 x 28 (MNIST's own size) whose inked boxes do not overlap, as in AIR
(Eslami et al., 2016, https://arxiv.org/abs/1603.08575). The noise and grid backgrounds are those
of SuPAIR (Stelzner et al., 2019, https://proceedings.mlr.press/v97/stelzner19a.html), on which
AIR without a background model fails.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from envs.boxes import from_xyxy
from envs.scene import Scene, View
from envs.settings import Settings, configured_by, setting
from envs.simulator import digit_files, sprites
from envs.tracking import Tracking

FRAME = 50
SIDE = 28
MOST = 2
"""Most digits in a picture."""
BACKGROUNDS = ("clean", "noise", "grid")
NOISE = 0.2
GRID_PX = 5
GRID_LEVEL = 0.4
TRIES = 64
"""Placements that are drawn for each picture; of two 20-px digits, about one in five is valid."""


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The digits of one split.

    Attributes:
        image: N digits with their margins, 0 to 255.
        ink: First column, first row, last column and last row (exclusive) that hold any ink.
        extent: Tight box (left, right, top, bottom), in shares of the side from the centre.
    """

    image: UInt8[Tensor, "N s s"]
    ink: Int[Tensor, "N 4"]
    extent: Float[Tensor, "N 4"]


@functools.cache
def load(split: str, digits: str | None = None, device: str = "cpu") -> Pictures:
    """The digits of one split at 28 x 28; arguments and errors as of ``digit_bank.load``."""
    if digits is None:
        small = torch.from_numpy(digit_files.bundled()[0])[:, None]
        # The margins of MNIST: a digit of 20 px in 28.
        large = F.interpolate(small, size=20, mode="bicubic").clamp(0, 1)
        image = (F.pad(large, (4, 4, 4, 4))[:, 0] * 255).round().to(torch.uint8)
    else:
        image = torch.from_numpy(digit_files.read_whole(Path(digits))[0].copy())
        if image.shape[1:] != (SIDE, SIDE):
            raise ValueError(f"{digits}: images must be {SIDE} x {SIDE}, got {image.shape[1:]}")
    image = image[torch.from_numpy(digit_files.of_split(len(image), split))]
    image = image[(image > 0).flatten(1).any(1)]
    columns, rows = (image > 0).any(1), (image > 0).any(2)
    ink = [
        columns.int().argmax(1),
        rows.int().argmax(1),
        SIDE - columns.flip(1).int().argmax(1),
        SIDE - rows.flip(1).int().argmax(1),
    ]
    extent = sprites.extents(image.float() / 255)
    return Pictures(image.to(device), torch.stack(ink, 1).to(device), extent.to(device))


@dataclasses.dataclass(frozen=True)
class StillsSettings(Settings):
    """What can be set."""

    background: str = setting(
        "clean",
        "clean (black), noise (clip(.8 x + .1 + N(0, .2))) or grid (lines of 1 px every 5 px at a "
        "random offset, max(x, .4))",
        choices=BACKGROUNDS,
    )
    horizon: int = setting(1, "frames per episode, all of the same picture", least=1)
    digits: str | None = setting(None, digit_files.HELP)
    min_objects: int = setting(
        0, "fewest digits in a picture; 1: every picture has one to track", least=0, most=MOST
    )


class Stills(Scene):
    """Pictures of 0 to 2 digits in which nothing moves; only noise is drawn anew in each frame.

    Args:
        settings: What is shown; the horizon among them is not used.
        split: ``train`` or ``test``: which digits are drawn.
        device: Where the scenes live.

    Raises:
        ValueError: An unknown split.
    """

    def __init__(
        self, settings: StillsSettings, split: str = "train", device: str = "cpu"
    ) -> None:
        self.background = settings.background
        self.pictures = load(split, settings.digits, device)
        self.min_objects = settings.min_objects
        self.num_slots = MOST
        self.frame_shape = (1, FRAME, FRAME)

    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        """Draws new pictures; each number of digits is equally likely."""
        device = rng.device
        count = torch.randint(
            self.min_objects, MOST + 1, (batch_size, 1), generator=rng, device=device
        )
        slot = torch.arange(MOST, device=device)
        self._id = torch.where(slot < count, slot, -1)
        shape = (batch_size, MOST)
        digit = torch.randint(len(self.pictures.image), shape, generator=rng, device=device)
        corner = place(self.pictures.ink[digit], rng)
        self._box = self._boxes(digit, corner)
        self._still = self._draw(digit, corner)
        if self.background == "grid":
            self._still = torch.maximum(self._still, _grid(batch_size, rng))
        return self._show(rng)

    def advance(self, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None) -> View:
        """The same pictures, with new noise if there is noise; the camera stands still."""
        return self._show(rng)

    def _show(self, rng: torch.Generator) -> View:
        frame = self._still
        if self.background == "noise":
            noise = torch.empty_like(frame).normal_(generator=rng)
            frame = noise.mul_(NOISE).add_(0.8 * frame + 0.1).clamp_(0, 1)
        return View(
            frame=(frame * 255).round().to(torch.uint8),
            box=self._box,
            visible=(self._id >= 0).float(),
            id=self._id,
        )

    def _draw(
        self, digit: Int[Tensor, "B K"], corner: Int[Tensor, "B K 2"]
    ) -> Float[Tensor, "B 1 H W"]:
        """White digits on black; sprites reach beyond the frame, inked boxes do not."""
        margin = FRAME  # room for what reaches beyond, and for empty slots
        wide = torch.zeros(len(digit), FRAME + 2 * margin, FRAME + 2 * margin, dtype=torch.uint8)
        wide = wide.to(digit.device)
        pixel = torch.arange(SIDE, device=digit.device)
        batch = torch.arange(len(digit), device=digit.device)[:, None, None]
        for k in range(MOST):
            x = (corner[:, k, :1] + margin + pixel)[:, None, :]
            y = (corner[:, k, 1:] + margin + pixel)[:, :, None]
            there = (self._id[:, k] >= 0)[:, None, None]
            wide[batch, y, x] |= self.pictures.image[digit[:, k]] * there
        inner = wide[:, None, margin : margin + FRAME, margin : margin + FRAME]
        return inner.float() / 255

    def _boxes(
        self, digit: Int[Tensor, "B K"], corner: Int[Tensor, "B K 2"]
    ) -> Float[Tensor, "B K 4"]:
        edge = self.pictures.extent[digit][..., [0, 2, 1, 3]] * SIDE
        centre = (corner + SIDE / 2)[..., [0, 1, 0, 1]]
        return from_xyxy((centre + edge) / FRAME)


def place(ink: Int[Tensor, "B 2 4"], rng: torch.Generator) -> Int[Tensor, "B 2 2"]:
    """Draws corners of sprites, so that inked boxes lie in the frame and do not overlap.

    Of `TRIES` placements the first valid one is taken; where there is none, the digits go to
    opposite corners, which always have room.
    """
    low, high = ink[:, None, :, :2], ink[:, None, :, 2:]
    room = FRAME - (high - low)
    shape = (len(ink), TRIES, MOST, 2)
    uniform = torch.rand(shape, generator=rng, device=rng.device)
    first = (uniform * (room + 1)).long()
    first[:, -1, 0], first[:, -1, 1] = 0, room[:, 0, 1]
    last = first + high - low
    apart = (first[:, :, 0] >= last[:, :, 1]) | (first[:, :, 1] >= last[:, :, 0])
    chosen = apart.any(-1).int().argmax(1)
    return first[torch.arange(len(ink), device=ink.device), chosen] - low[:, 0]


def _grid(batch_size: int, rng: torch.Generator) -> Float[Tensor, "B 1 H W"]:
    """Lines of 1 px every `GRID_PX` pixels, at a random offset on each axis."""
    shape = (batch_size, 2, 1)
    offset = torch.randint(GRID_PX, shape, generator=rng, device=rng.device)
    on = (torch.arange(FRAME, device=rng.device) - offset) % GRID_PX == 0
    lines = on[:, 0, None, :] | on[:, 1, :, None]
    return GRID_LEVEL * lines[:, None].float()


@configured_by(StillsSettings)
def make(
    split: str = "train", batch_size: int = 32, seed: int = 0, device: str = "cpu", **settings: Any
) -> Tracking:
    """The task on still pictures; with ``min_objects=0`` they can only be watched, not tracked.

    Args:
        split: ``train`` or ``test``: which digits are drawn.
        batch_size: Episodes side by side.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        **settings: Keys of `StillsSettings`.

    Raises:
        ValueError: An unknown background or split, or a number out of range.
        FileNotFoundError: There is no file ``digits``.
    """
    what = StillsSettings(**settings)
    scene = Stills(what, split, device)
    return Tracking(scene, batch_size, what.horizon, seed=seed, device=device)
