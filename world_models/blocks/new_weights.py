"""Parts that are made while a model learns: their weights come from its own generator."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def new_weights(rng: torch.Generator) -> Iterator[None]:
    """New parts draw their weights from ``rng`` alone, whatever was drawn elsewhere before."""
    with torch.random.fork_rng(devices=[]):
        seed = torch.randint(1 << 31, (), generator=rng, device=rng.device)
        torch.default_generator.manual_seed(int(seed))
        yield
