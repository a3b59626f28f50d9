"""Trackers that a run is judged by."""

from dyna.evaluation import references
from envs.digits import make


def test_references_meet_the_held_out_episodes_of_the_run() -> None:
    held_out = make(tier="plain", split="test", batch_size=2, horizon=6)
    found = references.score(held_out, 4)
    assert list(found) == ["last_box", "ncc"]
    assert found["ncc"]["iou"] > found["last_box"]["iou"] > 0
    assert {one["episodes"] for one in found.values()} == {4}
    assert references.score(held_out, 10**9)["ncc"]["episodes"] == references.EPISODES
