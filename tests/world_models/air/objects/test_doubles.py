"""Two slots on one object: one goes, the other takes it over; two objects keep their slots."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn

from tests.world_models.air.objects.test_slots import SIZE, slots_at
from world_models.air.bank import gather
from world_models.air.frame.discovery import Found
from world_models.air.frame.scene_model import SceneModel
from world_models.air.motion.transitions import make_transition
from world_models.air.objects import filtering
from world_models.air.objects.births import births
from world_models.air.objects.doubles import NEEDED_AT_MOST, add
from world_models.air.objects.filtering import Filter
from world_models.air.settings import AIRChoices
from world_models.blocks.distributions import Gaussian
from world_models.blocks.glimpse import read_glimpse

SIDE = 12.0
LEFT, RIGHT, WHOLE = (20.0, -20.0), (-20.0, 20.0), (20.0, 20.0)
"""z_what of the halves of a white square, and of all of it."""


class Halves(nn.Module):
    """Decodes two numbers: logits of the left and of the right half of a white square."""

    def forward(self, what: Tensor) -> Tensor:
        side = SceneModel.GLIMPSE
        alpha = what.repeat_interleave(side // 2, -1).unsqueeze(-2)
        alpha = alpha.expand(*what.shape[:-1], side, side)
        return torch.stack([torch.full_like(alpha, 20.0), alpha], -3).flatten(-3)


def seer(monkeypatch: pytest.MonkeyPatch) -> Filter:
    """Follows white squares in the dark, and sees halves of them that are not yet explained."""
    settings = AIRChoices(what_dim=2, typical_side=SIDE, background="smooth", background_dim=2)
    scene = SceneModel((1, SIZE, SIZE), settings)
    scene.what_decoder = Halves()  # type: ignore[assignment]

    def look(evidence: Tensor, centre: Tensor) -> Gaussian:
        place = torch.cat([centre, torch.full_like(centre[:, :1], math.log(SIDE))], -1)
        return Gaussian(place, torch.full_like(place, 0.1))

    def describe(evidence: Tensor, where: Tensor) -> tuple[Gaussian, Tensor]:
        unexplained = read_glimpse(evidence[:, 1:], where, scene.GLIMPSE) / 2
        left, right = unexplained[:, 0].mean(-2).chunk(2, -1)
        bright = torch.stack([left.mean(-1), right.mean(-1)], -1) > 0.4
        loc = torch.where(bright, 20.0, -20.0)
        return Gaussian(loc, torch.full_like(loc, 0.1)), torch.where(bright.any(-1), 5.0, -5.0)

    monkeypatch.setattr(scene, "look", look)
    monkeypatch.setattr(scene, "describe", describe)
    monkeypatch.setattr(scene.background, "decode", lambda z: torch.zeros(len(z), 1, SIZE, SIZE))
    transition = make_transition("constant_velocity", "none", (SIZE, SIZE), 2.0)
    return Filter(scene, transition, num_slots=2, sigma=0.12)


def drawing(tracker: Filter, x: list[float], what: list[tuple[float, float]]) -> Tensor:
    """A frame of squares, or of halves, that do not overlap."""
    where = torch.tensor([[[place, SIZE / 2, math.log(SIDE)] for place in x]])
    glimpses = tracker.scene.decode_what(torch.tensor([what]))
    return tracker.scene.place(glimpses, where)[:, :, 0].sum(1, keepdim=True)


def follow(
    monkeypatch: pytest.MonkeyPatch, x: list[float], what: list[tuple[float, float]], frame: Tensor
) -> list[int]:
    """How many objects are followed through a still film in which these were found at first."""
    tracker = seer(monkeypatch)
    where = torch.tensor([[[place, SIZE / 2, math.log(SIDE)] for place in x]])
    looks = torch.tensor([what])
    found = Found(
        where_posterior=Gaussian(where, torch.full_like(where, 0.1)),
        where=where,
        what_posterior=Gaussian(looks, torch.full_like(looks, 0.1)),
        what=looks,
        logits=torch.full((1, 2), 5.0),
        presence=torch.ones(1, 2),
        alpha_area=torch.full((1, 2), 72.0),
        mass=torch.full((1, 2), 72.0),
        canvas=frame,
        clear=torch.ones(1, 1, SIZE, SIZE),
    )
    monkeypatch.setattr(filtering, "discover", lambda *_, **__: found)
    with torch.no_grad():
        slots, _ = tracker.begin(frame)
        numbers = [int(slots.alive.sum())]
        for _ in range(4):
            slots, _, drawn = tracker.step(slots, frame)
            numbers.append(int(slots.alive.sum()))
    assert (drawn - frame).abs().mean() < 0.01
    return numbers


def test_two_halves_of_one_object_become_one_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either half alone is needed as it is; one slot that looks again draws both."""
    square = drawing(seer(monkeypatch), [12.0], [WHOLE])
    assert follow(monkeypatch, [12.0, 12.0], [LEFT, RIGHT], square)[2:] == [1, 1, 1]


