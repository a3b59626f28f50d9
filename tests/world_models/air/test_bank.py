"""Start moments of imagination."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from dyna.loop.imagination import Imagination
from envs.scene import WELL_VISIBLE
from envs.tracking import Tracking
from tests.world_models.air.objects.test_slots import slots_at
from world_models.air.bank import Bank, gather
from world_models.air.frame.scene_model import SceneModel
from world_models.air.model import AIR
from world_models.air.objects.slots import Slots
from world_models.blocks.distributions import Gaussian

NOWHERE = torch.full((3, 1, 2), -1)
WHOLE = torch.ones(1)


def _bank(shown: list[list[bool]] | None = None, count: tuple[int, ...] = (2, 1, 1)) -> Bank:
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
        row=tag.long(),
        count=torch.tensor(count),
        order=torch.tensor([[0, 1], [1, 0], [0, 1]]),
        z_bg=torch.arange(3.0)[:, None],
    )


def test_replayed_moments_stay_whole() -> None:
    drawn = _bank().draw(50, recombine=False, rng=torch.Generator().manual_seed(0))
    assert torch.equal(drawn.where[:, 0, 0] // 10, drawn.z_bg[:, 0])
    assert set(drawn.z_bg[:, 0].tolist()) == {0.0, 1.0, 2.0}


def test_recombined_objects_are_whole_and_valid_but_from_anywhere(rng: torch.Generator) -> None:
    drawn = _bank().draw(300, recombine=True, rng=rng)
    place, look = drawn.where[..., 0][drawn.valid], drawn.what[..., 0][drawn.valid]
    assert torch.equal(place, drawn.where[..., 1][drawn.valid])
    assert torch.equal(place, drawn.hidden[..., 0][drawn.valid])
    assert torch.equal(place, drawn.velocity[..., 0][drawn.valid])
    assert torch.equal(look, drawn.row[drawn.valid].float())
    assert torch.equal(look, drawn.where[..., 2][drawn.valid]), "sizes belong to looks"
    assert set(place.tolist()) == set(look.tolist()) == {0.0, 1.0, 10.0, 21.0}
    assert (place != look).float().mean() > 0.5
    assert set(drawn.z_bg[:, 0].tolist()) == {0.0, 1.0, 2.0}
    assert (drawn.z_bg[:, 0] != drawn.what[:, 0, 0] // 10).float().mean() > 0.5


def test_companions_stay_together_in_any_order(rng: torch.Generator) -> None:
    """Objects that look alike meet in dreams as often as they do in the world."""
    drawn = _bank().draw(300, recombine=True, rng=rng)
    both = drawn.what[..., 0][drawn.valid.all(-1)]
    assert torch.equal(both.sort(-1).values, torch.tensor([0.0, 1.0]).expand_as(both))
    assert both[:, 0].mean() == pytest.approx(0.5, abs=0.15)


def test_as_many_objects_are_dreamed_of_as_are_believed_in(rng: torch.Generator) -> None:
    """Hidden ones, too; the looks of one that was never seen well are those of a companion."""
    drawn = _bank(count=(2, 2, 1)).draw(400, recombine=True, rng=rng)
    assert torch.equal(drawn.valid.sum(-1), drawn.count)
    assert drawn.valid.all(-1).float().mean() == pytest.approx(2 / 3, abs=0.1)
    both = drawn.what[..., 0][drawn.valid.all(-1)].sort(-1).values.tolist()
    assert {tuple(pair) for pair in both} == {(0.0, 1.0), (10.0, 10.0)}


def test_more_objects_come_from_any_moments(rng: torch.Generator) -> None:
    """Beside those of one moment, which stay together; never more than there are slots."""
    drawn = _bank(count=(1, 1, 1)).draw(600, True, rng, more=2)
    assert torch.equal(drawn.valid.sum(-1), drawn.count)
    number = drawn.count.bincount(minlength=3) / 600
    assert number.tolist() == pytest.approx([0, 1 / 3, 2 / 3], abs=0.08)
    look = drawn.what[..., 0][drawn.valid.all(-1)]
    assert (look[:, 0] // 10 != look[:, 1] // 10).float().mean() > 0.4, "of different moments"
    assert torch.equal(look, drawn.row[drawn.valid.all(-1)].float())


def test_the_target_may_be_alone(rng: torch.Generator) -> None:
    drawn = _bank().draw(100, True, rng, more=1, most=1)
    assert drawn.count.tolist() == drawn.valid.sum(-1).tolist() == [1] * 100
    assert bool(drawn.shown.any(-1).all())


def _nearest(bank: Bank) -> Tensor:
    """Distances of the two nearest of three objects, pixels."""
    xy = bank.where[..., :2]
    return torch.stack([(xy[:, i] - xy[:, i - 1]).norm(dim=-1) for i in range(3)], -1).amin(-1)


def test_objects_of_dreams_keep_the_distance_that_real_ones_keep(rng: torch.Generator) -> None:
    """Real ones begin at the corners of a triangle, which may be anywhere."""
    corners = torch.tensor([[0.0, 0.0], [9.0, 0.0], [4.5, 8.0]])
    xy = corners + 30 * torch.rand(400, 1, 2, generator=rng)
    there, none = torch.ones(400, 3, dtype=torch.bool), torch.zeros(400, 3, 2)
    row = torch.full((400, 3), -1)
    where = torch.cat([xy, torch.full((400, 3, 1), 2.0)], -1)
    count = torch.full((400,), 3)
    order, z_bg = row.argsort(-1), torch.zeros(400, 1)
    bank = Bank(where, none, none, none, there, there, row, count, order, z_bg, apart=9.0)
    drawn = bank.draw(400, recombine=True, rng=rng)
    assert (_nearest(drawn) > 8.99).float().mean() > 0.99
    apart = (drawn.where[:, 0, :2] - drawn.where[:, 1, :2]).norm(dim=-1)
    assert apart.std() > 3, "and yet they stand anywhere"
    near = dataclasses.replace(bank, apart=0.0).draw(400, recombine=True, rng=rng)
    assert (_nearest(near) > 8.99).float().mean() < 0.9


def test_how_episodes_begin_is_told_by_their_first_frames_alone() -> None:
    """Objects may begin apart and meet, and leave the view that they begin in."""
    sides = torch.full((50, 2, 1), 2.3)
    history = []
    for apart in (12.0, 9.0, 6.0, 3.0, 0.0):
        xy = torch.tensor([[10.0, 10.0], [10.0 + apart, 10.0]]).expand(50, 2, 2)
        slots = slots_at([[0.0, 0.0, 0.0]] * 2, [1.0, 1.0], [0.0, 0.0])
        slots = Slots(**{name: _repeat(x, 50) for name, x in vars(slots).items()})
        where = slots.where._replace(loc=torch.cat([xy, sides], -1))
        history.append(dataclasses.replace(slots, where=where))
    inside, row = torch.full((50, 5, 2), 0.6), torch.full((5, 50, 2), -1)
    bank = gather(history, inside, row, torch.full((50,), 0.95))
    assert bank.apart == pytest.approx(12)
    assert bank.inside == pytest.approx(0.95)
    boxes = torch.where(torch.arange(50) < 10, torch.nan, 0.95)
    assert gather(history, inside, row, boxes).inside == pytest.approx(0.95)
    assert gather(history, inside, row, boxes + torch.nan).inside == WELL_VISIBLE, "no targets"
    other = dataclasses.replace(history[3], id=history[3].id + 5)
    bank = gather([*history[:3], other], inside[:, :4], row[:4], torch.ones(50))
    assert bank.apart == 0, "who is another soon after was no object"


def _repeat(x: Any, number: int) -> Any:
    """As many scenes like the one."""
    if isinstance(x, Gaussian):
        return Gaussian(*(_repeat(part, number) for part in x))
    return x.expand(number, *x.shape[1:]) if isinstance(x, Tensor) else x


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
    row = torch.tensor([[[0, 5]], [[1, 2]], [[3, 4]]])
    bank = gather([slots] * 3, inside, row, WHOLE)
    assert bank.valid.tolist() == [[True, True]] * 3
    assert bank.shown.tolist() == [[False, False], [True, False], [False, True]]
    assert torch.equal(bank.row, row[:, 0])


def test_who_was_never_seen_whole_counts_but_lends_nothing() -> None:
    """Unless that is everybody: then dreams are of what there is."""
    slots = slots_at([[10.0, 10.0, 2.3], [40.0, 10.0, 2.3]], [1.0, 1.0], [0.0, 0.0])
    inside = torch.ones(1, 2, 2)
    bank = gather([slots] * 2, inside, torch.tensor([[[0, -1]], [[1, -1]]]), WHOLE)
    assert bank.valid.tolist() == [[True, False]] * 2
    assert bank.count.tolist() == [2, 2]
    assert gather([slots] * 2, inside, NOWHERE[:2, :, :2], WHOLE).valid.all()


def test_hidden_objects_count_but_lend_nothing() -> None:
    where = [[10.0, 10.0, 2.3], [40.0, 10.0, 2.3], [0.0, 0.0, 2.3]]
    slots = slots_at(where, [1.0, 1.0, 0.0], [0.0, 2.0, 0.0])
    bank = gather([slots], torch.ones(1, 1, 3), torch.full((1, 1, 3), -1), WHOLE)
    assert bank.valid.tolist() == [[True, False, False]]
    assert bank.count.tolist() == [2]


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
    model.bank = gather([slots] * 3, torch.tensor([1.0, 0.2]).expand(1, 3, 2), NOWHERE, WHOLE)
    dream = Tracking(Imagination(model), 200, horizon=1)
    dream.reset()
    assert (dream.view.visible > WELL_VISIBLE).any(-1).all()
    assert (dream.view.visible < WELL_VISIBLE).any()


def test_a_scene_whose_objects_hide_behind_each_other_or_a_bar_is_drawn_again(
    monkeypatch: pytest.MonkeyPatch, rng: torch.Generator
) -> None:
    """Boxes inside the view do not tell what is drawn: the picture does."""
    from world_models.air import dream

    model = AIR((1, 48, 48), num_slots=1, what_dim=5, background="smooth", background_dim=2)
    where = [[[8.0, 24.0, 2.3]], [[40.0, 24.0, 2.3]]]
    moments = [slots_at(w, [1.0], [0.0]) for w in where]
    model.bank = gather(moments, torch.ones(1, 2, 1), NOWHERE[:2, :, :1], WHOLE)
    bars = torch.zeros(64, 48, 48)
    bars[:, :, 24:] = 1.0
    monkeypatch.setattr(SceneModel, "bars", lambda *_: bars)
    state = model.start(64, rng)
    assert torch.equal(state.where[..., 0], torch.full((64, 1), 8.0))
    assert not dream.blind(model.looks, state).any()
