"""What is seen whole, and what is told of the rest by the frames around."""

import dataclasses

import pytest
import torch
from torch import Tensor

from tests.world_models.air.objects.test_slots import SIZE
from tests.world_models.air.test_sharpening import slots_of, white_squares
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.slots import Slots
from world_models.air.whole import UNKNOWN, Around, judged, whole
from world_models.base import Posterior

HALF = -torch.tensor(2.0).log().item()


@pytest.fixture
def scene() -> SceneModel:
    return white_squares()


def _slots(place: tuple[float, float]) -> Slots:
    return slots_of([place], z_bg=torch.zeros(1, 36))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((12.0, 12.0), True),
        ((3.0, 12.0), False),  # at the view's edge
        ((12.0, 22.0), False),
        ((5.5, 12.0), True),  # near it
    ],
)
def test_who_ends_at_the_edge_of_the_view_is_not_seen_whole(
    place: tuple[float, float], expected: bool, scene: SceneModel
) -> None:
    assert whole(scene, _slots(place), False)[0].tolist() == [[expected]]


@pytest.mark.parametrize(("left", "expected"), [(14, False), (15, False), (20, True)])
def test_who_ends_at_a_bar_is_not_seen_whole(
    left: int, expected: bool, scene: SceneModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = torch.zeros(1, SIZE, SIZE)
    bars[..., left:] = 1.0
    monkeypatch.setattr(scene, "bars", lambda background: bars)
    assert whole(scene, _slots((12.0, 12.0)), False)[0].tolist() == [[expected]]


def test_who_is_hidden_is_not_seen_whole(scene: SceneModel) -> None:
    slots = _slots((12.0, 12.0))
    hidden = dataclasses.replace(slots, visible=0.4 * slots.visible)
    known, area = whole(scene, hidden, False)
    assert not known.any()
    assert area.item() == pytest.approx(64, rel=0.01)


def _history(x: list[float], log_share: list[float], names: list[int]) -> Posterior:
    """One object, at ``x`` in each frame, with this logarithm of the share of its side."""
    belief = []
    for here, log, name in zip(x, log_share, names, strict=True):
        slots = _slots((here, 12.0))
        loc = slots.where.loc + torch.tensor([0.0, 0.0, log])
        where = slots.where._replace(loc=loc)
        belief.append(dataclasses.replace(slots, where=where, id=torch.tensor([[name]])))
    shape = (1, len(x), 1)
    return Posterior(
        belief=belief,
        box=torch.zeros(*shape, 4),
        visible=torch.full(shape, 0.9),
        id=torch.stack([s.id for s in belief], 1),
        reconstruction=torch.zeros(1, len(x), 1, SIZE, SIZE, dtype=torch.uint8),
        elbo=torch.zeros(1, len(x)),
    )


def test_of_what_the_edge_cuts_off_less_is_visible_than_of_the_whole(scene: SceneModel) -> None:
    """Half a side is a quarter of the area; who was never seen whole tells nothing."""
    x, sides = [12.0, 12.0, 1.0, 1.0, 12.0], [0.0, 0.0, HALF, 0.0, HALF]
    seen = judged(scene, _history(x, sides, [5] * 5), False).visible[0, :, 0]
    # Then its area falls from 64 pixels in frame 1 to 16 in frame 4, where it is seen whole.
    expected = 0.9 * torch.tensor([1, 1, 16 / 48, 1, 1])
    torch.testing.assert_close(seen, expected)
    other = judged(scene, _history(x, sides, [5, 5, 6, 6, 7]), False).visible[0, :, 0]
    torch.testing.assert_close(other[2:4], torch.tensor([0.9 * UNKNOWN] * 2))


def test_frames_around_are_of_the_same_object() -> None:
    known = torch.tensor([0, 1, 0, 0, 1, 0, 0, 1]).bool()[:, None, None]
    identity = torch.tensor([5, 5, 5, 5, 5, 5, 6, 7])[:, None, None]
    around = Around.of(known, identity)
    assert around.before.flatten().tolist() == [1, 1, 1, 1, 4, 4, -1, 7]
    assert around.after.flatten().tolist() == [1, 1, 4, 4, 4, 4, -1, 7]
    assert around.nearest.flatten().tolist() == [1, 1, 1, 4, 4, 4, -1, 7]
    x = torch.tensor([9.0, 0.0, 9.0, 9.0, 3.0, 9.0, 8.0, 7.0])[:, None, None, None]
    found: Tensor = around.between(x).flatten()
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 1.0, 2.0, 3.0, 3.0, 8.0, 7.0]))
