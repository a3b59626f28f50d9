"""NanoTrack: follows with its weights at hand, and says what is missing without them."""

from pathlib import Path

import pytest

from agents.nano import WEIGHTS, Nano
from dyna.loop.rollout import rollout
from envs.tracking import Tracking
from tests.conftest import ROOT
from tests.scenes import MovingPatch

FOLDER = ROOT.parent / "shared" / "data" / "nanotrack"


@pytest.mark.skipif(not FOLDER.exists(), reason="the weights are not ours to ship")
def test_a_textured_patch_is_followed() -> None:
    tracked = rollout(Tracking(MovingPatch(), 4, 8, seed=3), Nano(weights=str(FOLDER)))
    assert tracked.reward.mean() > 0.7


@pytest.mark.parametrize("held", [(), WEIGHTS[:1]])
def test_missing_weights_are_named(held: tuple[str, ...], tmp_path: Path) -> None:
    for name in held:
        (tmp_path / name).touch()
    absent = " and no ".join(name for name in WEIGHTS if name not in held)
    with pytest.raises(ValueError, match=f"holds no {absent}: give agent.weights=FOLDER"):
        Nano(weights=str(tmp_path))


def test_without_a_folder_both_are_named() -> None:
    with pytest.raises(ValueError, match=r"weights=None holds no .*backbone.* and no .*head"):
        Nano()
