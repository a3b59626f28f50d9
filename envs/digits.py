"""Moving digits: the scenes on which everything here is measured (after Moving-MNIST and AIR)."""

from collections.abc import Mapping
from typing import Any

from envs.simulator import sprites
from envs.simulator.moving import Moving, task
from envs.simulator.tiers import Factors, named
from envs.tracking import Tracking


class Digits(Moving):
    """Scenes of moving digits.

    Args:
        factors: What varies; see ``envs.simulator.tiers``.
        split: ``train`` or ``test``: which digits are drawn.
        digits: None for scikit-learn's digits, or an MNIST-like file; see
            ``envs.simulator.sprites.load``.
        device: Where the scenes live.
    """

    def __init__(
        self,
        factors: Factors,
        split: str = "train",
        digits: str | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(factors, sprites.load(split, digits, device))


def make(
    tier: str = "plain",
    split: str = "train",
    batch_size: int = 32,
    horizon: int = 20,
    seed: int = 0,
    device: str = "cpu",
    digits: str | None = None,
    factors: Mapping[str, Any] | None = None,
) -> Tracking:
    """The tracking task on moving digits.

    Args:
        tier: One of ``envs.simulator.tiers.TIERS``.
        split: ``train`` or ``test``: which digits are drawn.
        batch_size: Episodes side by side.
        horizon: Frames per episode.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        digits: None for scikit-learn's digits, or the path of an MNIST-like file.
        factors: Changes to the factors of the tier, by name; see ``envs.simulator.tiers.Factors``.

    Raises:
        ValueError: An unknown tier, factor or split, or a value out of range.
        FileNotFoundError: There is no file ``digits``.
    """
    scene = Digits(named(tier, factors), split, digits, device)
    return task(scene, batch_size, horizon, seed, device)
