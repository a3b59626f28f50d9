"""Moving shapes: flat shapes in colour on textured backgrounds, 64 x 64 RGB.

Squares, discs, triangles, bars, crosses, stars, rings and corners of different sizes and aspect
ratios turn, move and hide each other. Only the sprites differ from scenes of digits; every factor
of ``envs.factors.Factors`` works here too. Shapes of the test split have aspect ratios and
forms that no training shape has; see ``envs.simulator.silhouettes``.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from envs.factors import Factors
from envs.settings import Settings, configured_by, setting
from envs.simulator import silhouettes
from envs.simulator.moving import Moving, task
from envs.simulator.tiers import named
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
        factors: What varies.
        split: ``train`` or ``test``: which shapes are drawn.
        device: Where the scenes live.
    """

    def __init__(self, factors: Factors, split: str = "train", device: str = "cpu") -> None:
        super().__init__(factors, silhouettes.load(split, device))


@dataclasses.dataclass(frozen=True)
class ShapesSettings(Settings):
    """What can be set."""

    tier: str = setting("shapes", "one of envs.shapes.TIERS")
    horizon: int = setting(20, "frames per episode", least=1)
    factors: Any = setting(None, "changes to the tier's factors, by name; see envs.factors")


@configured_by(ShapesSettings)
def make(
    split: str = "train", batch_size: int = 32, seed: int = 0, device: str = "cpu", **settings: Any
) -> Tracking:
    """The tracking task on moving shapes.

    Args:
        split: ``train`` or ``test``: which shapes are drawn.
        batch_size: Episodes side by side.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        **settings: Keys of `ShapesSettings`.

    Raises:
        ValueError: An unknown tier, factor or split, or a value out of range.
    """
    s = ShapesSettings(**settings)
    scene = Shapes(named(s.tier, s.factors, TIERS), split, device)
    return task(scene, batch_size, s.horizon, seed, device)
