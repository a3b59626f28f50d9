"""The front page: what it claims of a study, and what it does not hide."""

from typing import Any

from dyna.reporting.front import tiers as front
from dyna.scores.results import Row
from tests.dyna.rows import row, seeds


def _tier(name: str, rows: list[Row]) -> list[Row]:
    return [{**one, "tier": name} for one in rows]


def _study(ours: tuple[float, ...], **more: Any) -> list[Row]:
    return [
        *seeds("none", 0.3, 0.3),
        *seeds("rigid", 0.5, 0.5),
        *seeds("cut_paste", 0.6, 0.6),
        *seeds("air", *ours, **more),
        *seeds("oracle", 0.8, 0.8),
        row("reference", 0.65, agent="csrt"),
        row("reference", 0.2, agent="kcf"),
    ]


def test_a_model_that_is_ahead_everywhere_is_said_to_be() -> None:
    rows = [*_tier("easy", _study((0.7, 0.8))), *_tier("hard", _study((0.7, 0.7)))]
    assert front.sentences(front.tiers(rows, 1000)) == [
        "Dyna (air) is above model-free, rigid and cut_paste in every seed (of 2) on 2 of 2 tiers "
        "(easy and hard).",
        "Of the gap between the better of those that imagine without learning and the simulator "
        "it closes 75% on easy and 50% on hard.",
        "Beside the best classical tracker: above it on hard (CSRT); not told apart from it on "
        "easy (CSRT).",
    ]


def test_a_seed_that_is_behind_is_told() -> None:
    rows = [*_tier("easy", _study((0.7, 0.55))), *_tier("hard", _study((0.4, 0.4)))]
    said = front.sentences(front.tiers(rows, 1000))
    assert said[0].endswith(
        "in every seed (of 2) on 0 of 2 tiers; not above: on easy cut_paste in 1 of 2 seeds; on "
        "hard rigid in 2 of 2 seeds and cut_paste in 2 of 2 seeds."
    )
    assert "-100% on hard" in said[1]
    assert said[2] == (
        "Beside the best classical tracker: not told apart from it on easy (CSRT); below it on "
        "hard (CSRT)."
    )


def test_who_was_not_run_is_not_beaten() -> None:
    rows = [*_tier("easy", _study((0.7, 0.8))), *_tier("hard", seeds("air", 0.5))]
    said = front.sentences(front.tiers(rows, 1000))[0]
    assert (
        "in every seed (of 1 to 2) on 1 of 2 tiers (easy); not above: on hard model-free (not"
        in said
    )


def test_failed_runs_are_seen() -> None:
    rows = [*_tier("easy", _study((0.7, 0.8))), *_tier("hard", _study((0.7, 0.7)))]
    for one in rows:
        if (one["tier"], one["arm"]) in (("easy", "rigid"), ("hard", "air")):
            one |= {"status": "failed", "error": "no room"}
    found = front.tiers(rows, 1000)
    easy, hard = (line.split(" | ") for line in front.table(found).splitlines()[2:])
    assert (easy[2], hard[4]) == ("failed", "failed")
    beaten, gap, trackers = front.sentences(found)
    assert beaten.endswith(
        "on 0 of 2 tiers; not above: on easy rigid (failed); on hard, where it failed."
    )
    assert "hard" not in gap + trackers


def test_only_equal_budgets_are_compared() -> None:
    rows = _study((0.7, 0.7)) + seeds("air", 0.9, imagined=650_000) + seeds("air", 0.9, real=4000)
    rows += seeds("air_boxes", 0.95, 0.95)
    (tier,) = front.tiers(rows, 1000)
    assert list(tier.arms) == ["none", "rigid", "cut_paste", "air", "oracle"]
    assert tier.arms["air"].mean("iou") == 0.7
    assert front.usual_dreams(rows, 1000) == 120_000
    assert front.usual_dreams(rows, 7) == 0


def test_the_table_has_a_row_for_each_tier_and_gaps_where_nothing_was_run() -> None:
    rows = [*_tier("easy", _study((0.7, 0.8))), *_tier("hard", seeds("air", 0.5))]
    header, _, easy, hard = front.table(front.tiers(rows, 1000)).splitlines()
    assert header == (
        "| tier | model-free | rigid | cut_paste | Dyna (air) | simulator as model "
        "| best classical tracker |"
    )
    assert easy.split(" | ")[4].startswith("0.750 ± ")
    assert easy.endswith("0.650 ± 0.020 (CSRT) |")
    assert hard == "| hard |  |  |  | 0.500 |  |  |"
