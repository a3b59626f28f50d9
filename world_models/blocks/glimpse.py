"""Reading glimpses out of frames and drawing them into canvases.

A window is ``z_where = (x, y, log_side)``: its centre in pixels of the frame (0 is the outer edge
of the first pixel, x to the right, y down) and the logarithm of its side in pixels; one that need
not be square is ``(x, y, log_width, log_height)``, and every function here takes either. Pixels,
because noise, likelihood and the cost of a box are all per pixel. `window_box` is the one place
where windows become boxes.

An upright window makes the spatial transformer (Jaderberg et al., 2015,
https://arxiv.org/abs/1506.02025) separable: bilinear resampling is one product with a matrix of
hat weights per axis, which on a CPU is several times faster than a sampling grid.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from envs.boxes import cut, from_xyxy, spans, to_xyxy


def _samples(
    centre: Float[Tensor, " N"], side: Float[Tensor, " N"], glimpse: int
) -> Float[Tensor, "N g"]:
    """Where the samples of a window lie on an axis; whole numbers are middles of pixels."""
    offset = (torch.arange(glimpse, device=centre.device) + 0.5) / glimpse - 0.5
    return centre[:, None] + offset * side[:, None] - 0.5


def _hat(
    sample: Float[Tensor, "N g"], first: Int[Tensor, " N"], pixels: int
) -> Float[Tensor, "N g s"]:
    """Weights that read samples out of ``pixels`` pixels of an axis, beginning at ``first``."""
    pixel = first[:, None] + torch.arange(pixels, device=sample.device)
    return torch.relu(1 - (sample[:, :, None] - pixel[:, None]).abs())


def _draw_weights(
    centre: Float[Tensor, " N"],
    side: Float[Tensor, " N"],
    glimpse: int,
    first: Int[Tensor, " N"] | None,
    pixels: int,
) -> Float[Tensor, "N s g"]:
    """Weights that draw a window of ``glimpse`` samples onto ``pixels`` pixels of an axis.

    They begin at ``first``, or at the edge.
    """
    pixel = torch.arange(pixels, device=centre.device) + 0.5
    if first is not None:
        pixel = first[:, None] + pixel
    position = (pixel - centre[:, None]) * (glimpse / side[:, None]) + (glimpse / 2 - 0.5)
    sample = torch.arange(glimpse, device=centre.device)
    return torch.relu(1 - (position[:, :, None] - sample).abs())


def read_glimpse(
    frame: Float[Tensor, "N C H W"], z_where: Float[Tensor, "N w"], size: int
) -> Float[Tensor, "N C size size"]:
    """Reads a ``size`` x ``size`` glimpse at each window; what lies outside the frame reads 0."""
    y = _samples(z_where[:, 1], z_where[:, -1].exp(), size)
    x = _samples(z_where[:, 0], z_where[:, 2].exp(), size)
    corners = torch.stack([x, y], 1)
    frame, top, left = cut(frame, corners[..., 0], corners[..., -1])
    rows = _hat(y, top, frame.shape[-2])
    return _resample(frame, rows, _hat(x, left, frame.shape[-1]))


def draw_glimpse(
    glimpse: Float[Tensor, "N C g g"], z_where: Float[Tensor, "N w"], size: tuple[int, int]
) -> Float[Tensor, "N C H W"]:
    """Draws each glimpse into an empty canvas of ``size`` (H, W) at its window."""
    return _drawn(glimpse, z_where, size)


def draw_part(
    glimpse: Float[Tensor, "N C g g"], z_where: Float[Tensor, "N w"], size: tuple[int, int]
) -> tuple[Float[Tensor, "N C u v"], Int[Tensor, " N"], Int[Tensor, " N"]]:
    """Of what `draw_glimpse` draws the parts that are not empty, and where they begin.

    Returns:
        The parts, equally large, and their first rows and columns (`envs.boxes.spans`).
    """
    # Between samples a window is drawn linearly, so it ends one sample beyond the outermost.
    reach = z_where[:, [2, -1]].exp() / 2 * (1 + 1 / glimpse.shape[-1])
    low, high = z_where[:, :2] - reach - 0.5, z_where[:, :2] + reach - 0.5
    part, top, left = spans(low, high, size, z_where.device.type == "cpu")
    return _drawn(glimpse, z_where, part, top, left), top, left


def _drawn(
    glimpse: Float[Tensor, "N C g g"],
    z_where: Float[Tensor, "N w"],
    size: tuple[int, int],
    top: Int[Tensor, " N"] | None = None,
    left: Int[Tensor, " N"] | None = None,
) -> Float[Tensor, "N C u v"]:
    samples = glimpse.shape[-1]
    rows = _draw_weights(z_where[:, 1], z_where[:, -1].exp(), samples, top, size[0])
    columns = _draw_weights(z_where[:, 0], z_where[:, 2].exp(), samples, left, size[1])
    return _resample(glimpse, rows, columns)


def shift(z_where: Float[Tensor, "*n w"], pixels: float) -> Float[Tensor, "*n w"]:
    """The same windows in a frame that has ``pixels`` more on every side."""
    return torch.cat([z_where[..., :2] + pixels, z_where[..., 2:]], -1)


def _resample(
    picture: Float[Tensor, "N C s t"],
    rows: Float[Tensor, "N u s"],
    columns: Float[Tensor, "N v t"],
) -> Float[Tensor, "N C u v"]:
    """Computes rows @ picture @ columns^T with the channels inside two large products.

    In between, channels change places; the order of the products is the one in which few numbers
    are moved for that.
    """
    number, channels, height, width = picture.shape
    tall, wide = rows.shape[1], columns.shape[1]  # named, not -1: there may be no picture at all
    if tall < height:
        read = torch.bmm(picture.flatten(1, 2), columns.transpose(1, 2))
        read = read.view(number, channels, height, wide).transpose(1, 2).flatten(2)
        return torch.bmm(rows, read).view(number, tall, channels, wide).transpose(1, 2)
    drawn = torch.bmm(rows, picture.transpose(1, 2).flatten(2))
    drawn = drawn.view(number, tall, channels, width).transpose(1, 2).flatten(1, 2)
    return torch.bmm(drawn, columns.transpose(1, 2)).unflatten(1, (channels, tall))


def window_box(
    z_where: Float[Tensor, "*n w"], extent: Float[Tensor, "*n 4"], size: tuple[int, int]
) -> Float[Tensor, "*n 4"]:
    """Boxes of parts of windows.

    Args:
        z_where: The windows.
        extent: (left, top, right, bottom) of the part, as fractions of its window.
        size: (H, W) of the frame in pixels.

    Returns:
        Boxes in fractions of the frame (see `envs.boxes`).
    """
    side = z_where[..., [2, -1, 2, -1]].exp()
    corners = z_where[..., [0, 1, 0, 1]] + (extent - 0.5) * side
    height, width = size
    return from_xyxy(corners / corners.new_tensor([width, height, width, height]))


def box_in_window(
    box: Float[Tensor, "*n 4"], z_where: Float[Tensor, "*n w"], size: tuple[int, int]
) -> Float[Tensor, "*n 4"]:
    """The part of each window that a box is: what `window_box` made the box of."""
    height, width = size
    corners = to_xyxy(box) * box.new_tensor([width, height, width, height])
    return (corners - z_where[..., [0, 1, 0, 1]]) / z_where[..., [2, -1, 2, -1]].exp() + 0.5
