"""Boxes drawn over frames for human eyes, with numpy alone."""

import numpy as np

TARGET = (40, 220, 60)
OWN = (255, 110, 20)
OTHER = (130, 150, 190)


def enlarge(frame: np.ndarray, least: int = 288) -> np.ndarray:
    """An RGB picture of at least ``least`` pixels a side, of a frame ``H W 1`` or ``H W 3``."""
    factor = max(1, -(-least // min(frame.shape[:2])))
    big = frame.repeat(factor, 0).repeat(factor, 1)
    return big.repeat(3, -1) if big.shape[-1] == 1 else big


def outline(
    picture: np.ndarray, box: np.ndarray, colour: tuple[int, int, int], width: int = 1
) -> None:
    """Draws the rim of ``box`` (centre and size, fractions) into ``picture`` in place.

    What lies outside of the picture is cut off.
    """
    height, breadth = picture.shape[:2]
    centre, half = np.asarray(box[:2]), np.asarray(box[2:]) / 2
    scale = np.array([breadth, height])
    left, top = np.round((centre - half) * scale).astype(int)
    right, bottom = np.round((centre + half) * scale).astype(int)
    for y0, y1, x0, x1 in (
        (top, top + width, left, right),
        (bottom - width, bottom, left, right),
        (top, bottom, left, left + width),
        (top, bottom, right - width, right),
    ):
        picture[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = colour


def annotate(
    frame: np.ndarray, target: np.ndarray, own: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """A frame with the target's box (green), the agent's own (orange) and thin boxes of others.

    Args:
        frame: uint8 ``H W C``.
        target: Box ``4`` (centre and size, fractions).
        own: Box ``4``.
        others: Boxes ``n 4``.

    Returns:
        An enlarged picture, uint8 ``H' W' 3``.
    """
    picture = enlarge(frame)
    for box in others:
        outline(picture, box, OTHER)
    outline(picture, target, TARGET, 2)
    outline(picture, own, OWN, 2)
    return picture
