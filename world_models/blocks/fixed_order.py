"""Medians, and sums along an axis, whose order of computing is fixed on every device.

``torch.median`` and ``torch.cumsum`` of floats have no deterministic form on CUDA, where a run
that must repeat may not use them.
"""

from itertools import accumulate

import torch
from torch import Tensor


def median(values: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """The lower median along an axis, as ``torch.nanmedian`` finds it: NaNs are left out.

    Where there is nothing but NaNs it is NaN.
    """
    ordered = values.sort(dim).values
    known = (~values.isnan()).sum(dim, keepdim=True)
    middle = ordered.gather(dim, (known - 1).clamp(min=0) // 2)
    return middle if keepdim else middle.squeeze(dim)


def running_sum(values: Tensor, dim: int) -> Tensor:
    """The sum of everything up to each place along an axis, to the last bit that of the CPU.

    There ``torch.cumsum`` adds up in double precision.
    """
    sums = accumulate(values.double().unbind(dim))
    return torch.stack(list(sums), dim).to(values.dtype)
