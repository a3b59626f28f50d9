"""Moving digits: the scenes on which everything here is measured (after Moving-MNIST and AIR)."""

import dataclasses
from typing import Any

from envs.factors import Factors
from envs.settings import Settings, configured_by, setting
from envs.simulator import digit_bank, digit_files
from envs.simulator.moving import Moving, task
from envs.simulator.tiers import named
from envs.tracking import Tracking


class Digits(Moving):
    """Scenes of moving digits.

    Args:
        factors: What varies.
        split: ``train`` or ``test``: which digits are drawn.
        digits: None for scikit-learn's digits, or an MNIST-like file; see
            ``envs.simulator.digit_bank.load``.
        device: Where the scenes live.
    """

    def __init__(
        self,
        factors: Factors,
        split: str = "train",
        digits: str | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(factors, digit_bank.load(split, digits, device))


@dataclasses.dataclass(frozen=True)
class DigitsSettings(Settings):
    """What can be set."""

    tier: str = setting("plain", "one of envs.simulator.tiers.TIERS")
    horizon: int = setting(20, "frames per episode", least=1)
    digits: str | None = setting(None, digit_files.HELP)
    factors: Any = setting(None, "changes to the tier's factors, by name; see envs.factors")


@configured_by(DigitsSettings)
def make(
    split: str = "train", batch_size: int = 32, seed: int = 0, device: str = "cpu", **settings: Any
) -> Tracking:
    """The tracking task on moving digits.

    Args:
        split: ``train`` or ``test``: which digits are drawn.
        batch_size: Episodes side by side.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        **settings: Keys of `DigitsSettings`.

    Raises:
        ValueError: An unknown tier, factor or split, or a value out of range.
        FileNotFoundError: There is no file ``digits``.
    """
    s = DigitsSettings(**settings)
    scene = Digits(named(s.tier, s.factors), split, s.digits, device)
    return task(scene, batch_size, s.horizon, seed, device)
