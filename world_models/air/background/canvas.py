"""A background larger than the frame: what the camera has shown so far, pixel by pixel.

The canvas is fixed to the world and pasted wherever the camera goes: each pixel keeps a mean and a
precision, as a Kalman filter of a thing that stands still. It reaches ``margin`` pixels beyond the
view on every side and travels along in whole pixels, so that it is never resampled; what it leaves
behind is forgotten.

A corner ``(x, y)`` is the top left corner of a view in pixels of a picture, 0 being the outer edge
of its first pixel.
"""

import dataclasses

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from world_models.blocks.distributions import Gaussian

MOST_PRECISION = 10.0
"""Looks that are remembered: older ones fade, for light may change."""
SMOOTH_LOOKS = 1.0
"""Looks that the smooth background is worth as a guess at what the canvas has not seen."""
SURPRISE = 0.15
"""Error (of a frame in [0, 1]) at which a pixel of the canvas is held for wrong."""
FILL_LOOKS = 1.0
"""Looks that its surroundings are worth where a pixel is filled in: faint ghosts do not show."""


def read_view(
    picture: Float[Tensor, "B c s t"],
    corner: Float[Tensor, "B 2"],
    size: tuple[int, int],
    endless: bool = False,
) -> Float[Tensor, "B c h w"]:
    """Reads a view of ``size`` (H, W) at ``corner`` bilinearly.

    Outside of the picture it reads 0, or, if that is ``endless``, what is at its edge.
    """
    rows = _weights(corner[:, 1], size[0], picture.shape[-2], endless)
    columns = _weights(corner[:, 0], size[1], picture.shape[-1], endless)
    return rows[:, None] @ picture @ columns[:, None].transpose(-1, -2)


def crop(
    picture: Float[Tensor, "B c s t"], corner: Float[Tensor, "B 2"], size: tuple[int, int]
) -> Float[Tensor, "B c h w"]:
    """`read_view` at a corner of whole pixels, which need not be blended."""
    for axis, length in ((0, size[1]), (1, size[0])):
        dim, most = (-1, picture.shape[-1]) if axis == 0 else (-2, picture.shape[-2])
        place = corner[:, axis, None].long() + torch.arange(length, device=corner.device)
        inside = (place >= 0) & (place < most)
        shape = (len(place), 1, 1, length) if axis == 0 else (len(place), 1, length, 1)
        wanted = list(picture.shape)
        wanted[dim] = length
        index = place.clamp(0, most - 1).view(shape).expand(wanted)
        picture = picture.gather(dim, index) * inside.view(shape)
    return picture


def _weights(
    corner: Float[Tensor, " B"], size: int, length: int, endless: bool
) -> Float[Tensor, "B s t"]:
    place = corner[:, None] + torch.arange(size, device=corner.device)
    if endless:
        place = place.clamp(0, length - 1)
    pixel = torch.arange(length, device=corner.device)
    return torch.relu(1 - (place[:, :, None] - pixel).abs())


