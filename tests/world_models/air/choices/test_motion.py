"""Whether objects act on each other is chosen: by whether those that meet pass or bounce."""

import pytest
import torch

from world_models.air.choices.motion import choose_relation, rebound
from world_models.air.motion.learning import Tracks
from world_models.air.settings import AIRChoices, AIRSettings


def _tracks(collide: bool, noise: float = 0.3) -> Tracks:
    """Twenty scenes of two objects that meet, on lines that miss each other by a few pixels."""
    rng = torch.Generator().manual_seed(0)
    angle = torch.rand(20, generator=rng) * 2 * torch.pi
    along = torch.stack([angle.cos(), angle.sin()], -1)
    across = torch.stack([-along[:, 1], along[:, 0]], -1)
    time = torch.arange(20.0)[None, :] - 10
    way = -time.abs() - 3 if collide else time  # of one before the other's face; it turns round
    miss = torch.randn(20, generator=rng) * 2
    half = 2 * way[..., None] * along[:, None] + (miss[:, None] * across)[:, None]
    path = torch.stack([24 + half, 24 - half], 2)
    path = path + noise * torch.randn(path.shape, generator=rng)
    where = torch.cat([path, torch.full((20, 20, 2, 1), 2.8)], -1)
    present = torch.ones(20, 20, 2, dtype=torch.bool)
    return Tracks(
        where, torch.zeros(20, 20, 2), present, torch.zeros(20, 20, 2).long(), present.float()
    )


def test_objects_that_bounce_are_told_from_those_that_pass() -> None:
    assert rebound(_tracks(True))[0] > 0.7
    assert abs(rebound(_tracks(False))[0]) < 0.2
    assert rebound(_tracks(True))[1] >= 15
    assert rebound(_tracks(True)[torch.arange(0)]) == (0.0, 0)


@pytest.mark.parametrize("collide", [True, False])
def test_objects_that_collide_act_on_each_other(collide: bool) -> None:
    chosen, told = choose_relation(AIRSettings(), AIRChoices(), _tracks(collide))
    assert chosen.relation == ("pairwise" if collide else "none")
    assert chosen.transition == "kalman"
    assert told["meetings"] >= 15


def test_a_few_meetings_tell_nothing() -> None:
    few = _tracks(True)[torch.arange(5)]
    assert choose_relation(AIRSettings(), AIRChoices(), few)[0].relation == "none"


def test_what_is_set_and_what_was_chosen_stays() -> None:
    tracks = _tracks(True)
    chosen, _ = choose_relation(AIRSettings(transition="linear"), AIRChoices(margin=7), tracks)
    assert (chosen.transition, chosen.relation, chosen.margin) == ("linear", "pairwise", 7)
    for settings in (AIRSettings(relation="none"), AIRSettings(transition="constant_velocity")):
        assert choose_relation(settings, AIRChoices(), tracks)[0].relation == "none"
