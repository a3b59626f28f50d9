"""Looking back: places and velocities that later frames tell, and what crops come from."""

import dataclasses

import pytest
import torch
from torch import Tensor

from tests.world_models.air.objects.test_slots import SIZE, slots_at
from tests.world_models.air.test_sharpening import slots_of
from world_models.air.crops import Shown
from world_models.air.frame.scene_model import SceneModel
from world_models.air.hindsight import crops, look_back, sights_of
from world_models.air.objects.slots import Slots
from world_models.air.outlines import clear
from world_models.air.settings import AIRChoices
from world_models.air.sharpening import VERSIONS
from world_models.base import Posterior

FRAMES = 14
NOISE = 0.3


@pytest.fixture
def scene() -> SceneModel:
    torch.manual_seed(0)
    return SceneModel(
        (1, SIZE, SIZE), AIRChoices(what_dim=5, background="smooth", background_dim=2)
    )


def _episode(rng: torch.Generator, view: Tensor) -> tuple[Tensor, list[Slots]]:
    """Where an object is in a view that moves, and what is believed of it; it is lost once."""
    time = torch.arange(float(FRAMES))[:, None]
    path = 6 + torch.tensor([0.8, 0.4]) * time - view.cumsum(0)
    belief = []
    sides = 2.0 + 0.1 * torch.randn(FRAMES, 1, generator=rng)
    seen = torch.cat([path + NOISE * torch.randn(FRAMES, 2, generator=rng), sides], -1)
    for t, window in enumerate(seen.tolist()):
        unseen = 1.0 if t == 4 else 0.0
        slots = slots_at([window], [1.0], [unseen])
        belief.append(dataclasses.replace(slots, visible=torch.full((1, 1), 0.8 - unseen)))
    return path, belief


def _posterior(belief: list[Slots]) -> Posterior:
    """All that looking back asks of it."""
    nothing = torch.zeros(1, FRAMES, 1)
    return Posterior(
        belief=belief,
        box=nothing[..., None].expand(-1, -1, -1, 4),
        visible=torch.ones_like(nothing),
        id=torch.stack([s.id for s in belief], 1),
        reconstruction=torch.zeros(1, FRAMES, 1, SIZE, SIZE, dtype=torch.uint8),
        elbo=nothing[..., 0],
    )


def _frames(rng: torch.Generator) -> Tensor:
    shape = (1, FRAMES, 1, SIZE, SIZE)
    return torch.randint(256, shape, generator=rng).to(torch.uint8)


@pytest.mark.parametrize("speed", [0.0, 0.5])
def test_later_frames_tell_where_objects_were_and_how_fast(
    speed: float, scene: SceneModel, rng: torch.Generator
) -> None:
    view = torch.full((FRAMES, 2), speed)
    path, belief = _episode(rng, view)
    history = _posterior(belief)
    found, sights = look_back(scene, history, _frames(rng), False, view[None])
    place = torch.stack([s.where.loc[0, 0, :2] for s in found])
    seen = torch.stack([s.where.loc[0, 0, :2] for s in belief])
    later = slice(5, None)
    assert (place - path)[later].square().mean() < 0.6 * (seen - path)[later].square().mean()
    velocity = torch.stack([s.velocity[0, 0] for s in found])[later]
    assert torch.allclose(velocity, torch.tensor([0.8, 0.4]), atol=0.2)
    assert torch.equal(place[4], seen[4]), "nobody saw it there"
    assert torch.equal(found[4].velocity, belief[4].velocity)
    before, after = (
        torch.stack([s.where.loc[0, 0, 2] for s in slots])[later] for slots in (belief, found)
    )
    assert (after - 2).square().mean() < 0.6 * (before - 2).square().mean(), "sizes, too"
    assert all(torch.equal(a.id, b.id) for a, b in zip(found, belief, strict=True))
    assert len(sights.picture) == len(sights.extent) == FRAMES
    assert sights.known.all(), "what it looked like when it was lost is told by before and after"
    sides = torch.stack([s.where.loc[0, 0, 2] for s in found])
    torch.testing.assert_close(sides[4], sides[3:6:2].mean())


def test_crops_come_from_all_frames_in_which_it_was_seen(
    scene: SceneModel, rng: torch.Generator
) -> None:
    _, belief = _episode(rng, torch.zeros(FRAMES, 2))
    found = crops(scene, belief, _frames(rng), False, rng)
    assert found is not None
    assert len(found.area) == VERSIONS * (FRAMES - 1)
    empty = [dataclasses.replace(s, alive=0 * s.alive) for s in belief]
    assert crops(scene, empty, _frames(rng), False, rng) is None


def test_what_one_frame_shows_whole_tells_looks_and_nothing_else_does(
    scene: SceneModel, rng: torch.Generator
) -> None:
    frame, dark = torch.rand(1, 1, SIZE, SIZE, generator=rng), torch.zeros(1, 1, SIZE, SIZE)
    seen = Shown(frame, dark, None)
    slots = slots_of([(5.0, 12.0), (17.0, 12.0)], visible=torch.tensor([[1.0, 0.8]]))
    with torch.no_grad():
        what, (picture, _) = sights_of(scene, slots, clear(slots), slots.where.loc, seen)
        evidence = scene.evidence(frame, dark, dark)
        alone, _ = scene.describe(evidence, slots.where.loc[:, 0])
        assert len(picture) == 2
        torch.testing.assert_close(what[0, 0], alone.loc[0], atol=1e-2, rtol=1e-2)
        assert torch.equal(what[0, 1], slots.what.loc[0, 1])
        bars = torch.ones(1, SIZE, SIZE)
        one = slots_of([(12.0, 12.0)])
        barred, _ = sights_of(scene, one, clear(one), one.where.loc, seen._replace(bars=bars))
        assert torch.equal(barred, torch.zeros(1, 1, 5))
        hidden = slots_of([(12.0, 12.0)], visible=torch.zeros(1, 1))
        nothing, (picture, _) = sights_of(scene, hidden, clear(hidden), hidden.where.loc, seen)
    assert torch.equal(nothing, hidden.what.loc)
    assert len(picture) == 0
