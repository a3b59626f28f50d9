"""Agents are scored on the same held-out episodes, and on as many as were asked for."""

import pytest

from agents.last_box import LastBox
from agents.oracle import Oracle
from agents.random_actions import RandomActions
from dyna.evaluation.heldout import BATCH, evaluate
from envs.tracking import Tracking
from tests.scenes import MovingPatch


def task(hidden: tuple[int, ...] = (), horizon: int = 8) -> Tracking:
    return Tracking(MovingPatch(hidden=hidden), batch_size=3, horizon=horizon)


def test_the_oracle_gets_all_and_the_last_box_little() -> None:
    assert evaluate(Oracle(), task(), 10)["eval/iou"] == pytest.approx(1.0)
    found = evaluate(LastBox(), task(), 10)
    # A box of 14 pixels and a target that makes 2 per step: it is lost when 7 have passed.
    assert found["eval/iou"] < 0.5
    assert found["eval/episodes"] == 10


def test_the_same_seed_draws_the_same_episodes_whatever_came_before() -> None:
    env = task()
    first = evaluate(RandomActions(), env, 10)
    evaluate(RandomActions(), env, 5)
    assert evaluate(RandomActions(), env, 10) == first
    assert evaluate(RandomActions(), env, 10, seed=1) != first


def test_more_episodes_than_one_batch_are_all_scored() -> None:
    assert evaluate(LastBox(), task(), BATCH + 6)["eval/episodes"] == BATCH + 6


def test_reappearance_is_scored_when_there_is_one() -> None:
    found = evaluate(Oracle(), task(hidden=(2, 3, 4)), 4)
    assert found["eval/reappearance_iou"] == pytest.approx(1.0)
    assert found["eval/visible"] == pytest.approx(4 / 7)
    assert "eval/reappearance_iou" not in evaluate(Oracle(), task(hidden=(2, 3)), 4)


def test_a_shorter_horizon_is_easier_for_the_last_box() -> None:
    short = evaluate(LastBox(), task(), 10, horizon=3)["eval/iou"]
    assert short > evaluate(LastBox(), task(), 10)["eval/iou"]


@pytest.mark.parametrize("numbers", [{"episodes": 0}, {"horizon": 1}, {"horizon": 9}])
def test_bad_numbers_are_named(numbers: dict[str, int]) -> None:
    name, value = next(iter(numbers.items()))
    with pytest.raises(ValueError, match=rf"{name} must be .* got {value}"):
        evaluate(LastBox(), task(), **numbers)