@dataclasses.dataclass(frozen=True)
class Canvas:
    """What is known of the backgrounds of B scenes.

    Attributes:
        mean: The picture; 0 where nothing was seen.
        precision: In looks: 1 after one clear sight of the pixel, 0 before.
        corner: Where the view is, always within half a pixel of ``margin``.
        margin: How far the canvas reaches beyond the view (px).
    """

    mean: Float[Tensor, "B C s t"]
    precision: Float[Tensor, "B s t"]
    corner: Float[Tensor, "B 2"]
    margin: int

    def move(self, camera_px: Float[Tensor, "B 2"]) -> "Canvas":
        """The same canvas after the view has moved; the far edges may fall off."""
        corner = self.corner + camera_px
        whole = (corner - self.margin).round()
        mean, precision = self.mean, self.precision
        if bool(whole.any()):
            both = torch.cat([mean, precision[:, None]], 1)
            both = crop(both, whole, (both.shape[-2], both.shape[-1]))
            mean, precision = both[:, :-1], both[:, -1]
        return Canvas(mean, precision, corner - whole, self.margin)

    def view(self) -> tuple[Float[Tensor, "B C h w"], Float[Tensor, "B h w"]]:
        """What the view should show, and how precisely that is known (0: never seen)."""
        weighted = torch.cat([self.mean * self.precision[:, None], self.precision[:, None]], 1)
        size = (self.mean.shape[-2] - 2 * self.margin, self.mean.shape[-1] - 2 * self.margin)
        seen = read_view(weighted, self.corner, size)
        return seen[:, :-1] / seen[:, -1:].clamp(min=1e-6), seen[:, -1]

    def write(self, frame: Float[Tensor, "B C h w"], weight: Float[Tensor, "B h w"]) -> "Canvas":
        """Adds what a frame shows of the background.

        Args:
            frame: In [0, 1].
            weight: The explanation mask: 1 where the frame shows the background, 0 where an object
                explains it.

        Returns:
            The updated canvas. A pixel that contradicts what was known drops its memory: what
            stood there was something that has moved on.
        """
        whole = (self.mean.shape[-2], self.mean.shape[-1])
        observed = torch.cat([frame * weight[:, None], weight[:, None]], 1)
        observed = read_view(observed, -self.corner, whole)
        looks = observed[:, -1]
        seen = observed[:, :-1] / looks[:, None].clamp(min=1e-6)
        wrong = ((seen - self.mean).square().mean(1) / SURPRISE**2).clamp(max=1) * looks
        before = self.precision * (1 - wrong)
        after = before + looks
        mean = self.mean * before[:, None] + seen * looks[:, None]
        mean = mean / after[:, None].clamp(min=1e-6)
        return Canvas(mean, after.clamp(max=MOST_PRECISION), self.corner, self.margin)

    def over(self, smooth: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """What the view should show, where ``smooth`` is worth `SMOOTH_LOOKS` looks itself."""
        picture, looks = self.view()
        share = (looks / (looks + SMOOTH_LOOKS))[:, None]
        return share * picture + (1 - share) * smooth


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A canvas as it is kept: in bytes, with how the camera was moving.

    Attributes:
        picture: Means of the pixels.
        looks: Their precision, `MOST_PRECISION` being 255.
        corner: Where the view is (px).
        moved: The last displacement of the view (px).
    """

    picture: UInt8[Tensor, "B C s t"]
    looks: UInt8[Tensor, "B s t"]
    corner: Float[Tensor, "B 2"]
    moved: Float[Tensor, "B 2"]

    def __getitem__(self, scenes: Tensor) -> "Snapshot":
        """The chosen scenes (indices or a mask over B)."""
        return Snapshot(*(getattr(self, f.name)[scenes] for f in dataclasses.fields(self)))

    def backdrop(self) -> "Backdrop":
        """The background to dream with."""
        known = self.looks.float() * (MOST_PRECISION / 255)
        picture = fill(self.picture.float() / 255, known / (known + FILL_LOOKS))
        return Backdrop(picture, self.corner, self.moved)


@dataclasses.dataclass(frozen=True)
class Backdrop:
    """A picture larger than the frame, and the camera that is moved over it in a dream.

    Attributes:
        picture: Filled in where nothing was seen.
        corner: Where the view is (px); beyond the edges the picture goes on as it ends.
        moved: The last displacement of the view (px).
    """

    picture: Float[Tensor, "B C s t"]
    corner: Float[Tensor, "B 2"]
    moved: Float[Tensor, "B 2"]

    def move(self, camera_px: Float[Tensor, "B 2"]) -> "Backdrop":
        """The same picture after the view has moved."""
        return Backdrop(self.picture, self.corner + camera_px, camera_px)

    def view(self, size: tuple[int, int]) -> Float[Tensor, "B C h w"]:
        """What the view shows, of ``size`` (H, W)."""
        return read_view(self.picture, self.corner, size, endless=True)


@dataclasses.dataclass(frozen=True)
class CameraBelief:
    """Where the view is, how it came there, and what it has shown of the background.

    Attributes:
        moved: Posterior of the last displacement, pixels.
        canvas: The background in world coordinates.
    """

    moved: Gaussian
    canvas: Canvas

    def snapshot(self) -> Snapshot:
        """What is kept of it."""
        canvas = self.canvas
        return Snapshot(
            picture=(canvas.mean * 255).round().clamp(0, 255).to(torch.uint8),
            looks=(canvas.precision * (255 / MOST_PRECISION)).round().to(torch.uint8),
            corner=canvas.corner,
            moved=self.moved.loc,
        )

    def observe(
        self, frame: Float[Tensor, "B C H W"], weight: Float[Tensor, "B H W"]
    ) -> "CameraBelief":
        """The belief with the frame's background added; ``weight`` is its explanation mask."""
        return dataclasses.replace(self, canvas=self.canvas.write(frame, weight))


def blank(
    batch: int, frame_shape: tuple[int, int, int], margin: int, device: torch.device | str = "cpu"
) -> Canvas:
    """The canvas of scenes of which nothing was seen."""
    channels, height, width = frame_shape
    size = (height + 2 * margin, width + 2 * margin)
    return Canvas(
        mean=torch.zeros(batch, channels, *size, device=device),
        precision=torch.zeros(batch, *size, device=device),
        corner=torch.full((batch, 2), float(margin), device=device),
        margin=margin,
    )


def fill(
    picture: Float[Tensor, "B C s t"], known: Float[Tensor, "B s t"]
) -> Float[Tensor, "B C s t"]:
    """Fills the unknown part of a picture smoothly from its surroundings.

    Coarser and coarser averages of what is known fill what is not (the pull-push pyramid of
    Gortler et al., 1996, "The Lumigraph").

    Args:
        picture: Any values where ``known`` is 0.
        known: Share of each pixel that is known, 0 to 1.
    """
    height, width = picture.shape[-2:]
    if min(height, width) < 2:
        total = known.sum((-1, -2))[:, None, None, None].clamp(min=1e-6)
        mean = (picture * known[:, None]).sum((-1, -2), keepdim=True) / total
        return picture * known[:, None] + mean * (1 - known[:, None])
    weighted = torch.cat([picture * known[:, None], known[:, None]], 1)
    even = pad(weighted, (0, width % 2, 0, height % 2))
    small = avg_pool2d(even, 2)
    coarse = fill(small[:, :-1] / small[:, -1:].clamp(min=1e-6), (4 * small[:, -1]).clamp(max=1))
    smooth = interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    smooth = smooth[..., :height, :width]
    return picture * known[:, None] + smooth * (1 - known[:, None])
