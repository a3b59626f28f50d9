"""The table of dreams beside reality: on pages, in print, in one sentence."""

import re

import numpy as np
import pytest

from dyna.diagnosis.beside import Pair
from dyna.pictures.beside import MOMENTS, strip
from dyna.reporting import beside
from dyna.scores.results import Row
from tests.dyna.diagnosis.test_measure import episodes

PAIRS = {
    "model/objects": Pair(2.0, 2.1, 0.05),
    "model/speed": Pair(2.5, 1.25, 0.05),
    "model/overlaps": Pair(0.1, 0.12, 0.3),
    "truth/speed": Pair(2.5, 2.5, 0.05),
    "truth/speed_5": Pair(2.5, 5.0, 0.05),
    "boxes/width_1": Pair(8.0, 10.0),
    "boxes/height_1": Pair(8.0, 8.0),
}


def row(**pairs: Pair) -> Row:
    """A row of `PAIRS`, some of them changed."""
    found: Row = {"seed": 0}
    for name, pair in {**PAIRS, **pairs}.items():
        parts = {"real": pair.real, "dreamed": pair.dreamed, "ratio": pair.ratio}
        found |= {f"beside/{name}/{part}": value for part, value in parts.items()}
        found[f"beside/{name}/error"] = pair.error
    return found


def test_bad_ratios_are_marked_and_say_so_without_colour() -> None:
    boxes, dreams = beside.tables([row()])
    assert dreams["header"][1:4] == ["model: real", "model: dreamed", "model: ratio"]
    assert dreams["header"][-1] == "truth: ratio"
    shown = {line["cells"][0]: (line["cells"][1:], line["wrong"]) for line in dreams["body"]}
    assert list(shown) == [
        "objects in a frame", "speed, px per frame", "overlaps per object", "speed into frame 5",
    ]  # fmt: skip
    assert shown["objects in a frame"] == (["2.00", "2.10", "1.05", "", "", ""], [])
    speed = ["2.50", "1.25", "0.50 low", "2.50", "2.50", "1.00"]
    assert shown["speed, px per frame"] == (speed, [3])
    assert shown["overlaps per object"] == (["0.100", "0.120", "1.20 high?", "", "", ""], [])
    assert shown["speed into frame 5"] == (["", "", "", "2.50", "5.00", "2.00 high"], [6])
    assert boxes["body"][0]["cells"] == [
        "narrowest",
        "8.00",
        "10.0",
        "1.25 high",
        "8.00",
        "8.00",
        "1.00",
    ]
    assert boxes["body"][0]["wrong"] == [3]


def test_what_rows_lack_has_no_table() -> None:
    assert beside.tables([{"seed": 0}]) == []
    assert beside.text({"seed": 0}) == ""
    assert beside.sentence([{"seed": 0}]) is None
    truth = {k: v for k, v in row().items() if "/model/" not in k and "/boxes/" not in k}
    (only,) = beside.tables([truth])
    assert only["header"] == ["figure", "truth: real", "truth: dreamed", "truth: ratio"]


def test_seeds_are_averaged_and_chance_shrinks() -> None:
    two = [row(**{"model/overlaps": Pair(0.1, 0.1 * ratio, 0.25)}) for ratio in (1.1, 1.3)]
    line = beside.lines(two, "model")["overlaps"]
    assert (line.ratio, line.verdict, line.wrong) == (pytest.approx(1.2), "high", True)
    assert beside.lines(two[1:], "model")["overlaps"].wrong
    del two[0]["beside/model/overlaps/error"]  # nobody knows it
    assert beside.lines(two, "model")["overlaps"].verdict == "high?"
    assert "Means over 2 seeds" in beside.tables(two)[1]["note"]


def test_it_is_printed_and_said() -> None:
    printed = beside.text(row())
    assert re.search(r"speed, px per frame +2.50 +1.25 +0.50 low +2.50 +2.50 +1.00", printed)
    assert printed.startswith("  How large the model sees objects")
    assert beside.sentence([row()]) == (
        "Dreams are like the world in 2 of 3 figures, as the model sees both. Not in: speed, px "
        "per frame (low, 0.50)."
    )
    good = row(**{"model/speed": Pair(1.0, 1.0)})
    assert beside.sentence([good]) == (
        "Dreams are like the world in 3 of 3 figures, as the model sees both."
    )


def test_the_strip_has_a_real_line_above_each_dreamed_one() -> None:
    real, dreamed = episodes("medium", horizon=9, number=4), episodes("easy", horizon=6, number=4)
    picture = strip(real, dreamed)
    side = 3 * real.frame.shape[-1]
    assert picture.shape[1] == MOMENTS * side + (MOMENTS - 1) * 8
    above, below = picture[: len(picture) // 6], picture[len(picture) // 6 : len(picture) // 3]
    assert not np.array_equal(above, below)
    coloured = (above.max(-1).astype(int) - above.min(-1)) > 100
    assert coloured[:, :side].any()
    assert coloured[:, -side:].any()
    still = strip(episodes(horizon=1, number=7), episodes(horizon=1, number=7))
    assert still.shape[1] == 6 * side + 5 * 14
