"""Windows onto pictures: what of a picture is shown, mirrored or not, and in which light."""

import dataclasses

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from envs.boxes import inside_share
from envs.settings import Settings, setting


@dataclasses.dataclass(frozen=True)
class Window:
    """What is shown of each of B pictures. Beyond a picture everything is black.

    Attributes:
        centre: Centre of the window (x, y), fractions of the picture.
        size: Its width and height, fractions of the picture.
        mirror: -1 to mirror left and right, else 1.
        gain: Factor of the brightness.
        gamma: Exponent of the brightness; black stays black.
    """

    centre: Float[Tensor, "B 2"]
    size: Float[Tensor, " B"]
    mirror: Float[Tensor, " B"]
    gain: Float[Tensor, " B"]
    gamma: Float[Tensor, " B"]

    def moved(self, camera: Float[Tensor, "B 2"]) -> "Window":
        """The window moved by fractions of itself, right and down as they are seen in it."""
        step = torch.stack([camera[:, 0] * self.mirror, camera[:, 1]], -1)
        return dataclasses.replace(self, centre=self.centre + step * self.size[:, None])

    def box(self, box: Float[Tensor, "B K 4"]) -> Float[Tensor, "B K 4"]:
        """Boxes of the pictures as boxes in the windows."""
        size = self.size[:, None, None]
        centre = (box[..., :2] - self.centre[:, None]) / size
        flip = torch.stack([self.mirror, torch.ones_like(self.mirror)], -1)[:, None]
        return torch.cat([centre * flip + 0.5, box[..., 2:] / size], -1)

    def visible(
        self, visible: Float[Tensor, "B K"], box: Float[Tensor, "B K 4"]
    ) -> Float[Tensor, "B K"]:
        """Visible shares, no larger than the share of the box (in the window) that is inside."""
        share = inside_share(box).nan_to_num(0.0)  # empty slots have no size
        return torch.minimum(visible, share)

    def show(
        self, pixels: UInt8[Tensor, "B C h w"], height: int, width: int
    ) -> UInt8[Tensor, "B C H W"]:
        """What is seen in the windows."""
        ones = torch.ones_like(self.mirror)
        rows = _resampling(self.centre[:, 1], self.size, ones, pixels.shape[2], height)
        columns = _resampling(self.centre[:, 0], self.size, self.mirror, pixels.shape[3], width)
        light = rows[:, None] @ (pixels.float() @ columns.mT[:, None])
        gain, gamma = self.gain[:, None, None, None], self.gamma[:, None, None, None]
        if bool((gamma != 1).any()):
            light = (light / 255).clamp_(0, 1).pow_(gamma).mul_(255)
        return (light * gain).round_().clamp_(0, 255).to(torch.uint8)


def _resampling(
    centre: Float[Tensor, " B"],
    size: Float[Tensor, " B"],
    way: Float[Tensor, " B"],
    source: int,
    target: int,
) -> Float[Tensor, "B n m"]:
    """Weights of m pixels along one axis of a picture in n pixels of a window.

    Linear interpolation, with a wider kernel where the window is coarser than the picture, so
    that nothing flickers. Pixels beyond the picture are black.
    """
    step = size * source / target
    place = torch.arange(target, device=centre.device) + 0.5 - target / 2
    at = centre[:, None] * source + (way * step)[:, None] * place
    pixel = torch.arange(source, device=centre.device) + 0.5
    reach = step.clamp(min=1.0)[:, None, None]
    weight = (1 - (at[:, :, None] - pixel).abs() / reach).clamp(min=0)
    # Their sum if the picture had no end: it hangs on where between two pixels the place is.
    most = int(reach.max()) + 1
    near = torch.arange(-most, most + 1, device=centre.device)
    whole = (1 - ((at % 1)[:, :, None] - 0.5 - near).abs() / reach).clamp(min=0)
    return weight / whole.sum(-1, keepdim=True)


def around(box: Float[Tensor, "B 4"], sizes: float | None, aspect: float) -> Window:
    """Windows around boxes, never larger than the picture; the whole picture for None.

    Args:
        box: What to show, fractions of the picture.
        sizes: Height of the window in sizes of the box (the root of its area).
        aspect: Width over height of a picture.
    """
    ones = torch.ones_like(box[:, 0])
    if sizes is None:
        return Window(torch.full_like(box[:, :2], 0.5), ones, ones, ones, ones)
    size = sizes * (box[:, 2] * aspect * box[:, 3]).sqrt()
    size = size.maximum(1.5 * box[:, 2:].amax(-1)).clamp(max=1.0)
    return Window(box[:, :2].clone(), size, ones, ones, ones)


@dataclasses.dataclass(frozen=True)
class JitterSettings(Settings):
    """How much windows and light of training clips vary; they are drawn once for each clip."""

    mirror: bool = setting(True, "whether half of the clips are mirrored")
    reverse: bool = setting(True, "whether half of the clips are played backwards")
    zoom: float = setting(1.5, "largest factor by which objects grow or shrink; 1: none", least=1)
    light: float = setting(0.2, "largest change of gain and gamma; 0: none", least=0, below=1)

    def draw(self, window: Window, box: Float[Tensor, "B 4"], rng: torch.Generator) -> Window:
        """Varies windows so that the boxes stay inside.

        Args:
            window: What is shown without variation.
            box: What must be seen, fractions of the picture.
            rng: Source of all randomness.
        """
        number = len(box)
        uniform = torch.rand(number, 6, generator=rng, device=rng.device) * 2 - 1
        if self.zoom > 1:
            least = 1.2 * box[:, 2:].amax(-1)
            size = (window.size * self.zoom ** uniform[:, 0]).maximum(least)
            # Anywhere between the edges of the window and those of what is shown otherwise.
            room = (window.size - size)[:, None] / 2
            centre = window.centre + room * uniform[:, 1:3]
            reach = (size[:, None] - box[:, 2:]).div(2).clamp(min=0)
            centre = centre.maximum(box[:, :2] - reach).minimum(box[:, :2] + reach)
            window = dataclasses.replace(window, centre=centre, size=size)
        mirror = uniform[:, 3].sign() if self.mirror else window.mirror
        return dataclasses.replace(
            window,
            mirror=torch.where(mirror == 0, 1.0, mirror),
            gain=1 + self.light * uniform[:, 4],
            gamma=(1 + self.light) ** uniform[:, 5],
        )
