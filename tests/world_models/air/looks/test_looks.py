"""How looks go on: to and fro along a real track, by a learned law, or not at all."""

import pytest
import torch
from torch import Tensor

from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.base import Look, Looks
from world_models.air.looks.learned import Learned
from world_models.air.looks.memory import Memory
from world_models.air.looks.replay import Replay
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
    what, picture = torch.randn(14, 5, generator=rng), torch.rand(14, 2, 16, 16, generator=rng)
    return Memory(what, picture.half(), torch.rand(14, 4, generator=rng), side, before, after)


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
    looks = Replay(5, 1)
    _, look = _begun(looks, scene, row, rng)
    rows = [row]
    for _ in range(FRAMES):
        look = looks.advance(scene, look)
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
    assert (step[0, :, [0, 1, 2, 8, 9, 10]] > 0).all(), "first to the end that is farther away"
    assert (step[0, :, [4, 5, 6, 11, 12, 13]] < 0).all()
    assert (step[0, :, 3] > 0).any()
    assert (step[0, :, 3] < 0).any(), "from the middle either way is as likely"


def test_a_replay_that_is_free_to_begins_at_an_end_of_the_track(
    scene: SceneModel, rng: torch.Generator
) -> None:
    looks = Replay(5, 1)
    looks.keep(_memory(rng))
    row = looks.beginning(torch.tensor([[2, 7, 11, -1]] * 20), rng)
    assert row[:, 0].unique().tolist() == [0, 6]
    assert row[:, 1].unique().tolist() == [7]
    assert row[:, 2].unique().tolist() == [8, 13]
    assert row[:, 3].unique().tolist() == [-1]


def _pictures(looks: Looks, look: Look) -> Tensor:
    """What the first scene's objects look like."""
    slot = torch.arange(look.row.shape[1])
    return looks.pictures(look, torch.zeros_like(slot), slot)


def test_replay_shows_what_the_memory_has(scene: SceneModel, rng: torch.Generator) -> None:
    looks = Replay(5, 1)
    memory, look = _begun(looks, scene, torch.tensor([[2, 10]]), rng)
    for _ in range(9):
        look = looks.advance(scene, look)
        assert torch.equal(_pictures(looks, look), memory.picture[look.row[0]].float())
        assert torch.equal(look.extent, memory.extent[look.row])
        assert look.side is not None
        torch.testing.assert_close(look.side, memory.side[look.row])


def test_what_the_memory_does_not_have_stays_as_it_is(
    scene: SceneModel, rng: torch.Generator
) -> None:
    looks = Replay(5, 1)
    _, first = _begun(looks, scene, torch.tensor([[-1, 10]]), rng)
    look = first
    for _ in range(3):
        look = looks.advance(scene, look)
    assert look.row[0, 0] == -1
    begun, later = _pictures(looks, first), _pictures(looks, look)
    assert torch.equal(later[0], first.glimpse[0, 0])
    assert torch.equal(begun[0], first.glimpse[0, 0])
    assert not torch.equal(later[1], begun[1])


def _seen(change: float, growth: float, frames: int, rng: torch.Generator) -> Memory:
    """Eight tracks, measured badly: pictures by 5 %, sides by 2 %.

    In every frame a share ``change`` of a picture becomes another, and sides grow by ``growth``.
    """
    first, last = torch.rand(2, 8, 1, 2, 16, 16, generator=rng)
    share = (change * torch.arange(frames)).clamp(max=1)[:, None, None, None]
    picture = (first + share * (last - first)).flatten(0, 1)
    picture += 0.05 * torch.randn(picture.shape, generator=rng)
    side = (2 + growth * torch.arange(frames)).repeat(8)[:, None]
    side += 0.02 * torch.randn(side.shape, generator=rng)
    row = torch.arange(8 * frames)
    before = torch.where(row % frames == 0, row, row - 1)
    after = torch.where(row % frames == frames - 1, row, row + 1)
    what, extent = torch.zeros(len(row), 5), torch.zeros(len(row), 4)
    return Memory(what, picture.half(), extent, side, before, after)


def test_looks_that_never_change_stay_though_they_are_measured_badly(
    scene: SceneModel, rng: torch.Generator
) -> None:
    assert _seen(0.1, 0.0, 12, rng).changing()
    assert _seen(0.0, 0.02, 12, rng).changing()
    assert _seen(0.0, 0.0, 8, rng).changing(), "too short to tell"
    memory = _seen(0.0, 0.0, 12, rng)
    assert not memory.changing()
    looks = Replay(5, 1)
    looks.keep(memory)
    row = torch.tensor([[2, 30]])
    with torch.no_grad():
        first = looks.begin(scene, torch.zeros(1, 2, 5), row, rng)
        later = looks.advance(scene, first)
    assert torch.equal(later.row, row)
    assert torch.equal(_pictures(looks, later), memory.picture[row[0]].float())
    assert later.side is not None
    torch.testing.assert_close(later.side, memory.side[row])


