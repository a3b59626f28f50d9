"""One seed for a run: every part draws its own from it by name, and none disturbs another.

Two arms of an experiment with the same seed meet the same real episodes, whatever else they draw.
"""

import contextlib
import hashlib
from collections.abc import Iterator

import torch


def child(seed: int, name: str) -> int:
    """Seed of the part ``name`` of a run, in [0, 2^63).

    Example:
        >>> child(0, "env/train") == child(0, "env/train") != child(0, "env/test")
        True
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, name: str, device: str = "cpu") -> torch.Generator:
    """A generator for the part ``name`` of a run."""
    return torch.Generator(device).manual_seed(child(seed, name))


@contextlib.contextmanager
def initialised(seed: int, name: str) -> Iterator[None]:
    """Within it torch's own initialisers draw from the part's seed; the global state comes back.

    ``torch.nn`` layers take no generator, so this is the one place that touches global randomness.
    """
    with torch.random.fork_rng(devices=[]):  # layers are made on the CPU and moved from there
        torch.manual_seed(child(seed, name))
        yield
