"""Small network pieces."""

import itertools
from collections.abc import Sequence

from torch import nn


def mlp(sizes: Sequence[int], last_gain: float = 1.0) -> nn.Sequential:
    """Linear layers of the given sizes with ELU between; the last one's weights are scaled."""
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        layers.append(nn.Linear(inputs, outputs))
        if i < len(sizes) - 2:
            layers.append(nn.ELU())
    last = layers[-1]
    assert isinstance(last, nn.Linear)
    last.weight.data.mul_(last_gain)
    last.bias.data.zero_()
    return nn.Sequential(*layers)
