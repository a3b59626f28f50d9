"""Turns and ratios, with clocks that are made up."""

import pytest

from benchmarks.peers.contest import Measure, Missing, contest, repeated, turns


def clock(*speeds: float) -> Measure:
    """Turns of these speeds."""
    left = list(speeds)
    return lambda: left.pop(0)


def absent() -> float:
    raise Missing("no such package")


def test_turns_are_taken_one_after_another() -> None:
    order: list[str] = []
    found = turns({name: lambda name=name: order.append(name) or 1.0 for name in "ab"}, 2)
    assert order == ["a", "b", "a", "b"]
    assert found == {"a": [1.0, 1.0], "b": [1.0, 1.0]}


def test_a_ratio_is_that_of_the_best_turns_within_its_spread() -> None:
    (row,) = contest("x", {"us": clock(30, 40)}, {"them": clock(2, 1)}, 2, {("us", "them"): 25})
    assert row == {
        "part": "x",
        "ours": "us",
        "peer": "them",
        "wanted": 25,
        "status": "ok",
        "frames_per_cpu_second": 40,
        "peer_frames_per_cpu_second": 2,
        "ratio": 20,
        "ratio_low": 15,
        "ratio_high": 40,
        "repeats": 2,
    }


def test_a_missing_peer_has_a_row_that_says_so_and_is_asked_once() -> None:
    rows = contest("x", {"us": clock(3, 3)}, {"gone": absent, "them": clock(1, 1)}, 2)
    assert rows[0]["status"] == "missing"
    assert rows[0]["note"] == "no such package"
    assert "ratio" not in rows[0]
    assert rows[1]["ratio"] == 3


def test_work_is_done_once_before_the_clock_starts_and_then_at_least_once() -> None:
    done: list[int] = []
    measure = repeated(lambda: done.append(1) or 5, seconds=0.0)
    assert measure() > 0
    assert len(done) == 2
    assert measure() > 0
    assert len(done) == 3


def test_our_own_errors_are_not_taken_for_a_missing_peer() -> None:
    def broken() -> float:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        turns({"us": broken}, 1)