def test_neighbours_that_one_slot_cannot_draw_stay_two(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = drawing(seer(monkeypatch), [9.0, 15.0], [LEFT, RIGHT])
    assert follow(monkeypatch, [9.0, 15.0], [LEFT, RIGHT], apart) == [2] * 5


def test_what_was_needed_may_be_hidden_for_some_frames() -> None:
    """Objects pass over each other; what never gained anything is not waited for."""
    seen, nothing = torch.ones(1, 2), torch.zeros(1, 2)
    evidence = [torch.tensor([[NEEDED_AT_MOST, 0.0]])]
    for _ in range(6):
        evidence.append(add(evidence[-1], nothing, seen))
    assert (evidence[1] < 0).tolist() == [[False, True]]
    assert [bool(x[0, 0] < 0) for x in evidence] == [False] * 5 + [True] * 2
    assert add(evidence[-1], torch.full((1, 2), math.inf), seen).tolist() == [[NEEDED_AT_MOST] * 2]
    assert torch.equal(add(evidence[-1], nothing, nothing), evidence[-1])


def test_a_find_that_a_neighbour_can_draw_is_not_born(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = seer(monkeypatch)
    square, half = (drawing(tracker, [12.0], [what]) for what in (WHOLE, LEFT))
    known = slots_at([[12.0, 12, math.log(SIDE)], [0.0, 0, 0]], [1.0, 0], [0.0, 0])
    known = dataclasses.replace(
        known, what=Gaussian(torch.tensor([[LEFT, LEFT]]), torch.full((1, 2, 2), 0.1))
    )
    layers = torch.cat([half, half], 1)[:, None].expand(1, 2, 2, SIZE, SIZE)
    layers = layers * known.alive[..., None, None, None]
    dark = torch.zeros_like(square)
    after, _ = births(tracker.scene, known, layers, square, dark, half, 0.12)
    assert after.alive.tolist() == [[1, 0]]
    assert after.what.loc[0, 0].tolist() == list(WHOLE)
    apart = half + drawing(tracker, [20.0], [RIGHT])
    after, _ = births(tracker.scene, known, layers, apart, dark, half, 0.12)
    assert after.alive.tolist() == [[1, 1]]


def test_the_bank_holds_no_slot_that_may_be_a_double() -> None:
    slots = slots_at([[5.0, 5, 2], [15.0, 15, 2]], [1.0, 1], [0.0, 0])
    inside, row = torch.ones(1, 1, 2), torch.full((1, 1, 2), -1)
    first = torch.ones(1)
    assert gather([slots], inside, row, first).valid.tolist() == [[True, True]]
    doubtful = dataclasses.replace(slots, needed=torch.tensor([[NEEDED_AT_MOST, 60.0]]))
    assert gather([doubtful], inside, row, first).valid.tolist() == [[True, False]]
