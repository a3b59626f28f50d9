"""Finding objects in single frames: proposals, the two ways to infer, and what noise is worth."""

import dataclasses

import pytest
import torch

from envs.stills import Stills, StillsSettings
from envs.watching import watch
from tests.usual import USUAL
from world_models.air.frame.attend import RecurrentAttention
from world_models.air.frame.discovery import (
    BLUR_PX,
    blur_kernel,
    discover,
    inhibit,
    misfit,
    negative_elbo,
    propose,
)
from world_models.air.frame.scene_model import SceneModel
from world_models.air.model import AIR
from world_models.air.settings import AIRChoices

SHAPE = (1, 40, 40)
TINY = {"background_steps": 3, "static_steps": 3, "typical_side": 24.0, "window": 40.0}
STILLS = {**USUAL, **TINY, "num_slots": 3, "background": "free"}


def test_the_next_look_is_where_least_is_explained() -> None:
    residual = torch.zeros(2, *SHAPE)
    residual[0, :, 8:14, 24:30] = 1.0
    residual[1, :, 28:34, 10:16] = -1.0  # too bright counts like too dark
    centre = propose(residual, torch.ones(2, 20, 20))
    torch.testing.assert_close(centre, torch.tensor([[27.0, 11.0], [13.0, 31.0]]))
    allowed = inhibit(torch.ones(2, 20, 20), torch.tensor([[27.0, 11, 2], [13, 31, 2]]), 8.0)
    again = propose(residual, allowed)
    assert ((again - centre).norm(dim=-1) > 5).all()


def test_looks_are_blurred_as_far_as_is_said() -> None:
    weights = blur_kernel(torch.device("cpu"))
    place = 2 * (torch.arange(len(weights)) - len(weights) // 2)  # pictures of half the size
    assert weights.sum().item() == pytest.approx(1)
    assert (weights * place.square()).sum().sqrt().item() == pytest.approx(BLUR_PX, rel=0.05)


def test_a_new_model_draws_bright_things_that_are_hardly_there() -> None:
    for channels in (1, 3):
        model = SceneModel((channels, 40, 40), AIRChoices(what_dim=5))
        drawn = model.decode_what(torch.randn(8, 5))
        colour, alpha = drawn[:, :channels], drawn[:, channels:]
        assert alpha.mean() < 0.25
        assert (colour / alpha).mean() > 0.6


def test_a_look_is_neither_certain_nor_lost(rng: torch.Generator) -> None:
    model = SceneModel(SHAPE, AIRChoices(what_dim=5))
    for strength in (1.0, 1e3, -1e3):
        seen = strength * torch.rand(16, 2, 40, 40, generator=rng)
        scale = model.look(seen, torch.full((16, 2), 20.0)).scale / model.where_unit
        assert scale.min() > 0.01
        assert scale.max() < 8


@pytest.mark.parametrize("inference", ["residual", "recurrent"])
@pytest.mark.parametrize("learning", [True, False])
def test_both_ways_fill_slots(inference: str, learning: bool, rng: torch.Generator) -> None:
    model = SceneModel(SHAPE, AIRChoices(background="smooth", inference=inference))
    frame = torch.rand(4, *SHAPE, generator=rng)
    found = discover(model, frame, torch.zeros_like(frame), 3, 6.0, rng if learning else None)
    assert found.where.shape == (4, 3, 3)
    assert found.canvas.shape == frame.shape
    assert ((found.clear >= 0) & (found.clear <= 1)).all()
    if learning:
        found.canvas.sum().backward()
        first = model.attention.embed if model.attention else model.where_encoder[0]
        assert first.weight.grad is not None
        assert first.weight.grad.abs().sum() > 0


def test_the_published_way_stops_where_it_finds_nothing(rng: torch.Generator) -> None:
    model = SceneModel(SHAPE, AIRChoices(background="smooth", inference="recurrent"))
    frame = torch.rand(32, *SHAPE, generator=rng)
    presence = discover(model, frame, torch.zeros_like(frame), 3, 6.0, rng).presence
    assert (presence[:, 1:] <= presence[:, :-1]).all()


def test_the_recurrent_network_remembers_what_it_found(rng: torch.Generator) -> None:
    attention = RecurrentAttention((2, 40, 40), 5, 3.0)
    evidence = torch.rand(3, 2, 40, 40, generator=rng)
    where, scale, logits, memory = attention(evidence, attention.initial(3))
    assert ((where[:, :2] > 0) & (where[:, :2] < 40)).all()
    assert scale.shape == (3, 3)
    assert logits.shape == (3,)
    told = attention.remember(memory, where, torch.ones(3, 5), torch.ones(3))
    other = attention.remember(memory, where, -torch.ones(3, 5), torch.ones(3))
    assert not torch.equal(attention(evidence, told)[0], attention(evidence, other)[0])


def test_noisy_pixels_are_worth_less() -> None:
    model = SceneModel(SHAPE, AIRChoices(background="smooth"))
    frame, canvas = torch.ones(1, *SHAPE), torch.zeros(1, *SHAPE)
    plain = misfit(model, frame, canvas, 0.2)
    assert plain.item() == pytest.approx(1600 / (2 * 0.2**2))
    model.background.noise.fill_(0.4)
    assert misfit(model, frame, canvas, 0.2).item() == pytest.approx(plain.item() / 4)
    model.background.noise.fill_(0.1)  # never finer than what is asked for
    assert misfit(model, frame, canvas, 0.2).item() == pytest.approx(plain.item())


def test_objects_cost_more_the_less_they_are_expected(rng: torch.Generator) -> None:
    model = SceneModel(SHAPE, AIRChoices(background="smooth"))
    frame = torch.rand(4, *SHAPE, generator=rng)
    found = discover(model, frame, torch.zeros_like(frame), 3, 6.0, rng)
    found = dataclasses.replace(found, logits=torch.full((4, 3), 8.0))
    usual, rare = (negative_elbo(model, frame, found, 0.2, p)[0] for p in (1e-2, 1e-8))
    torch.testing.assert_close(rare - usual, torch.full((4,), 3 * 13.8), atol=0.2, rtol=0)


def test_what_would_draw_nothing_is_no_object(rng: torch.Generator) -> None:
    model = SceneModel(SHAPE, AIRChoices(background="smooth"))
    model.what_encoder[-1].bias.data[-1] = 50.0  # it is certain of objects
    frame = torch.rand(2, *SHAPE, generator=rng)
    for opacity, there in ((2.0, 1.0), (-9.0, 0.0)):
        model.what_decoder[-1].bias.data[-256:] = opacity
        found = discover(model, frame, torch.zeros_like(frame), 1, 6.0)
        assert (found.presence == there).all()


@pytest.mark.parametrize("inference", ["residual", "recurrent"])
def test_single_images_teach_perception_alone(inference: str, rng: torch.Generator) -> None:
    real = watch(Stills(StillsSettings(background="grid")), 64, 1, rng)
    model = AIR((1, 50, 50), inference=inference, **STILLS)
    before = {name: p.clone() for name, p in model.transition.named_parameters()}
    metrics = model.fit(real.without_truth(), rng)
    assert "kl_motion" not in metrics
    assert model.scene.background.noise.mean() > 1e-3  # it was measured
    assert all(torch.equal(p, before[name]) for name, p in model.transition.named_parameters())
    seen = model.posterior(real.without_truth())
    assert seen.visible.shape == (64, 1, 3)


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="hunch"):
        AIR(SHAPE, inference="hunch")
    with pytest.raises(ValueError, match="presence_prior"):
        AIR(SHAPE, presence_prior=0.0)
