"""Slots: births, and objects that come back."""

import pytest
import torch

from world_models.air.frame.discovery import Found
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects import births as births_module
from world_models.air.objects.births import births
from world_models.air.objects.doubles import NEEDED_AT_MOST
from world_models.air.objects.slots import Slots
from world_models.air.settings import AIRChoices
from world_models.blocks.distributions import Gaussian

SIZE = 24


def slots_at(where: list[list[float]], alive: list[float], unseen: list[float]) -> Slots:
    number = len(alive)
    place = torch.tensor([where])
    there = torch.tensor([alive])
    return Slots(
        where=Gaussian(place, torch.ones_like(place)),
        velocity=torch.ones(1, number, 2),
        hidden=torch.ones(1, number, 4),
        what=Gaussian(torch.zeros(1, number, 5), torch.ones(1, number, 5)),
        logits=torch.full((1, number), 3.0),
        alive=there,
        age=8 * there,
        unseen=torch.tensor([unseen]),
        visible=there,
        front=torch.full((1, number, number), 2.0),
        needed=torch.full((1, number), NEEDED_AT_MOST),
        id=torch.where(there > 0, torch.arange(number) + 5, -1),
        next_id=torch.tensor([9]),
        z_bg=torch.zeros(1, 2),
        num_frames=3,
    )


def _born(slots: Slots, x: float, y: float, monkeypatch: pytest.MonkeyPatch) -> Slots:
    """The slots after something bright and unexplained was found at (x, y)."""
    place = torch.tensor([[[x, y, 2.0]]])
    frame = torch.ones(1, 1, SIZE, SIZE)
    found = Found(
        where_posterior=Gaussian(place, torch.ones_like(place)),
        where=place,
        what_posterior=Gaussian(torch.ones(1, 1, 5), torch.ones(1, 1, 5)),
        what=torch.ones(1, 1, 5),
        logits=torch.full((1, 1), 2.0),
        presence=torch.ones(1, 1),
        alpha_area=torch.ones(1, 1),
        mass=torch.full((1, 1), 40.0),
        clear=torch.ones(1, 1, SIZE, SIZE),
        canvas=frame,
    )
    monkeypatch.setattr(births_module, "discover", lambda *_, **__: found)
    dark = torch.zeros_like(frame)
    layers = torch.zeros(1, slots.alive.shape[-1], 2, SIZE, SIZE)
    model = SceneModel((1, SIZE, SIZE), AIRChoices(what_dim=5))
    return births(model, slots, layers, frame, dark, dark, 0.1)[0]


def test_a_find_takes_a_free_slot_and_a_new_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = slots_at([[5.0, 5, 2], [0.0, 0, 2]], [1.0, 0.0], [0.0, 0.0])
    after = _born(before, 15, 15, monkeypatch)
    assert after.id.tolist() == [[5, 9]]
    assert after.age.tolist() == [[8, 1]]
    assert after.velocity[0, 1].tolist() == [0, 0]
    assert after.front[0].tolist() == [[2, 0], [0, 0]]


def test_a_find_near_a_hidden_object_is_that_object(monkeypatch: pytest.MonkeyPatch) -> None:
    before = slots_at([[5.0, 5, 2], [14.0, 13, 2], [0.0, 0, 2]], [1.0, 1, 0], [0.0, 2, 0])
    after = _born(before, 15, 15, monkeypatch)
    assert after.id.tolist() == [[5, 6, -1]]
    assert after.unseen.tolist() == [[0, 0, 0]]
    assert after.age[0, 1] == 8
    assert after.velocity[0, 1].tolist() == [1, 1]
    assert after.where.loc[0, 1].tolist() == [15, 15, 2]


def test_where_all_slots_are_taken_the_longest_hidden_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = [[5.0, 5, 2], [2.0, 20, 2], [20.0, 2, 2]]
    full = slots_at(where, [1.0, 1, 1], [0.0, 1, 3])
    assert _born(full, 12, 12, monkeypatch).id.tolist() == [[5, 6, 9]]
    seen = slots_at(where, [1.0, 1, 1], [0.0, 0, 0])
    assert _born(seen, 12, 12, monkeypatch).id.tolist() == [[5, 6, 7]]
