"""A scene for tests whose every pixel is known: one textured patch that moves at even speed."""

import torch
from jaxtyping import Float
from torch import Tensor

from envs.scene import Scene, View

SIZE = 48
PATCH = 14


class MovingPatch(Scene):
    """A patch of 14 pixels of noise that crosses a dark frame of 48 and turns at its border.

    Args:
        speed: Pixels per frame, a whole number; each scene draws one of eight directions.
        channels: Of the frame.
        hidden: Frames (counted from 0) in which the patch cannot be seen.
        blind: Whether all boxes but the first are NaN, to show that nobody reads them.
    """

    num_slots = 1

    def __init__(
        self,
        speed: int = 2,
        channels: int = 1,
        hidden: tuple[int, ...] = (),
        blind: bool = False,
    ) -> None:
        self.frame_shape = (channels, SIZE, SIZE)
        self.speed = speed
        self.hidden = hidden
        self.blind = blind

    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        patch = torch.randint(0, 256, (batch_size, self.frame_shape[0], 5, 5), generator=rng)
        self.patch = torch.nn.functional.interpolate(
            patch.float(), size=(PATCH, PATCH), mode="bilinear"
        ).to(torch.uint8)
        self.corner = torch.randint(14, 21, (batch_size, 2), generator=rng)
        directions = torch.tensor(
            [[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]]
        )
        chosen = torch.randint(0, 8, (batch_size,), generator=rng)
        self.velocity = self.speed * directions[chosen]
        self.time = 0
        return self.show()

    def advance(self, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None) -> View:
        moved = self.corner + self.velocity
        outside = (moved < 0) | (moved > SIZE - PATCH)
        self.velocity = torch.where(outside, -self.velocity, self.velocity)
        self.corner = self.corner + self.velocity
        self.time += 1
        return self.show()

    def show(self) -> View:
        batch_size = len(self.corner)
        seen = self.time not in self.hidden
        frame = torch.zeros((batch_size, *self.frame_shape), dtype=torch.uint8)
        for picture, patch, (x, y) in zip(frame, self.patch, self.corner.tolist(), strict=True):
            if seen:
                picture[:, y : y + PATCH, x : x + PATCH] = patch
        size = torch.full((batch_size, 2), float(PATCH))
        box = torch.cat([self.corner + PATCH / 2, size], dim=-1)[:, None] / SIZE
        if self.blind and self.time > 0:
            box = torch.full_like(box, torch.nan)
        visible = torch.full((batch_size, 1), float(seen))
        return View(frame, box, visible, torch.zeros((batch_size, 1), dtype=torch.long))