def test_looks_stay_where_nothing_may_be_drawn(scene: SceneModel, rng: torch.Generator) -> None:
    """A rollout from what the filter believes is a prediction: a coin tells nothing of looks."""
    looks = Replay(5, 1)
    with torch.no_grad():
        looks.keep(_memory(rng))
        first = looks.begin(scene, torch.zeros(1, 2, 5), torch.tensor([[2, 10]]), None)
    later = looks.advance(scene, first)
    assert torch.equal(_pictures(looks, later), first.glimpse[0])
    assert (later.row == -1).all()


def test_frozen_looks_never_change(scene: SceneModel, rng: torch.Generator) -> None:
    looks = Looks(5, 1)
    _, first = _begun(looks, scene, torch.tensor([[2, 10]]), rng)
    look = first
    for _ in range(FRAMES):
        look = looks.advance(scene, look)
    assert torch.equal(look.glimpse, first.glimpse)
    assert torch.equal(look.extent, first.extent)
    assert look.side is None


def _turning(rng: torch.Generator, tracks: int = 40, frames: int = 20) -> Memory:
    """Looks that go round in a circle, one way or the other, each as fast as it likes."""
    phase = 6.3 * torch.rand(tracks, 1, generator=rng)
    speed = (0.1 + 0.2 * torch.rand(tracks, 1, generator=rng)) * torch.where(
        torch.rand(tracks, 1, generator=rng) < 0.5, -1.0, 1.0
    )
    angle = (phase + speed * torch.arange(float(frames))).flatten()
    what = torch.stack([angle.cos(), angle.sin(), *[torch.zeros_like(angle)] * 3], -1)
    what = what + 0.03 * torch.randn(what.shape, generator=rng)
    row = torch.arange(tracks * frames)
    before = torch.where(row % frames == 0, row, row - 1)
    after = torch.where(row % frames == frames - 1, row, row + 1)
    nothing = torch.zeros(len(row), 2, 16, 16).half(), torch.zeros(len(row), 4)
    return Memory(what, *nothing, torch.full((len(row), 1), 2.0), before, after)


@pytest.mark.slow
def test_learned_looks_go_on_as_real_ones_for_sixty_frames(
    scene: SceneModel, rng: torch.Generator
) -> None:
    torch.manual_seed(0)
    looks = Learned(5, 1)
    memory = _turning(rng)
    looks.keep(memory)
    looks.learn(600, rng)
    row = torch.arange(10, 800, 20)[None]
    with torch.no_grad():
        look = looks.begin(scene, memory.what[row], row, rng)
        assert look.memory is not None
        path = [look.memory[0, :, :2]]
        for _ in range(60):
            look = looks.advance(scene, look)
            assert look.memory is not None
            path.append(look.memory[0, :, :2])
    what = torch.stack(path, 1) * looks.spread[:2] + looks.mean[:2]
    assert 0.6 < what.norm(dim=-1).median() < 1.4, "they stay what objects look like"
    angle = torch.atan2(what[..., 1], what[..., 0])
    turn = torch.atan2((angle[:, 1:] - angle[:, :-1]).sin(), (angle[:, 1:] - angle[:, :-1]).cos())
    assert 0.1 < turn.abs().median() < 0.3, "they turn as fast"
    real = torch.atan2(memory.what[row[0] + 1, 1], memory.what[row[0] + 1, 0]) - angle[:, 0]
    there = torch.atan2(memory.what[row[0] - 1, 1], memory.what[row[0] - 1, 0]) - angle[:, 0]
    forward = look.sense[0] > 0
    way = torch.where(forward, real.sin(), there.sin())
    assert (way.sign() == turn[:, 3].sign()).float().mean() > 0.7, "the way they came from"


def test_learned_looks_start_where_real_ones_were(scene: SceneModel, rng: torch.Generator) -> None:
    looks = Learned(5, 1)
    row = torch.tensor([[2, 10, -1]])
    memory, look = _begun(looks, scene, row, rng)
    assert "looks_score" in looks.learn(2, rng)
    with torch.no_grad():
        torch.testing.assert_close(look.glimpse[0, :2], scene.decode_what(memory.what[row[0, :2]]))
        later = looks.advance(scene, looks.advance(scene, look))
    assert torch.equal(later.glimpse[0, 2], look.glimpse[0, 2]), "nobody knows how it goes on"
    assert not torch.equal(later.glimpse[0, 0], look.glimpse[0, 0])
    assert later.side is not None
    still = looks.begin(scene, torch.zeros(1, 3, 5), row, None)
    assert torch.equal(looks.advance(scene, still).glimpse, still.glimpse)


def test_a_walk_ends_where_the_track_does(rng: torch.Generator) -> None:
    memory = _memory(rng)
    rows, known = memory.walk(torch.tensor([4, 4, 7]), torch.tensor([1, -1, 1]), 5)
    assert rows.tolist() == [[5, 6, 6, 6, 6], [3, 2, 1, 0, 0], [7] * 5]
    assert known.sum(-1).tolist() == [2, 4, 0]
