"""Patches of texture, random or from photographs, moving over others: everything varies.

Nothing can be learned by heart here, so a tracker that is trained on collages may be tried on real
video without having seen any.
"""

import dataclasses
import functools
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from envs import boxes
from envs.action_scale import ActionScale
from envs.scene import Scene, View
from envs.settings import Settings, configured_by, setting
from envs.simulator import collage_textures, patches
from envs.tracking import Tracking

TEXTURES = 384
TEXTURE_SIDE = 64
GROUND_SIDE = 128
SEEDS = {"train": 0, "test": 1}


@dataclasses.dataclass
class Bodies:
    """K patches in each of B scenes; places and sizes in pixels of the world.

    Attributes:
        centre: Where they are.
        velocity: Pixels per frame.
        size: Width and height.
        growth: Change of the logarithm of the size per frame.
        slack: Where the box lies on the patch: offset of its centre in sizes of the patch, and
            logarithm of its size against that of the patch. Nobody says that a box must end where
            something that can be seen ends.
    """

    centre: Float[Tensor, "B K 2"]
    velocity: Float[Tensor, "B K 2"]
    size: Float[Tensor, "B K 2"]
    growth: Float[Tensor, "B K 2"]
    slack: Float[Tensor, "B K 4"]

    def box(self) -> Float[Tensor, "B K 4"]:
        """Boxes in pixels."""
        offset, scale = self.slack.split(2, dim=-1)
        return torch.cat([self.centre + offset * self.size, self.size * scale.exp()], -1)


