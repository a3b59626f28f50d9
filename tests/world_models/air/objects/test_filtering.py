"""Following objects: what is not seen is believed in for a while, and then given up."""

import dataclasses

import pytest
import torch

from tests.world_models.air.objects.test_slots import SIZE, slots_at
from world_models.air.frame.scene_model import SceneModel
from world_models.air.motion.transitions import make_transition
from world_models.air.objects import filtering
from world_models.air.objects.correction import Correction
from world_models.air.objects.filtering import MAX_UNSEEN, Filter
from world_models.air.objects.slots import Slots
from world_models.air.settings import AIRChoices
from world_models.blocks.distributions import Gaussian

DARK = torch.zeros(1, 1, SIZE, SIZE)


@pytest.fixture
def blind() -> Filter:
    """Sees no object anywhere."""
    torch.manual_seed(0)
    chosen = AIRChoices(what_dim=5, background="smooth", background_dim=2)
    scene = SceneModel((1, SIZE, SIZE), chosen)
    scene.what_encoder[-1].bias.data[-1] = -50.0
    transition = make_transition("constant_velocity", "none", (SIZE, SIZE), 2.0)
    return Filter(scene, transition, num_slots=1, sigma=0.12)


def _known(tracker: Filter) -> Slots:
    """An object that flies a pixel a frame to the right and down."""
    slots = slots_at([[5.0, 5.0, 2.0]], [1.0], [0.0])
    return dataclasses.replace(slots, hidden=tracker.transition.initial((1, 1)), num_frames=4)


@torch.no_grad()
def test_an_object_that_is_not_seen_flies_on_and_stays_who_it_is(blind: Filter) -> None:
    before = _known(blind)
    after = before
    for _ in range(3):
        after, _, _ = blind.step(after, DARK)
    assert after.unseen.tolist() == [[3]]
    assert torch.equal(after.id, before.id)
    assert torch.equal(after.what.loc, before.what.loc)
    assert torch.allclose(after.where.loc[0, 0, :2], torch.tensor([8.0, 8.0]), atol=1e-4)
    assert after.visible.tolist() == [[0]]


@pytest.mark.parametrize(("reliability", "speed"), [(0.04, 1.4), (1.0, 3.0)])
def test_what_is_hardly_seen_hardly_changes_the_velocity(reliability: float, speed: float) -> None:
    slots = slots_at([[5.0, 5.0, 2.0]], [1.0], [0.0])
    one = torch.ones(1, 1)
    expected, found = (torch.tensor([[[x, 6.0, 2.0]]]) for x in (6.0, 8.0))
    prior = Gaussian(expected, torch.ones(1, 1, 3))
    seen = Correction(
        where=Gaussian(found, torch.ones(1, 1, 3)),
        what=slots.what,
        logits=one,
        layers=torch.zeros(1, 1, 2, SIZE, SIZE),
        kl=one,
        visible=one,
        reliability=reliability * one,
    )
    still, panned = (
        filtering._remember(slots, prior, seen, one, 0 * one, camera).velocity[0, 0]
        for camera in (None, torch.tensor([[0.5, 0.0]]))
    )
    assert still.tolist() == pytest.approx([speed, 1.0])
    assert panned.tolist() == pytest.approx([speed + 0.5, 1.0])


@torch.no_grad()
def test_an_object_that_was_away_too_long_is_given_up(blind: Filter) -> None:
    slots = _known(blind)
    for _ in range(MAX_UNSEEN):
        slots, _, _ = blind.step(slots, DARK)
    assert slots.alive.tolist() == [[1]]
    slots, _, _ = blind.step(slots, DARK)
    assert slots.alive.tolist() == [[0]]
    assert slots.id.tolist() == [[-1]]


@torch.no_grad()
def test_where_nothing_is_found_slots_begin_empty(blind: Filter) -> None:
    slots, _ = blind.begin(DARK)
    assert slots.alive.sum() == 0
    assert slots.id.tolist() == [[-1]]
