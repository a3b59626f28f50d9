"""Boxes drawn over frames for human eyes, with numpy alone.

A **picture** is uint8 ``H W 3``, a **video** is uint8 ``T H W 3``. The target's box is dashed
green, the agent's is solid orange, other objects have thin grey ones: apart in brightness and in
stroke, so that they can be told apart without seeing colours.
"""

import numpy as np
from jaxtyping import Float, UInt8

Array = np.ndarray
Colour = tuple[int, int, int]

TARGET: Colour = (46, 214, 130)
AGENT: Colour = (255, 149, 0)
OTHER: Colour = (150, 150, 160)


def upscale(frames: UInt8[Array, "*n C H W"], factor: int = 4) -> UInt8[Array, "*n h w 3"]:
    """Enlarges frames by whole pixels and gives them three colours, channels last.

    Raises:
        ValueError: The frames have neither one nor three channels.
    """
    if frames.shape[-3] not in (1, 3):
        raise ValueError(f"frames must have 1 or 3 channels, got shape {frames.shape}")
    pictures = np.moveaxis(frames, -3, -1).repeat(factor, axis=-3).repeat(factor, axis=-2)
    return np.array(np.broadcast_to(pictures, (*pictures.shape[:-1], 3)), order="C")  # a copy


def draw_box(
    picture: UInt8[Array, "H W 3"],
    box: Float[Array, " 4"],
    colour: Colour,
    thickness: int = 2,
    dashed: bool = False,
) -> None:
    """Draws the outline of one box into a picture, in place; what lies outside is left out."""
    height, width = picture.shape[:2]
    x, y, w, h = (float(value) for value in box)
    left, right = round((x - w / 2) * width), round((x + w / 2) * width) - 1
    top, bottom = round((y - h / 2) * height), round((y + h / 2) * height) - 1
    rows = slice(max(top, 0), max(bottom + 1, 0))
    columns = slice(max(left, 0), max(right + 1, 0))
    lines: list[tuple] = []
    for step in range(thickness):
        lines += [(row, columns) for row in (top + step, bottom - step) if 0 <= row < height]
        lines += [(rows, column) for column in (left + step, right - step) if 0 <= column < width]
    if not dashed:
        for line in lines:
            picture[line] = colour
        return
    outline = np.zeros((height, width), dtype=bool)
    for line in lines:
        outline[line] = True
    along = np.add.outer(np.arange(height) - top, np.arange(width) - left)
    picture[outline & (along % 10 < 6)] = colour


def annotate(
    frames: UInt8[Array, "T C H W"],
    target: Float[Array, "T 4"] | None = None,
    agent: Float[Array, "T 4"] | None = None,
    others: Float[Array, "T K 4"] | None = None,
    present: Array | None = None,
    factor: int = 4,
) -> UInt8[Array, "T h w 3"]:
    """One episode with its boxes drawn in.

    Args:
        frames: What was seen.
        target: True (or imagined) box of the target.
        agent: Box of the agent.
        others: Boxes of all objects.
        present: ``T K``, which of ``others`` to draw; all if left out.
        factor: Enlargement.
    """
    video = upscale(frames, factor)
    for t, picture in enumerate(video):
        if others is not None:
            for k, box in enumerate(others[t]):
                if present is None or present[t, k]:
                    draw_box(picture, box, OTHER, thickness=1)
        if agent is not None:
            draw_box(picture, agent[t], AGENT)
        if target is not None:
            draw_box(picture, target[t], TARGET, dashed=True)
    return video
