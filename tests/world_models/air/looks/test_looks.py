"""How looks go on: to and fro along a real track, or not at all."""

import pytest
import torch

from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.looks import Look, Looks, Replay
from world_models.air.looks.memory import Memory
from world_models.air.settings import AIRChoices

FRAMES = 60
TRACKS = [(0, 7), (7, 8), (8, 14)]
"""First row of each, and the one after its last."""


@pytest.fixture
def scene() -> SceneModel:
    torch.manual_seed(0)
    return SceneModel((1, 24, 24), AIRChoices(what_dim=5, background="smooth", background_dim=2))


def _memory(rng: torch.Generator) -> Memory:
    before, after = torch.arange(14) - 1, torch.arange(14) + 1
    for first, end in TRACKS:
        before[first], after[end - 1] = first, end - 1
    side = 2 + 0.01 * torch.arange(14.0)[:, None]
    return Memory(torch.randn(14, 5, generator=rng), side, before, after)


def _begun(
    looks: Looks, scene: SceneModel, row: torch.Tensor, rng: torch.Generator
) -> tuple[Memory, Look]:
    memory = _memory(rng)
    with torch.no_grad():
        looks.keep(memory)
        what = torch.where((row >= 0)[..., None], memory.what[row.clamp(min=0)], 0.5)
        return memory, looks.begin(scene, what, row, rng)


def test_replay_walks_to_and_fro_and_never_leaves_its_track(
    scene: SceneModel, rng: torch.Generator
) -> None:
    row = torch.arange(14).repeat(4, 1)
    looks = Replay()
    _, look = _begun(looks, scene, row, rng)
    rows = [row]
    for _ in range(FRAMES):
        look = looks.advance(look)
        rows.append(look.row)
    path = torch.stack(rows)
    step = path[1:] - path[:-1]
    for first, end in TRACKS:
        mine = path[..., first:end]
        assert mine.min() == first
        assert mine.max() == end - 1
        if end - first > 1:
            assert (step[..., first:end].abs() == 1).all(), "every frame is another one"
    turned = (step[1:] != step[:-1]) & (path[1:-1] >= 0)
    ends = torch.isin(path[1:-1], torch.tensor([0, 6, 7, 8, 13]))
    assert not (turned & ~ends).any(), "it turns round at the ends alone"
    assert (step[0, :, 3] > 0).any()
    assert (step[0, :, 3] < 0).any(), "either way is as likely"


def test_replay_shows_what_the_memory_has(scene: SceneModel, rng: torch.Generator) -> None:
    looks = Replay()
    memory, look = _begun(looks, scene, torch.tensor([[2, 10]]), rng)
    for _ in range(9):
        look = looks.advance(look)
        with torch.no_grad():
            glimpse = scene.decode_what(memory.what)
        extent = memory.smooth(mask_extent(glimpse[:, -1]))
        torch.testing.assert_close(look.glimpse, glimpse[look.row])
        torch.testing.assert_close(look.extent, extent[look.row])
        assert look.side is not None
        torch.testing.assert_close(look.side, memory.side[look.row])


def test_what_the_memory_does_not_have_stays_as_it_is(
    scene: SceneModel, rng: torch.Generator
) -> None:
    looks = Replay()
    _, first = _begun(looks, scene, torch.tensor([[-1, 10]]), rng)
    look = first
    for _ in range(3):
        look = looks.advance(look)
    assert look.row[0, 0] == -1
    assert torch.equal(look.glimpse[0, 0], first.glimpse[0, 0])
    assert not torch.equal(look.glimpse[0, 1], first.glimpse[0, 1])


def test_looks_stay_where_nothing_may_be_drawn(scene: SceneModel, rng: torch.Generator) -> None:
    """A rollout from what the filter believes is a prediction: a coin tells nothing of looks."""
    looks = Replay()
    with torch.no_grad():
        looks.keep(_memory(rng))
        first = looks.begin(scene, torch.zeros(1, 2, 5), torch.tensor([[2, 10]]), None)
    later = looks.advance(first)
    assert torch.equal(later.glimpse, first.glimpse)
    assert (later.row == -1).all()


def test_frozen_looks_never_change(scene: SceneModel, rng: torch.Generator) -> None:
    looks = Looks()
    _, first = _begun(looks, scene, torch.tensor([[2, 10]]), rng)
    look = first
    for _ in range(FRAMES):
        look = looks.advance(look)
    assert torch.equal(look.glimpse, first.glimpse)
    assert torch.equal(look.extent, first.extent)
    assert look.side is None
