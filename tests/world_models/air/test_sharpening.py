"""Crops: what is cut out of a frame, and what is learned from it."""

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.world_models.air.objects.test_slots import SIZE, slots_at
from world_models.air import crops as crops_of
from world_models.air import sharpening
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.slots import Slots
from world_models.air.settings import AIRChoices
from world_models.blocks.distributions import Gaussian


@pytest.fixture
def scene() -> SceneModel:
    return white_squares()


def white_squares() -> SceneModel:
    """Draws solid white squares as large as their windows."""
    torch.manual_seed(0)
    scene = SceneModel((1, SIZE, SIZE), AIRChoices(what_dim=5))
    scene.what_decoder[-1].weight.data.zero_()
    scene.what_decoder[-1].bias.data.fill_(20.0)
    return scene


def slots_of(places: list[tuple[float, float]], **changes: Any) -> Slots:
    """Windows of eight pixels that are known exactly; the last one is in front."""
    where = [[x, y, 8.0] for x, y in places]
    slots = slots_at(where, [1.0] * len(places), [0.0] * len(places))
    loc = slots.where.loc.clone()
    loc[..., 2] = loc[..., 2].log()
    sign = torch.ones_like(slots.front).tril(-1) - torch.ones_like(slots.front).triu(1)
    sure = Gaussian(loc, torch.full_like(loc, 1e-6))
    return dataclasses.replace(slots, where=sure, front=30 * sign, **changes)


def _cut(
    scene: SceneModel, slots: Slots, rng: torch.Generator, bars: Tensor | None = None
) -> crops_of.Crops:
    frame = torch.rand(1, 1, SIZE, SIZE, generator=rng)
    dark = torch.full_like(frame, 0.25)
    crops = sharpening.cut(scene, slots, crops_of.Shown(frame, dark, bars), 100, rng)
    assert crops is not None
    return crops


