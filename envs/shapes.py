"""Moving shapes: flat shapes in colour on textured backgrounds, 64 x 64 RGB.

Squares, discs, triangles, bars, crosses, stars, rings and corners of different sizes and aspect
ratios turn, move and hide each other. Only the sprites differ from scenes of digits; every factor
of ``envs.simulator.tiers.Factors`` works here too. Shapes of the test split have aspect ratios and
forms that no training shape has; see ``envs.simulator.silhouettes``.
"""

from collections.abc import Mapping
from typing import Any

from envs.simulator import silhouettes
from envs.simulator.moving import Moving, task
from envs.simulator.tiers import Factors, named
from envs.tracking import Tracking

SHAPES = Factors(
    frame_size=64, min_objects=1, max_objects=4, size=20, size_jitter=0.3, speed=2.5,
    velocity_jitter=0.05, rotation=5, colour="rgb", depth=True, background=0.5,
    background_detail=0.5, noise=0.03,
)  # fmt: skip

TIERS: Mapping[str, Factors] = {"shapes": SHAPES}


class Shapes(Moving):
    """Scenes of moving shapes.

    Args:
        factors: What varies; see ``envs.simulator.tiers``.
        split: ``train`` or ``test``: which shapes are drawn.
        device: Where the scenes live.
    """

    def __init__(self, factors: Factors, split: str = "train", device: str = "cpu") -> None:
        super().__init__(factors, silhouettes.load(split, device))


def make(
    tier: str = "shapes",
    split: str = "train",
    batch_size: int = 32,
    horizon: int = 20,
    seed: int = 0,
    device: str = "cpu",
    factors: Mapping[str, Any] | None = None,
) -> Tracking:
    """The tracking task on moving shapes.

    Args:
        tier: One of ``TIERS``.
        split: ``train`` or ``test``: which shapes are drawn.
        batch_size: Episodes side by side.
        horizon: Frames per episode.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        factors: Changes to the factors of the tier, by name; see ``envs.simulator.tiers.Factors``.

    Raises:
        ValueError: An unknown tier, factor or split, or a value out of range.
    """
    scene = Shapes(named(tier, factors, TIERS), split, device)
    return task(scene, batch_size, horizon, seed, device)
