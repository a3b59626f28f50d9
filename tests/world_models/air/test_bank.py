"""Start moments of imagination."""

import pytest
import torch

from dyna.loop.imagination import Imagination
from envs.scene import WELL_VISIBLE
from envs.tracking import Tracking
from tests.world_models.air.objects.test_slots import slots_at
from world_models.air.bank import Bank, gather
from world_models.air.model import AIR


def _bank(shown: list[list[bool]] | None = None) -> Bank:
    """Three moments; the value of every field tells the moment and slot that it came from."""
    tag = torch.arange(3.0)[:, None] * 10 + torch.arange(2.0)
    valid = torch.tensor([[True, True], [True, False], [False, True]])
    return Bank(
        where=tag[..., None].expand(3, 2, 3),
        velocity=tag[..., None].expand(3, 2, 2),
        hidden=tag[..., None].expand(3, 2, 4),
        what=tag[..., None].expand(3, 2, 5),
        valid=valid,
        shown=valid if shown is None else torch.tensor(shown),
        order=torch.tensor([[0, 1], [1, 0], [0, 1]]),
        z_bg=torch.arange(3.0)[:, None],
    )


def test_replayed_moments_stay_whole() -> None:
    drawn = _bank().draw(50, recombine=False, rng=torch.Generator().manual_seed(0))
    assert torch.equal(drawn.where[:, 0, 0] // 10, drawn.z_bg[:, 0])
    assert set(drawn.z_bg[:, 0].tolist()) == {0.0, 1.0, 2.0}


def test_recombined_objects_are_whole_and_valid_but_from_anywhere() -> None:
    drawn = _bank().draw(200, recombine=True, rng=torch.Generator().manual_seed(0))
    chosen = drawn.where[..., 0][drawn.valid]
    assert torch.equal(chosen, drawn.what[..., 0][drawn.valid])
    assert torch.equal(chosen, drawn.hidden[..., 0][drawn.valid])
    assert torch.equal(chosen, drawn.velocity[..., 0][drawn.valid])
    assert set(chosen.tolist()) == {0.0, 1.0, 10.0, 21.0}
    both = drawn.valid.all(-1)
    assert (drawn.where[both][:, 0, 0] // 10 != drawn.where[both][:, 1, 0] // 10).any()


def test_no_drawn_scene_is_without_an_object_that_can_be_followed() -> None:
    bank = _bank(shown=[[False, False], [True, False], [False, True]])
    for recombine in (False, True):
        drawn = bank.draw(400, recombine, rng=torch.Generator().manual_seed(0))
        assert drawn.shown.any(-1).all()
        assert not (drawn.shown & ~drawn.valid).any()
        assert set(drawn.where[..., 0][drawn.shown].tolist()) == {10.0, 21.0}
    assert 1.0 in drawn.where[..., 0][drawn.valid], "what is out of view belongs to dreams, too"
    both = drawn.valid.all(-1)
    assert both.float().mean() == pytest.approx(1 / 3, abs=0.1)


def test_who_is_well_in_view_is_remembered() -> None:
    slots = slots_at([[10.0, 10.0, 2.3], [40.0, 10.0, 2.3]], [1.0, 1.0], [0.0, 0.0])
    inside = torch.tensor([[[0.4, 0.2], [0.6, 0.0], [0.5, 1.0]]])
    bank = gather([slots] * 3, inside)
    assert bank.valid.tolist() == [[True, True]] * 3
    assert bank.shown.tolist() == [[False, False], [True, False], [False, True]]


@pytest.mark.parametrize("recombine", [True, False])
def test_every_dream_begins_with_something_to_follow(recombine: bool) -> None:
    """Where the view moves, many of the objects that are followed lie beyond its edges."""
    model = AIR(
        (1, 48, 48),
        num_slots=2,
        recombine=recombine,
        what_dim=5,
        background="smooth",
        background_dim=2,
    )
    slots = slots_at([[24.0, 24.0, 2.3], [-3.0, 24.0, 2.3]], [1.0, 1.0], [0.0, 0.0])
    model.bank = gather([slots] * 3, torch.tensor([1.0, 0.2]).expand(1, 3, 2))
    dream = Tracking(Imagination(model), 200, horizon=1)
    dream.reset()
    assert (dream.view.visible > WELL_VISIBLE).any(-1).all()
    assert (dream.view.visible < WELL_VISIBLE).any()
