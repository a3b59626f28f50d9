"""The memory of looks: who stands beside whom in time."""

import dataclasses

import torch
from torch import Tensor

from tests.world_models.air.objects.test_slots import slots_at
from world_models.air.looks import memory as memory_of
from world_models.air.looks.memory import Memory, Sights
from world_models.air.objects.slots import Slots
from world_models.air.outlines import clear
from world_models.blocks.distributions import Gaussian

PLACE = [[10.0, 10.0, 2.3], [40.0, 10.0, 2.3]]


def _history(identity: list[list[int]], visible: list[list[float]] | None = None) -> list[Slots]:
    """Two slots, frame by frame; looks are ten times the frame and the slot."""
    history = []
    for t, names in enumerate(identity):
        slots = slots_at(PLACE, [1.0, 1.0], [0.0, 0.0])
        tag = (10.0 * t + torch.arange(2.0))[None, :, None].expand(1, 2, 5)
        slots = dataclasses.replace(
            slots, id=torch.tensor([names]), what=slots.what._replace(loc=tag)
        )
        if visible is not None:
            slots = dataclasses.replace(slots, visible=torch.tensor([visible[t]]))
        history.append(slots)
    return history


def remember(history: list[Slots]) -> tuple[Memory, Tensor]:
    """With some pictures."""
    known = torch.stack([clear(slots) for slots in history])
    number = int(known.sum())
    extent = torch.arange(4.0 * number).view(number, 4)
    return memory_of.remember(history, Sights(known, torch.rand(number, 2, 4, 4), extent))


def _steps(memory: Memory) -> dict[float, tuple[float, float]]:
    """What each look came from and went to."""
    tag = memory.what[:, 0]
    ways = zip(tag[memory.before].tolist(), tag[memory.after].tolist(), strict=True)
    return dict(zip(tag.tolist(), ways, strict=True))


def test_how_long_each_look_goes_on_is_known() -> None:
    memory, _ = remember(_history([[5, 6], [5, 7], [5, 7]]))
    left = dict(zip(memory.what[:, 0].tolist(), memory.end(1)[1].tolist(), strict=True))
    assert left == {0.0: 2, 10.0: 1, 20.0: 0, 1.0: 0, 11.0: 1, 21.0: 0}
    left = dict(zip(memory.what[:, 0].tolist(), memory.end(-1)[1].tolist(), strict=True))
    assert left == {0.0: 0, 10.0: 1, 20.0: 2, 1.0: 0, 11.0: 0, 21.0: 1}


def test_looks_are_linked_in_time_where_the_identity_is_the_same() -> None:
    memory, row = remember(_history([[5, 6], [5, 7], [5, 7]]))
    assert _steps(memory) == {
        0.0: (0.0, 10.0),
        10.0: (0.0, 20.0),
        20.0: (10.0, 20.0),
        1.0: (1.0, 1.0),  # another came into the slot
        11.0: (11.0, 21.0),
        21.0: (11.0, 21.0),
    }
    expected = 10 * torch.arange(3.0)[:, None] + torch.arange(2.0)
    assert torch.equal(memory.what[row[:, 0], 0], expected)


def test_what_is_not_well_seen_is_not_remembered_and_links_nothing() -> None:
    visible = [[1.0, 1.0], [0.4, 1.0], [1.0, 1.0]]
    history = _history([[5, 6]] * 3, visible)
    history[2] = dataclasses.replace(history[2], unseen=torch.tensor([[0.0, 1.0]]))
    memory, row = remember(history)
    assert row[:, 0].tolist() == [[0, 1], [0, 2], [3, 2]], "what is next in time"
    assert _steps(memory) == {
        0.0: (0.0, 0.0),
        1.0: (1.0, 11.0),
        11.0: (1.0, 11.0),
        20.0: (20.0, 20.0),
    }


def _twice(slots: Slots) -> Slots:
    """Two scenes; the looks of the second are 100 more."""
    parts = {f.name: getattr(slots, f.name) for f in dataclasses.fields(slots)}
    for name, part in parts.items():
        if isinstance(part, torch.Tensor):
            parts[name] = torch.cat([part, part])
    parts["where"] = Gaussian(*(torch.cat([x, x]) for x in slots.where))
    parts["what"] = Gaussian(*(torch.cat([x, x + 100]) for x in slots.what))
    return Slots(**parts)


def test_scenes_are_not_linked() -> None:
    both = [_twice(slots) for slots in _history([[5, 6]] * 2)]
    memory, row = remember(both)
    assert row.shape == (2, 2, 2)
    steps = _steps(memory)
    assert steps[0.0] == (0.0, 10.0)
    assert steps[100.0] == (100.0, 110.0)
    assert steps[111.0] == (101.0, 111.0)


def test_sizes_are_less_noisy_than_they_were_measured(rng: torch.Generator) -> None:
    history = []
    for slots in _history([[5, 6]] * 20):
        loc = slots.where.loc.clone()
        loc[..., 2] += 0.1 * torch.randn(1, 2, generator=rng)
        history.append(dataclasses.replace(slots, where=slots.where._replace(loc=loc)))
    memory, row = remember(history)
    side = memory.side[row[:, 0], 0]
    assert (side - 2.3).std() < 0.06
    raw = torch.stack([s.where.loc[0, :, 2] for s in history])
    assert torch.allclose(side[5:-5].mean(0), raw[5:-5].mean(0), atol=0.02)
