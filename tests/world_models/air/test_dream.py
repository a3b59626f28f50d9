"""Imagined scenes: what is drawn and how much of it, looks that go on, the camera, chance."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.world_models.air.objects.test_slots import SIZE, slots_at
from world_models.air import dream
from world_models.air.bank import moment
from world_models.air.frame.scene_model import SceneModel, composite
from world_models.air.looks.base import Look, Looks
from world_models.air.motion.transitions import make_transition
from world_models.air.settings import AIRChoices
from world_models.air.viewpoint import Viewpoint

CHOSEN = AIRChoices(what_dim=5, background="smooth", background_dim=2)
SIDE = 8.0
OFF_ON = (False, True)


@pytest.fixture
def scene() -> SceneModel:
    torch.manual_seed(0)
    return SceneModel((1, SIZE, SIZE), CHOSEN)


STILL = Looks(5, 1)


@pytest.fixture
def state(scene: SceneModel) -> dream.DreamState:
    """Two objects that overlap, and an empty slot."""
    where = [[8.0, 8.0, 2.3], [11.0, 10.0, 2.3], [15.0, 15.0, 2.3]]
    slots = slots_at(where, [1.0, 1.0, 0.0], [0.0, 0.0, 0.0])
    looks = slots.what._replace(loc=torch.randn(1, 3, 5))
    slots = dataclasses.replace(slots, what=looks, hidden=torch.zeros(1, 3, 0))
    with torch.no_grad():
        return dream.begin(scene, STILL, moment(slots, slots.alive > 0, slots.alive > 0))


def _squares(places: list[list[float]], bars: Tensor | None = None) -> dream.DreamState:
    """Solid white squares of eight pixels on black; the last one is in front."""
    number = len(places)
    where = torch.tensor([[[x, y, SIDE] for x, y in places]])
    where[..., 2] = where[..., 2].log()
    row = torch.full((1, number), -1)
    glimpse, extent = torch.ones(1, number, 2, 16, 16), torch.tensor([0.0, 0, 1, 1])
    return dream.DreamState(
        where=where,
        velocity=torch.zeros(1, number, 2),
        hidden=torch.zeros(1, number, 0),
        look=Look(glimpse, extent.expand(1, number, 4), None, row, torch.ones_like(row)),
        alive=torch.ones(1, number),
        order=torch.arange(number)[None],
        background=torch.zeros(1, 1, SIZE, SIZE),
        noise=0,
        bars=bars,
    )


def test_a_drawing_is_the_composite_of_the_objects_in_their_order(
    scene: SceneModel, state: dream.DreamState
) -> None:
    layers = scene.place(state.look.glimpse, state.where)
    order = state.order[0]
    expected = composite(state.background, layers[:, order], state.alive[:, order])
    assert torch.allclose(dream.draw(STILL, state)[0], expected, atol=1e-6)


def test_what_an_empty_slot_looks_like_is_not_drawn(state: dream.DreamState) -> None:
    glimpse = state.look.glimpse.clone()
    glimpse[0, 2] = torch.nan
    other = dataclasses.replace(state, look=dataclasses.replace(state.look, glimpse=glimpse))
    for one, two in zip(dream.draw(STILL, state), dream.draw(STILL, other), strict=True):
        assert torch.equal(one, two)
    assert dream.draw(STILL, state)[1][0, 2] == 0


@pytest.mark.parametrize(("behind", "level"), [("mean", 0.35), ("black", 0.0)])
def test_dreams_may_have_no_background(behind: str, level: float) -> None:
    state = _squares([[12.0, 12.0]])
    lit = torch.full_like(state.background, 0.3)
    lit[..., ::2, :] = 0.4
    state = dataclasses.replace(state, background=lit)
    canvas, shown = dream.draw(STILL, dream.painted(state, behind))
    assert canvas[0, 0, -1] == pytest.approx(torch.full((SIZE,), level).numpy(), abs=1e-6)
    assert canvas[0, 0, 12, 12] == pytest.approx(1, abs=1e-5)
    assert shown.tolist() == dream.draw(STILL, state)[1].tolist()


def _shown(state: dream.DreamState) -> list[float]:
    return dream.draw(STILL, state)[1][0].tolist()


def test_what_is_out_of_the_frame_is_not_visible() -> None:
    places = [[12.0, 12.0], [0.0, 12.0], [0.0, 0.0], [SIZE + 9.0, 12.0]]
    for place, share in zip(places, (1.0, 0.5, 0.25, 0.0), strict=True):
        assert _shown(_squares([place])) == pytest.approx([share], abs=0.06)


def test_who_is_in_view_begins_as_far_inside_as_real_targets_do() -> None:
    """Looks may be larger than those that were seen at the place."""
    state = _squares([[1.0, 8.0], [12.0, SIZE - 3.0], [16.0, 8.0], [-3.0, 8.0]])
    begun = [[4.0, 8.0], [12.0, SIZE - 4.0], [16.0, 8.0], [-3.0, 8.0]]
    moved = dream.drawn_in(state, 1.0)
    torch.testing.assert_close(moved.where[0, :, :2], torch.tensor(begun))
    begun = [[2.0, 8.0], [12.0, SIZE - 3.0], [16.0, 8.0], [-3.0, 8.0]]
    moved = dream.drawn_in(state, 0.75)
    torch.testing.assert_close(moved.where[0, :, :2], torch.tensor(begun))
    assert torch.equal(dream.drawn_in(state, 0.5).where, state.where)


def test_what_is_behind_another_object_is_not_visible() -> None:
    assert _shown(_squares([[8.0, 12.0], [12.0, 12.0]])) == pytest.approx([0.5, 1.0], abs=0.06)
    assert _shown(_squares([[12.0, 12.0]] * 2)) == pytest.approx([0.0, 1.0], abs=0.06)
    first = dataclasses.replace(
        _squares([[8.0, 12.0], [12.0, 12.0]]), order=torch.tensor([[1, 0]])
    )
    assert _shown(first) == pytest.approx([1.0, 0.5], abs=0.06)
    unborn = dataclasses.replace(
        _squares([[8.0, 12.0], [12.0, 12.0]]), alive=torch.tensor([[1.0, 0.0]])
    )
    assert _shown(unborn) == pytest.approx([1.0, 0.0], abs=0.06)


def test_bars_stand_in_front_of_all_objects() -> None:
    bars = torch.zeros(1, SIZE, SIZE)
    bars[:, :, 12:] = 1.0
    state = _squares([[12.0, 12.0], [20.0, 12.0]], bars)
    picture = torch.zeros(1, 1, SIZE, SIZE)
    picture[..., 12:] = 0.4
    state = dataclasses.replace(state, background=picture)
    canvas, visible = dream.draw(STILL, state)
    assert visible[0].tolist() == pytest.approx([0.5, 0.0], abs=0.06)
    assert torch.allclose(canvas[..., 12:], torch.tensor(0.4)), "their picture, whatever is behind"
    assert canvas[0, 0, 12, 10] == pytest.approx(1)


def test_bars_are_known_where_they_are_looked_for() -> None:
    scenes = [SceneModel((1, 48, 48), dataclasses.replace(CHOSEN, occluders=o)) for o in OFF_ON]
    slots = slots_at([[8.0, 24.0, 2.3]], [1.0], [0.0])
    picture = torch.rand(1, 1, 48, 48)
    picture[..., 16:30] = 0.1

    def bars(scene: SceneModel) -> Tensor | None:
        scene.background.decode = lambda *_: picture
        start = moment(slots, slots.alive > 0, slots.alive > 0)
        return dream.begin(scene, Looks(5, 1), start).bars

    with torch.no_grad():
        without, found = (bars(scene) for scene in scenes)
    assert without is None
    assert found is not None
    assert found[0, :, 19:27].min() > 0.9
    assert found[0, :, :12].max() < 0.1


def test_scenes_without_anything_to_follow_are_blind() -> None:
    seen, half = _squares([[12.0, 12.0]]), _squares([[-1.0, 12.0]])
    assert [bool(dream.blind(STILL, s)) for s in (seen, half)] == [False, True]


def _twice(x: Any) -> Any:
    """Two scenes that are alike."""
    if isinstance(x, Tensor):
        return torch.cat([x, x])
    if dataclasses.is_dataclass(x):
        return type(x)(**{f.name: _twice(getattr(x, f.name)) for f in dataclasses.fields(x)})
    return x


def test_scenes_are_exchanged_whole(state: dream.DreamState) -> None:
    mirrored = dataclasses.replace(state.look, glimpse=state.look.glimpse.flip(-1))
    other = dataclasses.replace(state, look=mirrored, where=state.where + 5)
    chosen = torch.tensor([True, False])
    mixed = dream.exchange(chosen, _twice(other), _twice(state))
    for i, whole in enumerate((other, state)):
        assert torch.equal(mixed.where[i], whole.where[0])
        assert torch.equal(mixed.look.glimpse[i], whole.look.glimpse[0])
    assert mixed.bars is None


def test_looks_stay_and_objects_move_against_the_camera(
    scene: SceneModel, state: dream.DreamState
) -> None:
    transition = make_transition("constant_velocity", "none", (SIZE, SIZE), 2.0)
    viewpoint = Viewpoint((SIZE, SIZE), CHOSEN)
    moved = []
    for camera in (torch.zeros(1, 2), torch.tensor([[0.25, -0.125]])):
        rng = torch.Generator().manual_seed(0)
        with torch.no_grad():
            moved.append(
                dream.advance(scene, transition, Looks(5, 1), viewpoint, state, camera, rng)
            )
    assert torch.equal(moved[0].look.glimpse, state.look.glimpse)
    shift = (moved[1].where - moved[0].where)[..., :2]
    assert torch.allclose(shift, torch.tensor([-6.0, 3.0]).expand_as(shift), atol=1e-5)
    assert torch.allclose(moved[1].velocity, moved[0].velocity, atol=1e-5)
    ahead = state.where[..., :2] + state.velocity
    assert torch.allclose(moved[0].where[..., :2], ahead, atol=1e-5)


def test_velocities_change_at_random_as_much_as_real_ones_do(
    scene: SceneModel, rng: torch.Generator
) -> None:
    transition = make_transition("constant_velocity", "none", (SIZE, SIZE), 2.0)
    viewpoint = Viewpoint((SIZE, SIZE), CHOSEN)
    state = _squares([[12.0, 12.0]] * 100)
    for jitter in (0.0, 0.2):
        transition.jitter.fill_(jitter)
        now, last = state, state.velocity
        for _ in range(20):
            now = dream.advance(scene, transition, Looks(5, 1), viewpoint, now, None, rng)
            assert (now.velocity - last).std() == pytest.approx(jitter, rel=0.3)
            last = now.velocity
        assert now.velocity.std() == pytest.approx(jitter * 20**0.5, rel=0.3)
        moved = now.where[..., :2] - state.where[..., :2]
        assert bool(moved.any()) == (jitter > 0)


def test_where_looks_say_the_size_of_the_window_it_is_theirs(
    scene: SceneModel, state: dream.DreamState
) -> None:
    class Growing(Looks):
        def advance(self, scene: SceneModel, look: Look) -> Look:
            row = torch.tensor([[7, 9, -1]])
            return dataclasses.replace(look, row=row, side=torch.full((1, 3, 1), 1.5))

    transition = make_transition("constant_velocity", "none", (SIZE, SIZE), 2.0)
    viewpoint, rng = Viewpoint((SIZE, SIZE), CHOSEN), torch.Generator().manual_seed(0)
    with torch.no_grad():
        moved = dream.advance(scene, transition, Growing(5, 1), viewpoint, state, None, rng)
    assert torch.equal(moved.where[0, :2, 2], torch.full((2,), 1.5))
    assert moved.where[0, 2, 2] == pytest.approx(2.3), "nobody knows its looks"