def test_a_crop_shows_the_frame_and_what_is_there_without_the_object(
    scene: SceneModel, rng: torch.Generator
) -> None:
    frame = torch.rand(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    crops = _cut(scene, slots_of([(12.0, 12.0)]), rng)
    assert len(crops.area) == sharpening.VERSIONS
    assert torch.allclose(crops.area, torch.tensor((8 / 16) ** 2), atol=1e-3)
    assert crops.clear.min() == 1
    assert torch.allclose(crops.others, torch.tensor(0.25), atol=1e-4)
    # Every pixel of the frame is read twice each way.
    expected = frame[0, 0, 8:16, 8:16].mean()
    assert crops.frame[0].mean() == pytest.approx(expected.item(), abs=0.03)
    evidence = crops.frame[0] - crops.background[0]
    assert evidence.mean() == pytest.approx(expected.item() - 0.25, abs=0.03)


def test_crops_leave_out_what_other_objects_cover(scene: SceneModel, rng: torch.Generator) -> None:
    """The neighbour hides a quarter of it; in front or behind, no one learns from those pixels."""
    slots = slots_of([(10.0, 12.0), (16.0, 12.0)])
    crops = _cut(scene, slots, rng)
    first = crops.clear[0, 0, 1:-1]  # rims are half in the window
    assert first[:, 13:].max() < 0.1
    assert first[:, :11].min() > 0.9
    assert crops.others[0, 0, 1:-1, 13:].min() > 0.9, "a white neighbour"
    assert crops.others[0, 0, :, :11].max() < 0.3
    hidden = dataclasses.replace(slots, unseen=torch.tensor([[0.0, 2.0]]))
    assert _cut(scene, hidden, rng).clear.min() > 0.9


def test_crops_leave_out_what_bars_cover(scene: SceneModel, rng: torch.Generator) -> None:
    bars = torch.zeros(1, SIZE, SIZE)
    bars[:, 12:] = 1.0
    clear = _cut(scene, slots_of([(12.0, 12.0)]), rng, bars).clear[0, 0]
    assert clear[9:].max() < 0.1
    assert clear[:7].min() > 0.9


@pytest.mark.parametrize(
    "changes",
    [
        {"visible": torch.tensor([[0.5]])},
        {"unseen": torch.tensor([[1.0]])},
        {"age": torch.tensor([[1.0]])},
        {"alive": torch.tensor([[0.0]])},
    ],
)
def test_only_objects_that_are_well_seen_and_known_are_cut_out(
    changes: dict[str, Tensor], scene: SceneModel, rng: torch.Generator
) -> None:
    slots, dark = slots_of([(12.0, 12.0)], **changes), torch.zeros(1, 1, SIZE, SIZE)
    assert sharpening.cut(scene, slots, crops_of.Shown(dark, dark, None), 100, rng) is None


def test_of_many_objects_some_are_cut_out_whatever_is_drawn_at_a_time(
    scene: SceneModel, rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = slots_of([(6.0, 6.0), (16.0, 16.0)])
    many = Slots(
        **{
            name: (
                Gaussian(*(p.repeat(5, *[1] * (p.dim() - 1)) for p in x))
                if isinstance(x, Gaussian)
                else x.repeat(5, *[1] * (x.dim() - 1))
                if isinstance(x, Tensor)
                else x
            )
            for name, x in vars(slots).items()
        }
    )
    dark = torch.zeros(5, 1, SIZE, SIZE)
    frame = dark + torch.arange(5.0).view(-1, 1, 1, 1)
    shown = crops_of.Shown(frame, dark, None)

    def found(most: int) -> Tensor:
        crops = sharpening.cut(scene, many, shown, most, torch.Generator().manual_seed(0))
        assert crops is not None
        return crops.frame[:, 0, 8, 8]

    whole = found(100)
    assert len(whole) == 10 * sharpening.VERSIONS
    assert len(found(4)) == 4 * sharpening.VERSIONS
    monkeypatch.setattr(crops_of, "EPISODES", 2)
    assert torch.equal(found(100), whole)


def test_windows_are_drawn_from_what_is_believed_but_not_far_off(
    scene: SceneModel, rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharpening, "VERSIONS", 200)
    slots = slots_of([(12.0, 12.0)])
    loc = slots.where.loc
    scale = torch.tensor([5.0, 0.5, 0.02]).expand_as(loc)
    slots = dataclasses.replace(slots, where=Gaussian(loc, scale))
    drawn: list[Tensor] = []
    read = crops_of.read_glimpse

    def spy(whole: Tensor, where: Tensor, size: int) -> Tensor:
        drawn.append(where)
        return read(whole, where, size)

    monkeypatch.setattr(crops_of, "read_glimpse", spy)
    _cut(scene, slots, rng)
    spread = torch.cat(drawn).std(0)
    assert spread.tolist() == pytest.approx([1.0, 0.5, 0.02], rel=0.25)


def test_joined_crops_are_all_of_them(scene: SceneModel, rng: torch.Generator) -> None:
    one = _cut(scene, slots_of([(12.0, 12.0)]), rng)
    both = crops_of.join([one, _cut(scene, slots_of([(10.0, 12.0), (18.0, 12.0)]), rng)])
    assert len(both.area) == 3 * sharpening.VERSIONS
    assert torch.equal(both.frame[: sharpening.VERSIONS], one.frame)


def test_crops_are_turned_in_all_ways_of_a_square(rng: torch.Generator) -> None:
    picture = torch.rand(3, 1, 16, 16, generator=rng)
    crops = crops_of.Crops(picture, picture + 1, picture + 2, picture, torch.arange(3.0))
    rows = torch.tensor([2, 0])
    seen = []
    for turn in range(8):
        some = crops.some(rows, turn)
        assert torch.equal(some.area, torch.tensor([2.0, 0.0]))
        assert torch.equal(some.others, some.frame + 1), "all that belongs together turns alike"
        seen.append(some.frame)
    assert all(not torch.equal(a, b) for i, a in enumerate(seen) for b in seen[:i])
    for x in seen:
        assert torch.equal(x.flatten(1).sort(-1).values, picture[rows].flatten(1).sort(-1).values)


def _disks(rng: torch.Generator, number: int = 64) -> crops_of.Crops:
    """Crops of grey disks on dark, of several sizes."""
    axis = (torch.arange(16) - 7.5).square()
    radius = 3 + 4 * torch.rand(number, 1, 1, generator=rng)
    inside = ((axis[:, None] + axis) < radius.square())[:, None].float()
    dark = torch.zeros(number, 1, 16, 16)
    return crops_of.Crops(0.6 * inside, dark, dark, dark + 1, torch.ones(number))


def test_sharper_looks_are_learned_while_presence_stays(rng: torch.Generator) -> None:
    torch.manual_seed(0)
    scene = SceneModel((1, SIZE, SIZE), AIRChoices(what_dim=5))
    scene.what_encoder[-1].bias.data[-1] = 3.0
    crops = _disks(rng)
    before = copy.deepcopy(scene)

    def drawn(scene: SceneModel) -> tuple[float, Tensor]:
        """How far pictures are from the crops, and the logits of presence."""
        with torch.no_grad():
            what, logits = scene.what_posterior(crops.evidence())
            picture = scene.decode_what(what.loc)[:, :-1]
        return (picture - crops.frame).square().mean().item(), logits

    losses = [sharpening.sharpen(scene, crops, n, rng)["crop_loss"] for n in (5, 60)]
    assert losses[1] < losses[0] / 2
    (coarse, first), (sharp, last) = drawn(before), drawn(scene)
    assert sharp < coarse / 3
    assert (last - first).abs().max() < 0.5
    old = before.where_encoder.state_dict()
    assert all(torch.equal(old[k], x) for k, x in scene.where_encoder.state_dict().items())


def test_nothing_is_learned_where_something_else_is(rng: torch.Generator) -> None:
    """Two frames that differ only where it is not clear teach the same."""
    torch.manual_seed(0)
    scene = SceneModel((1, SIZE, SIZE), AIRChoices(what_dim=5))
    crops = _disks(rng)
    crops.clear[..., 8:] = 0.0
    told = []
    for extra in (0.0, 0.3):
        covered = crops.frame + extra * (1 - crops.clear)
        other = dataclasses.replace(
            crops, frame=covered, background=covered - crops.frame, others=covered - crops.frame
        )
        rngs = torch.Generator().manual_seed(0)
        told.append(sharpening._loss(scene, scene.what_encoder, other, rngs).item())
    assert told[0] == pytest.approx(told[1], rel=1e-5)


def test_no_steps_change_nothing(scene: SceneModel, rng: torch.Generator) -> None:
    before = copy.deepcopy(scene.state_dict())
    assert sharpening.sharpen(scene, _disks(rng), 0, rng) == {}
    assert all(torch.equal(before[k], v) for k, v in scene.state_dict().items())
