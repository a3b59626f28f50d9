"""How wrong a model may be: what faults cost, where they break even, and what is said of it."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from dyna.reporting.accuracy import plot, words
from dyna.reporting.accuracy.curves import crossing, curves
from dyna.reporting.accuracy.places import places
from dyna.scores.arms import arm, faults
from dyna.scores.results import Row
from tests.dyna.rows import seeds

RIGHT, RIVAL = (0.88, 0.86, 0.87), (0.72, 0.70, 0.71)


def _study(**losses: tuple[float, ...]) -> list[Row]:
    """A simulator, a rival, and what faults lose at their levels, the same in every seed."""
    rows = [*seeds("oracle", *RIGHT), *seeds("cut_paste", *RIVAL), *seeds("none", 0.4, 0.4, 0.4)]
    rows += seeds("rigid", 0.6, 0.6, 0.6)
    for name, lost in losses.items():
        for wrong, loss in zip(faults()[name].arms, lost, strict=False):
            rows += seeds(wrong, *(iou - loss for iou in RIGHT))
    return rows


def test_a_fault_breaks_even_with_the_better_rival() -> None:
    [curve] = curves(_study(box_bias=(0.0, 0.0, 0.08, 0.24)))
    assert curve.rival_label == "cut_paste"
    assert curve.level.tolist() == [0, 0.5, 1, 2, 4]
    assert curve.cost.mean(0) == pytest.approx([0, 0, 0, 0.08, 0.24])
    found = curve.break_even()
    assert found is not None
    assert found == pytest.approx((3, 3, 3))  # every seed has the same distance


def test_seeds_that_differ_give_an_interval() -> None:
    rows = _study(box_bias=(0.0, 0.0, 0.08, 0.24))
    rows = [{**r, "iou": 0.80} if r["arm"] == "cut_paste" and r["seed"] == 1 else r for r in rows]
    [curve] = curves(rows)
    found = curve.break_even()
    assert found is not None
    middle, low, high = found
    assert low < middle < high
    assert f"{middle:.3g} [{low:.3g}, {high:.3g}] px, with cut_paste" in words.table(rows)
    two = words.table([row for row in rows if row["seed"] < 2])
    assert " px, with cut_paste" in two
    assert "[" not in two, "two seeds have no interval"


def test_what_never_falls_below_the_rival_breaks_even_nowhere() -> None:
    [curve] = curves(_study(blur=(0.0, 0.01, 0.02, 0.03)))
    assert curve.break_even() == (math.inf, math.inf, math.inf)
    assert "> 4 px, with cut_paste" in words.table(_study(blur=(0.0, 0.01, 0.02, 0.03)))


def test_a_right_simulator_that_is_no_better_breaks_even_at_once() -> None:
    assert crossing(np.array([0.0, 1.0]), np.array([0.5, 0.4]), 0.6) == 0


def test_only_seeds_that_all_have_count() -> None:
    rows = [r for r in _study(blur=(0.1,)) if not (r["arm"] == "cut_paste" and r["seed"] == 2)]
    [curve] = curves(rows)
    assert curve.iou.shape == (2, 2)
    assert curves([r for r in rows if r["arm"] != "oracle"]) == []


def test_faults_are_ranked_and_jitter_is_told_from_bias() -> None:
    rows = _study(
        box_jitter=(0.0, 0.0, 0.02, 0.05), box_bias=(0.0, 0.0, 0.05, 0.2, 0.4), blur=(0.1,)
    )
    said = words.sentences(rows)
    assert said[0] == (
        "On plain, by what they cost at their worst: boxes are off to one side (8 px: -0.400), "
        "frames are blurred (0.5 px: -0.100) and boxes tremble (8 px: -0.050)."
    )
    assert "-0.020 and -0.200 at 4 px" in said[1]
    first = words.table(rows).splitlines()[2]
    assert first.startswith("| boxes are off to one side | 0.5 px: -0.000 ± 0.000 | 1 px: -0.000")


def test_the_figure_has_a_panel_for_each_fault() -> None:
    drawn = plot.panels(_study(box_jitter=(0.1, 0.2), blur=(0.1,)))
    assert drawn is not None
    for text in ("boxes tremble", "frames are blurred", "cut_paste", "model-free"):
        assert f">{text}<" in drawn
    assert ">boxes stay behind<" not in drawn
    assert plot.panels(_study()) is None


def _dreaming(figure: str, **dreamed: float) -> list[Row]:
    """A study of slowness in which dreams of each arm have a figure; real scenes have 2."""
    rows = _study(slowness=(0.0, 0.02, 0.06, 0.2)) + seeds("air", 0.84, 0.86, 0.85)
    levels = faults()["slowness"].arms
    known = {"oracle": 2.0, **dict(zip(levels, (1.5, 1.0, 0.5, 0.0), strict=True)), **dreamed}
    key = f"beside/{figure}"
    return [
        {**r, f"{key}/dreamed": known[r["arm"]], f"{key}/real": 2.0} if r["arm"] in known else r
        for r in rows
    ]


def test_a_model_is_placed_where_a_fault_shows_as_much() -> None:
    found = places(_dreaming("truth/speed", air=1.25, cut_paste=2.4, rigid=-1.0))
    by_arm = {one.line.arm: one for one in found}
    assert set(by_arm) == {"air", "cut_paste", "rigid"}
    air, fast, beyond = by_arm["air"], by_arm["cut_paste"], by_arm["rigid"]
    assert (air.level, air.position, air.cost) == pytest.approx((37.5, 1.5, 0.01))
    assert not air.beyond
    assert air.below == pytest.approx(0.02)
    assert (fast.level, fast.cost, fast.other_way) == (0, 0, True)
    assert (beyond.level, beyond.beyond) == (100, True)


def test_a_model_is_compared_with_the_real_scenes_that_it_is_of() -> None:
    """Those that dream of the target alone are put beside the target alone."""
    rows = _dreaming("truth/speed", air=4.0, rigid=2.0)
    key = "beside/truth/speed/real"
    rows = [{**r, key: 5.0} if r["arm"] == "air" else r for r in rows]
    by_arm = {one.line.arm: one.level for one in places(rows)}
    assert by_arm == pytest.approx({"air": 50, "rigid": 0})


def test_models_are_placed_in_words() -> None:
    rows = _dreaming("truth/speed", air=1.25, rigid=2.3)
    table = words.models(rows).splitlines()
    assert table[0] == "| fault | rigid | Dyna (air) |"
    assert table[2] == "| objects are too slow | the other way | 38%: -0.010 |"
    assert table[3] == "| all that is wrong with it | -0.270 | -0.020 |"
    assert words.sentences(rows)[-1] == (
        "Dyna (air) is -0.020 from the simulator on plain. As much as its dreams show of each "
        "fault, with what that costs alone: objects are too slow (38%: -0.010)."
    )


def test_models_are_marked_in_the_panel_of_the_fault() -> None:
    rows = _dreaming("truth/speed", air=1.25)
    [curve], axes = curves(rows), Figure().subplots()
    plot._panel(axes, curve, [], places(rows))
    [mark] = [line for line in axes.get_lines() if line.get_color() == arm("air").colour]
    assert mark.get_xdata() == pytest.approx([1.5])
    assert mark.get_ydata() == pytest.approx([0.85])


def test_nothing_is_placed_where_dreams_have_no_figures() -> None:
    assert places(_study(slowness=(0.1,))) == []
    assert words.models(_study(slowness=(0.1,))) == ""
