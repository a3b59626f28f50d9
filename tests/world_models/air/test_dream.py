"""Imagined scenes: looks that stay, the camera, empty slots."""

import dataclasses

import pytest
import torch

from tests.world_models.air.objects.test_slots import SIZE, slots_at
from world_models.air import dream
from world_models.air.bank import moment
from world_models.air.frame.scene_model import SceneModel, composite
from world_models.air.motion.transitions import make_transition
from world_models.air.settings import AIRChoices
from world_models.air.viewpoint import Viewpoint

CHOSEN = AIRChoices(what_dim=5, background="smooth", background_dim=2)


@pytest.fixture
def scene() -> SceneModel:
    torch.manual_seed(0)
    return SceneModel((1, SIZE, SIZE), CHOSEN)


@pytest.fixture
def state(scene: SceneModel) -> dream.DreamState:
    """Two objects that overlap, and an empty slot."""
    where = [[8.0, 8.0, 2.3], [11.0, 10.0, 2.3], [15.0, 15.0, 2.3]]
    slots = slots_at(where, [1.0, 1.0, 0.0], [0.0, 0.0, 0.0])
    looks = slots.what._replace(loc=torch.randn(1, 3, 5))
    slots = dataclasses.replace(slots, what=looks, hidden=torch.zeros(1, 3, 0))
    with torch.no_grad():
        return dream.begin(scene, moment(slots, slots.alive > 0, slots.alive > 0))


def test_a_drawing_is_the_composite_of_the_objects_in_their_order(
    scene: SceneModel, state: dream.DreamState
) -> None:
    layers = scene.place(state.glimpse, state.where)
    order = state.order[0]
    expected = composite(state.background, layers[:, order], state.alive[:, order])
    assert torch.allclose(dream.draw(state), expected, atol=1e-6)


def test_what_an_empty_slot_looks_like_is_not_drawn(state: dream.DreamState) -> None:
    glimpse = state.glimpse.clone()
    glimpse[0, 2] = torch.nan
    assert torch.equal(dream.draw(state), dream.draw(dataclasses.replace(state, glimpse=glimpse)))


def test_looks_stay_and_objects_move_against_the_camera(state: dream.DreamState) -> None:
    transition = make_transition("constant_velocity", "none", (SIZE, SIZE), 2.0)
    viewpoint = Viewpoint((SIZE, SIZE), CHOSEN)
    moved = []
    for camera in (torch.zeros(1, 2), torch.tensor([[0.25, -0.125]])):
        rng = torch.Generator().manual_seed(0)
        state_now = dataclasses.replace(state, hidden=transition.initial((1, 3)))
        with torch.no_grad():
            moved.append(dream.advance(transition, viewpoint, state_now, camera, rng))
    assert torch.equal(moved[0].glimpse, state.glimpse)
    shift = (moved[1].where - moved[0].where)[..., :2]
    assert torch.allclose(shift, torch.tensor([-6.0, 3.0]).expand_as(shift), atol=1e-5)
    assert torch.allclose(moved[1].velocity, moved[0].velocity, atol=1e-5)
