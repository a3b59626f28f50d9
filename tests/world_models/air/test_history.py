"""Whole episodes: runs of identities, and batches that do not matter."""

import dataclasses

import pytest
import torch

from tests.world_models.air.objects.test_slots import SIZE, slots_at
from world_models.air import history
from world_models.air.frame.scene_model import SceneModel
from world_models.air.motion.transitions import make_transition
from world_models.air.objects.filtering import Filter
from world_models.air.settings import AIRChoices


def _runs(places: list[float], ids: list[int]) -> list[int]:
    """The runs of one object that is seen at these places under these identities."""
    slots = [
        dataclasses.replace(slots_at([[x, 5.0, 2.0]], [1.0], [0.0]), id=torch.tensor([[name]]))
        for x, name in zip(places, ids, strict=True)
    ]
    found = history.tracks(
        slots, torch.zeros(1, len(slots), 2), torch.ones(1, len(slots), 1), shortest=2
    )
    return found.run[0, :, 0].tolist()


def test_a_run_ends_where_the_identity_changes_or_the_object_jumps() -> None:
    steady = [1.0, 2.0, 3.0, 4.0]
    assert len(set(_runs(steady, [5, 5, 5, 5]))) == 1
    first, same, other, last = _runs(steady, [5, 5, 6, 6])
    assert first == same != other == last
    first, same, other, last = _runs([1.0, 2.0, 12.0, 13.0], [5, 5, 5, 5])
    assert first == same != other == last


def test_runs_that_are_too_short_teach_nothing() -> None:
    assert _runs([1.0, 2.0, 3.0], [5, 5, 6])[2] == -1


def test_small_batches_give_what_one_large_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    scene = SceneModel((1, SIZE, SIZE), AIRChoices(what_dim=5))
    transition = make_transition("rnn", "none", (SIZE, SIZE), 2.0)
    tracker = Filter(scene, transition, num_slots=2, sigma=0.12)
    frames = torch.randint(256, (5, 3, 1, SIZE, SIZE)).to(torch.uint8)
    still = torch.zeros(5, 3, 2)
    slots, _, cost = history.follow(tracker, frames, still)
    monkeypatch.setattr(history, "BATCH", 2)
    again, _, same = history.follow(tracker, frames, still)
    assert torch.allclose(cost, same, rtol=1e-4)
    assert torch.allclose(slots[-1].where.loc, again[-1].where.loc, atol=1e-3)
    assert torch.equal(slots[-1].id, again[-1].id)
