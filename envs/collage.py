"""Patches of random texture moving over random texture: everything varies.

Nothing can be learned by heart here, so a tracker that is trained on collages may be tried on real
video without having seen any.
"""

import dataclasses
import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from envs import boxes, fabrics
from envs.scene import Scene, View
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
        texture: Which texture, and which one it turns into.
        corner: Where in the texture the patch was cut out, fractions of it.
        turn: Angle of the texture.
        spin: Change of the angle per frame.
        bend: Exponent of the superellipse that is its outline (2: ellipse; large: rectangle).
        morph: Share of the second texture by the end of 60 frames.
    """

    centre: Float[Tensor, "B K 2"]
    velocity: Float[Tensor, "B K 2"]
    size: Float[Tensor, "B K 2"]
    growth: Float[Tensor, "B K 2"]
    texture: Int[Tensor, "B K 2"]
    corner: Float[Tensor, "B K 2"]
    turn: Float[Tensor, "B K"]
    spin: Float[Tensor, "B K"]
    bend: Float[Tensor, "B K"]
    morph: Float[Tensor, "B K"]


@functools.cache
def fabric(split: str, channels: int, device: str) -> tuple[Tensor, Tensor]:
    """The textures of a split: those of patches, and those of grounds."""
    rng = torch.Generator(device).manual_seed(SEEDS[split])
    small = fabrics.weave(TEXTURES, channels, TEXTURE_SIDE, rng)
    return small, fabrics.weave(TEXTURES // 3, channels, GROUND_SIDE, rng)


class Collage(Scene):
    """Patches of texture in front of each other and of a ground, under a camera that drifts.

    Args:
        frame_size: Side of a frame, pixels.
        channels: 1 for grey, 3 for colour.
        max_objects: K: most patches.
        size: Least and largest width or height of a patch, pixels.
        speed: Slowest and fastest patch, in own sizes per frame (drawn evenly on a log scale).
        noise: Largest standard deviation of the pixel noise.
        split: ``train`` or ``test``: which textures are drawn.
        device: Where the scenes live.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(
        self,
        frame_size: int = 48,
        channels: int = 3,
        max_objects: int = 4,
        size: Sequence[float] = (6.0, 20.0),
        speed: Sequence[float] = (0.01, 0.3),
        noise: float = 0.05,
        split: str = "train",
        device: str = "cpu",
    ) -> None:
        if split not in SEEDS:
            raise ValueError(f"split must be train or test, got {split!r}")
        if channels not in (1, 3) or frame_size < 16 or max_objects < 1:
            raise ValueError(
                "channels must be 1 or 3, frame_size 16 or more, max_objects 1 or more; got "
                f"{channels}, {frame_size}, {max_objects}"
            )
        for name, given in {"size": size, "speed": speed}.items():
            if len(given) != 2 or not 0 < given[0] <= given[1]:
                raise ValueError(f"{name} must be [least, largest] above 0, got {list(given)}")
        self.frame_shape = (channels, frame_size, frame_size)
        self.num_slots = max_objects
        self.size, self.speed, self.noise = size, speed, noise
        self.patches, self.grounds = fabric(split, channels, device)

    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        """Draws new scenes; the first patch is in view, and in front of the others."""
        num, slots = batch_size, self.num_slots
        u = torch.rand(num, slots, 12, generator=rng, device=rng.device)
        side = float(self.frame_shape[1])
        low, high = self.size
        area = low * (high / low) ** u[..., 0]
        aspect = torch.exp((u[..., 1] - 0.5) * 1.8)
        size = torch.stack([area * aspect.sqrt(), area / aspect.sqrt()], -1)
        slow, fast = self.speed
        pace = slow * (fast / slow) ** u[..., 2] * area
        angle = 2 * torch.pi * u[..., 3]
        self._bodies = Bodies(
            centre=side * (0.2 + 0.6 * u[..., 4:6]),
            velocity=pace[..., None] * torch.stack([angle.cos(), angle.sin()], -1),
            size=size,
            growth=0.02 * (torch.rand(num, slots, 2, generator=rng, device=rng.device) - 0.5),
            texture=torch.randint(TEXTURES, (num, slots, 2), generator=rng, device=rng.device),
            corner=u[..., 6:8],
            turn=2 * torch.pi * u[..., 8],
            spin=0.1 * (u[..., 9] - 0.5) ** 3 * 8,
            bend=2 + 6 * u[..., 10] ** 2,
            morph=u[..., 11] ** 2,
        )
        v = torch.rand(num, 8, generator=rng, device=rng.device)
        count = 1 + (v[:, 0] * slots).long()
        self._there = torch.arange(slots, device=rng.device) < count[:, None]
        self._id = torch.where(self._there, torch.arange(slots, device=rng.device), -1)
        self._ground = torch.randint(len(self.grounds), (num,), generator=rng, device=rng.device)
        self._camera = v[:, 1:3] * GROUND_SIDE
        self._drift = 1.5 * (v[:, 3:5] - 0.5) * (v[:, 5:6] < 0.6)
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
        now.centre = now.centre + now.velocity - self._drift[:, None]
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
        now.turn = now.turn + now.spin
        self._camera = self._camera + self._drift
        self._time += 1
        return self._show(rng)

    def _show(self, rng: torch.Generator) -> View:
        now, side = self._bodies, self.frame_shape[1]
        places = self._places()
        alpha = self._outlines(places) * self._there[..., None, None]
        # The first patch is in front of all but the last, which may hide it.
        order = [*range(1, self.num_slots - 1), 0, self.num_slots - 1][-self.num_slots :]
        order = list(dict.fromkeys(order))
        frame = self._backdrop()
        colours = self._textures(places)
        seen = torch.zeros_like(alpha)
        rest = torch.ones_like(alpha[:, 0])
        for k in reversed(order):
            seen[:, k] = alpha[:, k] * rest
            rest = rest * (1 - alpha[:, k])
        frame = frame * rest[:, None] + torch.einsum("bkhw,bkchw->bchw", seen, colours)
        phase = self._light[:, 0] * 2 * torch.pi + self._time / 12
        frame = frame * (1 + self._light[:, 1] * phase.sin())[:, None, None, None]
        noise = torch.randn(frame.shape, generator=rng, device=rng.device)
        frame = (frame + self._noise * noise).clamp_(0, 1).mul_(255).round_().to(torch.uint8)
        box = torch.cat([now.centre, now.size], -1) / side
        mass = alpha.sum((-1, -2)).clamp(min=1.0)
        inside = boxes.inside_share(box)
        visible = seen.sum((-1, -2)) / mass * inside * self._there
        return View(frame, box, visible.clamp(0, 1), self._id)

    def _places(self) -> Float[Tensor, "B K S S 2"]:
        """Each pixel's place in each patch: -1 to 1 from edge to edge."""
        now = self._bodies
        pixel = torch.arange(self.frame_shape[1], device=now.centre.device) + 0.5
        x, y = (2 * (pixel - now.centre[..., i, None]) / now.size[..., i, None] for i in range(2))
        shape = (*x.shape, x.shape[-1])
        return torch.stack([x[:, :, None].expand(shape), y[:, :, :, None].expand(shape)], dim=-1)

    def _outlines(self, places: Float[Tensor, "B K S S 2"]) -> Float[Tensor, "B K S S"]:
        """Masks of the patches: superellipses, soft at the edge."""
        now = self._bodies
        reach = (places.abs() + 1e-4).pow(now.bend[..., None, None, None]).sum(-1)
        sharp = now.size.amin(-1)[..., None, None] * now.bend[..., None, None] / 4
        return torch.sigmoid(2 * sharp * (1 - reach.clamp(max=3.0)))

    def _textures(self, places: Float[Tensor, "B K S S 2"]) -> Float[Tensor, "B K C S S"]:
        """The patches' textures, turned, and over time blended into others."""
        now, num = self._bodies, self._there.numel()
        cos, sin = now.turn.cos()[..., None, None], now.turn.sin()[..., None, None]
        x, y = (places * now.size[:, :, None, None] / TEXTURE_SIDE).unbind(-1)
        corner = 2 * now.corner[:, :, None, None] - 1
        place = torch.stack([cos * x - sin * y, sin * x + cos * y], -1) + corner
        place = (place + 1).remainder(2.0) - 1  # the textures are seamless
        share = (now.morph * min(self._time / 60, 1.0))[..., None, None, None]
        first, second = (self.patches[now.texture[..., i]] for i in range(2))
        texture = (first * (1 - share) + second * share).flatten(0, 1)
        return F.grid_sample(
            texture, place.flatten(0, 1), align_corners=False, padding_mode="border"
        ).view(num // self.num_slots, self.num_slots, *self.frame_shape)

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


def make(
    split: str = "train",
    batch_size: int = 32,
    horizon: int = 20,
    seed: int = 0,
    device: str = "cpu",
    size_gain: float = 0.2,
    **scene: object,
) -> Tracking:
    """The tracking task on collages.

    Args:
        split: ``train`` or ``test``: which textures are drawn.
        batch_size: Episodes side by side.
        horizon: Frames per episode.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        size_gain: Log-size that a full action changes.
        **scene: Further arguments of ``Collage``, such as ``channels``.
    """
    collage = Collage(split=split, device=device, **scene)  # type: ignore[arg-type]
    return Tracking(
        collage, batch_size, horizon, size_gain=size_gain, min_size=0.02, max_size=1.0,
        seed=seed, device=device,
    )  # fmt: skip
