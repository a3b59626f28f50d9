"""Which law is chosen: what predicts tracks that it has not seen."""

import torch
from torch import Tensor

from world_models.air.choices.motion import choose_law
from world_models.air.motion.learning import Tracks
from world_models.air.motion.transition import ConstantVelocity, Transition
from world_models.air.settings import AIRSettings
from world_models.blocks.distributions import Gaussian


class Lazy(ConstantVelocity):
    """Believes that everything moves at half its speed."""

    def forward(
        self,
        where: Tensor,
        velocity: Tensor,
        hidden: Tensor,
        present: Tensor,
        camera_px: Tensor | None = None,
    ) -> tuple[Gaussian, Tensor]:
        return super().forward(where, velocity / 2, hidden, present, camera_px)


def _tracks() -> Tracks:
    """Twelve scenes of two objects that move evenly for 20 frames."""
    start, velocity = torch.rand(12, 1, 2, 2) * 20 + 14, torch.randn(12, 1, 2, 2)
    path = start + velocity * torch.arange(20.0)[None, :, None, None]
    where = torch.cat([path, torch.full((12, 20, 2, 1), 2.8)], -1)
    present = torch.ones(12, 20, 2, dtype=torch.bool)
    return Tracks(where, torch.zeros(12, 20, 2), present, torch.zeros(12, 20, 2).long())


def _choose(right: tuple[str, str], rng: torch.Generator, **fixed: str) -> dict[str, str]:
    def make(*law: str) -> Transition:
        return ConstantVelocity((48, 48)) if law == right else Lazy((48, 48))

    return choose_law(AIRSettings(**fixed), _tracks(), make, 2, rng)[0]


def test_what_predicts_best_is_chosen(rng: torch.Generator) -> None:
    assert _choose(("kalman", "none"), rng) == {"transition": "kalman", "relation": "none"}
    assert _choose(("rnn", "pairwise"), rng) == {"transition": "rnn", "relation": "pairwise"}


def test_of_equals_the_simplest_is_chosen(rng: torch.Generator) -> None:
    assert _choose(("linear", "none"), rng) == {"transition": "rnn", "relation": "none"}


def test_what_is_set_stays(rng: torch.Generator) -> None:
    assert _choose(("kalman", "none"), rng, transition="rnn") == {"relation": "none"}
    assert _choose(("rnn", "pairwise"), rng, relation="none") == {"transition": "rnn"}
    still = _choose(("rnn", "pairwise"), rng, transition="constant_velocity")
    assert still == {}
