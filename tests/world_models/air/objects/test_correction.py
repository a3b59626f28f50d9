"""What slots see of a frame when they are corrected by it."""

import dataclasses

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from tests.world_models.air.objects.test_slots import SIZE, slots_at
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects import correction
from world_models.air.objects.correction import evidence
from world_models.air.settings import AIRChoices
from world_models.blocks.distributions import Gaussian
from world_models.blocks.glimpse import read_glimpse, shift


def _seen_at_the_edge(margin: int) -> tuple[Float[Tensor, "1 E g g"], Float[Tensor, "1 E g g"]]:
    """The glimpse at an object half beyond the left edge, and at the same object inside."""
    torch.manual_seed(0)
    model = SceneModel((1, SIZE, SIZE), AIRChoices(what_dim=5, margin=margin))
    dark = torch.zeros(1, 1, SIZE, SIZE)
    glimpses = []
    for x in (0.0, 12.0):
        slots = slots_at([[x, 12.0, 2.3]], [1.0], [0.0])
        layers = model.place(model.decode_what(slots.what.loc), slots.where.loc)
        prior = Gaussian(slots.where.loc, torch.ones(1, 1, 3))
        seen, _ = evidence(model, slots, prior, layers[:, 0, :1], dark)
        window = shift(slots.where.loc, margin)[0]
        glimpses.append(read_glimpse(seen, window, model.GLIMPSE))
    return glimpses[0], glimpses[1]


def test_beyond_the_edge_the_own_prediction_stands_in() -> None:
    at_the_edge, inside = _seen_at_the_edge(margin=8)
    assert torch.allclose(at_the_edge, inside, atol=1e-4)


def test_the_longer_an_object_is_hidden_the_farther_it_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Gaussian] = []

    def spy(glimpse: Tensor, prior: Gaussian, *rest: object) -> Gaussian:
        asked.append(prior)
        return prior

    monkeypatch.setattr(correction, "search", spy)
    torch.manual_seed(0)
    model = SceneModel((1, SIZE, SIZE), AIRChoices(what_dim=5))
    slots = slots_at(
        [[6.0, 6.0, 2.0], [16.0, 16.0, 2.0], [9.0, 16.0, 2.0]], [1.0] * 3, [0.0, 2.0, 8.0]
    )
    prior = Gaussian(slots.where.loc, torch.full((1, 3, 3), 0.5))
    dark, bars = torch.zeros(1, 1, SIZE, SIZE), torch.ones(1, SIZE, SIZE)
    seen = evidence(model, slots, prior, dark, dark, True, bars)
    correction.correct(model, slots, prior, *seen, None, dark, 0.12)
    doubt = asked[0].scale[:, 0]
    expected = torch.tensor([0.25, 0.25 + 0.8**2, 0.25 + 3.2**2]).sqrt()
    torch.testing.assert_close(doubt, expected)


@pytest.mark.parametrize("age", [8.0, 1.0])
def test_what_is_missing_of_a_known_object_is_hidden(age: float) -> None:
    torch.manual_seed(0)
    model = SceneModel((1, SIZE, SIZE), AIRChoices(what_dim=5))
    model.what_decoder[-1].bias.data += 6.0  # bright and solid
    slots = slots_at([[12.0, 12.0, 2.5]], [1.0], [0.0])
    slots = dataclasses.replace(slots, age=torch.full((1, 1), age))
    prior = Gaussian(slots.where.loc, torch.ones(1, 1, 3))
    dark = torch.zeros(1, 1, SIZE, SIZE)
    shown = model.place(model.decode_what(slots.what.loc), slots.where.loc)[:, 0, :1]
    for frame, passes in ((shown, True), (dark, age < correction.MIN_AGE)):
        clear = evidence(model, slots, prior, frame, dark, occluders=True)[1].unoccluded
        assert (clear[0, 0, 10:14, 10:14] > 0.9).all() == passes
        assert (clear[0, 0, :3, :3] > 0.8).all() or not passes


def test_without_a_margin_the_world_ends_at_the_edge() -> None:
    at_the_edge, inside = _seen_at_the_edge(margin=0)
    assert torch.allclose(at_the_edge[..., 9:], inside[..., 9:], atol=1e-4)
    assert at_the_edge[..., :7].abs().max() == 0
    assert inside[..., :7].abs().max() > 0.1
