"""Performance profiles: over several tiers, of arms that ran on all of them."""

from dyna.reporting import profiles
from dyna.scores.results import Row
from tests.dyna.rows import seeds


def _on(tier: str, rows: list[Row]) -> list[Row]:
    return [{**row, "tier": tier} for row in rows]


def test_arms_that_ran_on_every_tier_have_a_line() -> None:
    rows = _on("easy", [*seeds("none", 0.4, 0.5), *seeds("air", 0.8, 0.9), *seeds("rigid", 0.6)])
    rows += _on("hard", [*seeds("none", 0.3, 0.4), *seeds("air", 0.7, 0.8)])
    drawn = profiles.profile(rows)
    assert drawn is not None
    assert "model-free" in drawn
    assert "Dyna (air)" in drawn
    assert ">rigid" not in drawn, "it was not run on hard"
    assert profiles.profile(rows[:5]) is None, "one tier"
    assert profiles.profile([r for r in rows if r["arm"] != "air"]) is None, "one arm"
