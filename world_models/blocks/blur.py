"""Pictures seen through a Gaussian."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d


def blur(picture: Float[Tensor, "B c h w"], sigma: float) -> Float[Tensor, "B c h w"]:
    """Gaussian blur; outside of the picture is 0."""
    reach = round(2.5 * sigma)
    x = torch.arange(-reach, reach + 1, device=picture.device)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = kernel / kernel.sum()
    flat = picture.flatten(0, 1)[:, None]
    flat = conv2d(flat, kernel[None, None, :, None], padding=(reach, 0))
    return conv2d(flat, kernel[None, None, None, :], padding=(0, reach)).view(picture.shape)
