"""Everything in a scene but its objects: camera, background, bars and light."""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from envs.factors import Factors
from envs.simulator import motion, textures


@dataclasses.dataclass
class Stage:
    """The stage of B scenes.

    Attributes:
        camera: Top left corner of the view in the world (px).
        drift: Velocity of a panning camera.
        texture: Which background.
        corner: Where in the background the world begins (px).
        background: The background in view.
        light: What the bars let through; None without bars.
        bars: The bars' own light.
        phase: Of the swing of the illumination (radians).
    """

    camera: Float[Tensor, "B 2"]
    drift: Float[Tensor, "B 2"]
    texture: Int[Tensor, " B"]
    corner: Int[Tensor, "B 2"]
    background: Float[Tensor, "B C S S"]
    light: Float[Tensor, "B S S"] | None
    bars: Float[Tensor, "B S S"] | None
    phase: Float[Tensor, " B"]


def draw(factors: Factors, first: Float[Tensor, "B 2"], rng: torch.Generator) -> Stage:
    """Draws new stages.

    Args:
        factors: What varies.
        first: Where the front object of each scene is (px in the world). It must be in view and
            not behind a bar, so that there is something to follow.
        rng: Source of randomness.
    """
    num, side, device = len(first), factors.frame_size, rng.device
    u = torch.rand(num, 6, generator=rng, device=device)
    spare = side - 2 * factors.size
    camera = first - factors.size - u[:, :2] * max(spare, 0.0)
    if factors.camera != "action":
        camera = camera.clamp(0.0, float(factors.room - side))
    texture = (u[:, 2] * textures.BACKGROUNDS).long()
    corner = (u[:, 3:5] * (2 * side)).long()
    light, bars = _bars(factors, first - camera, rng) if factors.bars else (None, None)
    return Stage(
        camera=camera,
        drift=motion.heading(factors.camera_speed, (num,), rng),
        texture=texture,
        corner=corner,
        background=_behind(factors, texture, corner + camera.round().long()),
        light=light,
        bars=bars,
        phase=u[:, 5] * (2 * torch.pi),
    )


def advance(
    stage: Stage,
    factors: Factors,
    middle: Float[Tensor, "B 2"],
    camera: Float[Tensor, "B 2"] | None,
    rng: torch.Generator,
) -> None:
    """One frame on.

    Args:
        stage: Moves on in place.
        factors: What varies.
        middle: Where the objects are (px in the world); NaN in worlds without any.
        camera: How far the view should move (fractions of the frame); None to leave it.
        rng: Source of randomness.
    """
    stage.phase = stage.phase + 2 * torch.pi / 40
    side = factors.frame_size
    if factors.camera == "action" and camera is not None:
        stage.camera = stage.camera + camera * side
    if factors.camera == "pan":
        kick = torch.randn(stage.drift.shape, generator=rng, device=rng.device)
        drift = stage.drift + 0.1 * factors.camera_speed * kick
        fastest = max(1.5 * factors.camera_speed, 1e-6)
        drift = drift * (fastest / drift.norm(dim=-1, keepdim=True).clamp(min=fastest))
        # Where there is nobody to follow the camera just drifts.
        pull = (factors.camera_follow * (middle - stage.camera - side / 2)).nan_to_num(0.0)
        camera = stage.camera + drift + pull
        far = float(factors.room - side)
        stage.drift = torch.where((camera < 0) | (camera > far), -drift, drift)
        stage.camera = camera.clamp(0.0, far)
    if factors.camera != "fixed":
        corner = stage.corner + stage.camera.round().long()
        stage.background = _behind(factors, stage.texture, corner)


def _behind(
    factors: Factors, texture: Int[Tensor, " B"], corner: Int[Tensor, "B 2"]
) -> Float[Tensor, "B C S S"]:
    """Cuts backgrounds out of their textures (in whole pixels)."""
    table = textures.backgrounds(
        factors.frame_size,
        factors.channels,
        factors.background_detail,
        factors.clutter,
        str(texture.device),
    )
    return textures.windows(table, texture, corner) * factors.background


def _bars(
    factors: Factors, first: Float[Tensor, "B 2"], rng: torch.Generator
) -> tuple[Float[Tensor, "B S S"], Float[Tensor, "B S S"]]:
    """Upright or lying bars across the view; none where it would hide the front object."""
    num, side = len(first), factors.frame_size
    pixel = torch.arange(side, device=rng.device) + 0.5
    low, high = factors.bar_brightness
    light = torch.ones(num, side, side, device=rng.device)
    bars = torch.zeros_like(light)
    half = factors.bar_width / 2
    for _ in range(factors.bars):
        u = torch.rand(num, 6, generator=rng, device=rng.device)
        upright = u[:, 0] < 0.5
        along = torch.where(upright, first[:, 0], first[:, 1])
        places = half + u[:, 1:5] * (side - 2 * half)
        clear = (places - along[:, None]).abs() > half + factors.size / 2
        place = places.gather(1, clear.float().argmax(1, keepdim=True))
        line = (half + 0.5 - (pixel - place).abs()).clamp(0, 1) * clear.any(1, keepdim=True)
        bar = torch.where(upright[:, None, None], line[:, None, :], line[:, :, None])
        light = light * (1 - bar)
        bars = bars * (1 - bar) + bar * (low + (high - low) * u[:, 5, None, None])
    return light, bars
