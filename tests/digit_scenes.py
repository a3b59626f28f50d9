"""Short cuts to scenes of digits, for tests."""

import torch

from envs.digits import Digits
from envs.scene import View
from envs.simulator.tiers import TIERS, named

TRACKED = [tier for tier, factors in TIERS.items() if factors.min_objects > 0]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shown(scene: Digits, num: int, length: int, seed: int = 0) -> list[View]:
    rng = generator(seed)
    return [scene.reset(num, rng)] + [scene.advance(rng) for _ in range(length - 1)]


def clean(tier: str, **changes: object) -> Digits:
    """A scene without background and noise."""
    return Digits(named(tier, {"background": 0.0, "noise": 0.0, "gain": 0.0, **changes}))
