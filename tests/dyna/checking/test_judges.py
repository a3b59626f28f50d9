"""Each test of a world model finds what it is for, and lets pass what is right."""

import dataclasses
import math
from typing import Any

import pytest
import torch

from agents.random_actions import RandomActions
from dyna.checking import camera, labels, returns, rewards, scenes, sight
from dyna.checking.finding import graded, mean_and_error, worst
from dyna.checking.returns import Earned
from dyna.diagnosis.behaviour import Record
from dyna.diagnosis.fit import by_episode, figures
from dyna.loop import trust
from dyna.loop.rollout import rollout
from envs.digits import make
from envs.trajectory import Trajectory
from tests.dyna.seeing import Seer

SIDE, BOX = 48, 12


def squares(
    off: tuple[float, float] = (0.0, 0.0), size: float = 1.0, late: int = 0, seed: int = 0
) -> Record:
    """White squares that move on black; boxes are off, too large, or those of frames before."""
    rng = torch.Generator().manual_seed(seed)
    episodes, frames = 12, 8
    start = torch.randint(12, SIDE - 24, (episodes, 1, 2), generator=rng)
    step = torch.tensor([[2, 0], [0, 2], [-1, 1]])[torch.arange(episodes) % 3][:, None]
    corner = start + step * torch.arange(frames)[None, :, None] * (1 - 2 * (start > 24).long())
    corner = corner.clamp(0, SIDE - BOX)
    frame = torch.zeros(episodes, frames, 1, SIDE, SIDE, dtype=torch.uint8)
    for b in range(episodes):
        for t in range(frames):
            x, y = corner[b, t].tolist()
            frame[b, t, 0, y : y + BOX, x : x + BOX] = 200
    centre = (corner + BOX / 2 + torch.tensor(off)) / SIDE
    centre = torch.cat([centre[:, :1].expand(-1, late, -1), centre], 1)[:, :frames]
    box = torch.cat([centre, torch.full_like(centre, size * BOX / SIDE)], -1)[:, :, None]
    shape = (episodes, frames, 1)
    still = torch.zeros(episodes, frames, 2)
    return Record(frame, box, torch.ones(shape), torch.zeros(shape, dtype=torch.long), still)


def test_boxes_that_sit_as_true_ones_do_are_good() -> None:
    found = labels.judge(squares(seed=1), squares(seed=2))
    assert found.state == "good", found
    assert found.figures["size"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("fault", "figure", "value"),
    [
        ({"off": (2.0, 0.0)}, "x", -2 / BOX),
        ({"off": (0.0, -2.0)}, "y", 2 / BOX),
        ({"size": 1.25}, "size", 1 / 1.25),
        ({"late": 1}, "ahead", 1.7 / BOX),
    ],
)
def test_boxes_that_sit_elsewhere_are_wrong(
    fault: dict[str, object], figure: str, value: float
) -> None:
    found = labels.judge(squares(), squares(**fault))  # type: ignore[arg-type]
    assert found.state == "wrong", found
    assert found.figures[figure] == pytest.approx(value, abs=0.03)


def test_boxes_that_stay_are_said_not_to_move() -> None:
    moving = squares()
    stays = dataclasses.replace(moving, box=moving.box[:, :1].expand_as(moving.box))
    found = labels.judge(moving, stays)
    assert found.state == "wrong"
    assert "moves not at all" in found.said


def test_the_figures_of_a_run_tell_a_bias_from_a_scatter_and_from_a_size() -> None:
    right = figures(squares())
    beside, large = figures(squares(off=(3.0, 0.0))), figures(squares(size=1.25))
    assert beside["offset"] - right["offset"] == pytest.approx(3 / BOX, abs=0.05)
    assert beside["scatter"] == pytest.approx(right["scatter"], abs=0.05)
    assert large["fill"] / right["fill"] == pytest.approx(1 / 1.25, abs=0.03)
    late = figures(squares(late=1))
    assert late["scatter"] - right["scatter"] > 0.1 > late["offset"]


def panned(share: float, late: int = 0) -> Record:
    """A texture under a view that is asked to move by 3 pixels, and moves ``share`` of it."""
    rng = torch.Generator().manual_seed(3)
    world = torch.rand(8, 1, 96, 96, generator=rng)
    world = torch.nn.functional.avg_pool2d(world, 5, 1, 2)
    world = (255 * (world - world.min()) / (world.max() - world.min())).to(torch.uint8)
    asked = torch.randint(-1, 2, (8, 10, 2), generator=rng) * 3
    made = torch.cat([asked[:, :1] * 0] * late + [asked], 1)[:, :10]
    place = 24 + (share * torch.cat([made[:, :1] * 0, made[:, :-1]], 1).cumsum(1)).long()
    frame = torch.stack(
        [
            torch.stack([world[b, :, y : y + 48, x : x + 48] for x, y in place[b].tolist()])
            for b in range(8)
        ]
    )
    centre = (48 - place) / 48
    box = torch.cat([centre, torch.full_like(centre, 0.2)], -1)[:, :, None].float()
    there = torch.ones(8, 10, 1)
    return Record(frame, box, there, torch.zeros(8, 10, 1, dtype=torch.long), asked / 48)