@functools.cache
def split_textures(split: str, channels: int, device: str) -> tuple[Tensor, Tensor]:
    """The textures of a split: those of patches, and those of grounds."""
    rng = torch.Generator(device).manual_seed(SEEDS[split])
    both = []
    for number, side in ((TEXTURES // 2, TEXTURE_SIDE), (TEXTURES // 6, GROUND_SIDE)):
        drawn = collage_textures.random_textures(number, channels, side, rng)
        photos = collage_textures.photo_textures(number, channels, side, split, rng)
        both.append(torch.cat([drawn, photos]))
    return both[0], both[1]


@dataclasses.dataclass(frozen=True)
class CollageSettings(Settings):
    """What can be set."""

    horizon: int = setting(20, "frames per episode", least=1)
    frame_size: int = setting(64, "side of a frame, pixels", least=16, most=4096)
    channels: int = setting(3, "1: grey, 3: colour")
    max_objects: int = setting(4, "K: most patches", least=1, most=1000)
    size: Any = setting(
        [8, 32], "least and largest width or height of a patch, pixels", pair=float, above=0
    )
    speed: Any = setting(
        [0.01, 0.3],
        "slowest and fastest patch, in own sizes per frame, log-even",
        pair=float,
        above=0,
    )
    noise: float = setting(0.05, "of pixels, at most (standard deviation; white is 1)", least=0)
    shake: float = setting(2.0, "of the camera per frame, pixels, at most (std)", least=0)
    loose: float = setting(
        1.0, "how much more, less or else than a patch boxes may hold; 0: tight", least=0, most=1
    )
    centre_gain: float = setting(1.0, "box sizes that a full action moves the centre", above=0)
    size_gain: float = setting(0.2, "log-size that a full action changes", least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3, got {self.channels}")
        for name, given in {"size": self.size, "speed": self.speed}.items():
            if given[0] > given[1]:
                raise ValueError(f"{name} must be [least, largest], got {list(given)}")


class Collage(Scene):
    """Patches of texture in front of each other and of a ground, under a camera that drifts.

    Args:
        settings: Sizes, speeds and the like; the task's own among them are not used.
        split: ``train`` or ``test``: which textures are drawn.
        device: Where the scenes live.

    Raises:
        ValueError: An unknown split.
    """

    def __init__(
        self, settings: CollageSettings, split: str = "train", device: str = "cpu"
    ) -> None:
        if split not in SEEDS:
            raise ValueError(f"split must be train or test, got {split!r}")
        s = settings
        self.frame_shape = (s.channels, s.frame_size, s.frame_size)
        self.num_slots = s.max_objects
        self.size, self.speed = s.size, s.speed
        self.noise, self.shake, self.loose = s.noise, s.shake, s.loose
        self.textures, self.grounds = split_textures(split, s.channels, device)

    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        """Draws new scenes; the first patch is in view, and in front of the others."""
        num, slots = batch_size, self.num_slots
        u = torch.rand(num, slots, 8, generator=rng, device=rng.device)
        side = float(self.frame_shape[1])
        low, high = self.size
        area = low * (high / low) ** u[..., 0]
        aspect = torch.exp((u[..., 1] - 0.5) * 1.8)
        slow, fast = self.speed
        pace = slow * (fast / slow) ** u[..., 2] * area
        angle = 2 * torch.pi * u[..., 3]
        self._bodies = Bodies(
            centre=side * (0.2 + 0.6 * u[..., 4:6]),
            velocity=pace[..., None] * torch.stack([angle.cos(), angle.sin()], -1),
            size=torch.stack([area * aspect.sqrt(), area / aspect.sqrt()], -1),
            growth=0.02 * (u[..., 6:8] - 0.5),
            slack=self._slack(num, rng),
        )
        # The first patch must do for a target.
        inside = boxes.inside_share(self._bodies.box()[:, 0] / side) > 0.6
        self._bodies.slack[:, 0] *= inside[:, None]
        v = torch.rand(num, 9, generator=rng, device=rng.device)
        count = 1 + (v[:, 0] * slots).long()
        self._there = torch.arange(slots, device=rng.device) < count[:, None]
        self._id = torch.where(self._there, torch.arange(slots, device=rng.device), -1)
        self._appearance = patches.draw(int(self._there.sum()), len(self.textures), rng)
        self._ground = torch.randint(len(self.grounds), (num,), generator=rng, device=rng.device)
        self._camera = v[:, 1:3] * GROUND_SIDE
        self._drift = 1.5 * (v[:, 3:5] - 0.5) * (v[:, 5:6] < 0.6)
        self._shake = self.shake * v[:, 8:] ** 3
        self._light = torch.stack([v[:, 6], 0.25 * v[:, 7] ** 2], -1)
        self._noise = self.noise * torch.rand(num, 1, 1, 1, generator=rng, device=rng.device)
        self._time = 0
        return self._show(rng)

    def advance(self, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None) -> View:
        """Moves patches and camera; a patch that has left the view far behind turns round."""
        now, side = self._bodies, float(self.frame_shape[1])
        kick = torch.randn(now.velocity.shape, generator=rng, device=rng.device)
        pace = now.velocity.norm(dim=-1, keepdim=True)
        now.velocity = now.velocity + 0.15 * pace * kick
        now.velocity *= pace / now.velocity.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        shake = torch.randn(self._drift.shape, generator=rng, device=rng.device)
        camera = self._drift + self._shake * shake
        now.centre = now.centre + now.velocity - camera[:, None]
        away = (now.centre - side / 2).abs() > 0.45 * side
        outward = now.velocity * (now.centre - side / 2) > 0
        now.velocity = torch.where(away & outward, -now.velocity, now.velocity)
        # The camera turns round, too, before it loses the target.
        lost = ((now.centre[:, 0] - side / 2).abs() > 0.4 * side) & (
            self._drift * (now.centre[:, 0] - side / 2) < 0
        )
        self._drift = torch.where(lost, -self._drift, self._drift)
        low, high = self.size
        grown = now.size * now.growth.exp()
        bad = (grown < 0.7 * low) | (grown > 1.4 * high)
        now.growth = torch.where(bad, -now.growth, now.growth)
        now.size = now.size * now.growth.exp()
        self._camera = self._camera + camera
        self._time += 1
        return self._show(rng)

    def _show(self, rng: torch.Generator) -> View:
        now, side = self._bodies, self.frame_shape[1]
        size, there = now.size[self._there], self._there
        canvas = patches.canvases(self._appearance, size, self.textures, self._time)
        layers = canvas.new_zeros(*there.shape, canvas.shape[1], side, side)
        layers[there] = patches.paste(canvas, now.centre[there], size, side)
        colour, alpha = layers[:, :, :-1], layers[:, :, -1]
        # The first patch is in front of all but the last, which may hide it.
        order = [*range(1, self.num_slots - 1), 0, self.num_slots - 1][-self.num_slots :]
        frame = self._backdrop()
        rest = torch.ones_like(alpha[:, 0])
        light = torch.zeros_like(frame)
        seen = torch.zeros_like(now.size[..., 0])
        for k in reversed(list(dict.fromkeys(order))):
            light += colour[:, k] * rest[:, None]
            seen[:, k] = (alpha[:, k] * rest).sum((-1, -2))
            rest = rest * (1 - alpha[:, k])
        frame = light + frame * rest[:, None]
        phase = self._light[:, 0] * 2 * torch.pi + self._time / 12
        frame = frame * (1 + self._light[:, 1] * phase.sin())[:, None, None, None]
        noise = torch.randn(frame.shape, generator=rng, device=rng.device)
        frame = (frame + self._noise * noise).clamp_(0, 1).mul_(255).round_().to(torch.uint8)
        box = now.box() / side
        visible = seen / alpha.sum((-1, -2)).clamp(min=1.0) * boxes.inside_share(box)
        return View(frame, box, (visible * there).clamp(0, 1), self._id)

    def _slack(self, num: int, rng: torch.Generator) -> Float[Tensor, "B K 4"]:
        u = torch.rand(num, self.num_slots, 5, generator=rng, device=rng.device)
        most = torch.tensor([0.5, 0.5, 0.8, 0.8], device=rng.device) * self.loose
        return most * (u[..., :4] - 0.5) * (u[..., 4:] < 0.7)

    def _backdrop(self) -> Float[Tensor, "B C S S"]:
        """What the camera sees of the ground."""
        side = self.frame_shape[1]
        pixel = torch.arange(side, device=self._camera.device) + 0.5
        place = 2 * (pixel + self._camera[..., None]) / GROUND_SIDE - 1
        place = (place + 1).remainder(2.0) - 1
        x, y = place.unbind(1)
        shape = (len(x), side, side)
        grid = torch.stack([x[:, None].expand(shape), y[:, :, None].expand(shape)], -1)
        return F.grid_sample(
            self.grounds[self._ground], grid, align_corners=False, padding_mode="border"
        )


@configured_by(CollageSettings)
def make(
    split: str = "train", batch_size: int = 32, seed: int = 0, device: str = "cpu", **settings: Any
) -> Tracking:
    """The tracking task on collages.

    Args:
        split: ``train`` or ``test``: which textures are drawn.
        batch_size: Episodes side by side.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        **settings: Keys of `CollageSettings`.
    """
    s = CollageSettings(**settings)
    scale = ActionScale(s.centre_gain, s.size_gain, min_size=0.02, max_size=1.0)
    scene = Collage(s, split, device)
    return Tracking(scene, batch_size, s.horizon, scale, seed=seed, device=device)