def test_a_view_that_does_as_it_is_asked_is_good() -> None:
    found = camera.judge(panned(1), panned(1))
    assert found.state == "good", found
    assert found.figures["pictures_dreamed"] == pytest.approx(1, abs=0.05)
    assert found.figures["boxes_dreamed"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("made", "late", "said"), [(0.0, 0, "boxes make 0.00"), (1.0, 1, "of it a frame late")]
)
def test_a_view_that_does_not_or_late_is_wrong(made: float, late: int, said: str) -> None:
    found = camera.judge(panned(1), panned(made, late))
    assert found.state == "wrong"
    assert said in found.said.replace("-0.00", "0.00")


def test_where_actions_move_no_view_nothing_is_asked() -> None:
    assert camera.judge(squares(), squares()).state == "not asked"


def test_scenes_that_are_alike_are_good_and_others_named() -> None:
    assert scenes.judge(squares(seed=1), squares(seed=1)).state == "good"
    bright = dataclasses.replace(squares(), frame=squares().frame // 4)
    found = scenes.judge(squares(), bright)
    assert found.state == "wrong"
    assert "brightness (0.25 times)" in found.said


def _earned(real: list[float], dreamed: list[float]) -> dict[str, Earned]:
    return {
        f"policy {i}": Earned((a, 0.01), (b, 0.01))
        for i, (a, b) in enumerate(zip(real, dreamed, strict=True))
    }


@pytest.mark.parametrize(
    ("dreamed", "state"),
    [
        ([0.1, 0.3, 0.5, 0.7], "good"),
        ([0.1, 0.5, 0.3, 0.7], "doubtful"),
        ([0.7, 0.5, 0.3, 0.1], "wrong"),
        ([0.4, 0.6, 0.8, 1.0], "wrong"),
    ],
)
def test_returns_must_have_the_same_order_and_size(dreamed: list[float], state: str) -> None:
    found = returns.judge(_earned([0.1, 0.3, 0.5, 0.7], dreamed))
    assert found.state == state, found


class Frozen(Seer):
    """Sees what there is, but in its dreams nothing moves."""

    def prior(self, state: Any, rng: torch.Generator, camera: Any = None) -> Any:
        return state


@pytest.fixture(scope="module")
def wandering() -> Trajectory:
    return rollout(make(tier="medium", batch_size=48, seed=0, horizon=8), RandomActions(seed=1))


def test_rewards_that_are_foretold_agree_and_shifted_ones_less(wandering: Trajectory) -> None:
    found = rewards.judge(Seer(wandering), wandering, torch.Generator())
    assert found.figures["agreement"] == pytest.approx(1, abs=1e-3)
    assert found.state == "good"
    assert found.figures["shifted"] < 0.9


def test_rewards_that_are_foretold_wrongly_do_not_agree(wandering: Trajectory) -> None:
    found = rewards.judge(Frozen(wandering), wandering, torch.Generator())
    assert found.figures["agreement"] < 0.8


def test_rewards_are_not_asked_of_who_cannot_look(wandering: Trajectory) -> None:
    blind = Seer(wandering)
    blind.sees = False
    assert rewards.judge(blind, wandering, torch.Generator()).state == "not asked"


def test_short_episodes_foretell_nothing(wandering: Trajectory) -> None:
    with pytest.raises(ValueError, match="2 frames are too short"):
        trust.foretold(Seer(wandering), wandering.first(2), torch.Generator())


def test_sight_and_spread_are_judged_by_their_figures() -> None:
    assert sight.seeing(None).state == sight.spread(None).state == "not asked"
    found = {
        "perception": {"count_accuracy": 0.95, "box_iou": 0.65},
        "target": {"target_iou": 0.7},
        "rollout": [{"step": 5.0, "spread": 1.0, "sample_error": 4.0}],
    }
    assert sight.seeing(found).state == "doubtful"
    assert sight.spread(found).state == "wrong"
    assert "too sure" in sight.spread(found).said


def test_grades_count_what_is_beyond_chance() -> None:
    assert graded(0.1, 0.05, 0.08) == "wrong"
    assert graded(-0.1, 0.05, 0.08, noise=0.03) == "doubtful"
    assert graded(0.1, 0.05, 0.08, noise=0.06) == "good"
    assert graded(math.nan, 1, 1) == "wrong"
    assert worst("good", "not asked") == "good"
    assert worst("good", "wrong", "doubtful") == "wrong"


def test_means_leave_out_episodes_without_a_value() -> None:
    value = torch.tensor([[1.0, 3.0], [5.0, 7.0]])
    keep = torch.tensor([[True, True], [False, False]])
    means = by_episode(value, keep)
    assert means[0] == 2
    assert means[1].isnan()
    assert mean_and_error(means)[0] == 2
    assert math.isnan(mean_and_error(torch.tensor([math.nan]))[0])
