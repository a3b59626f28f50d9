"""The dreams of a run are put beside its held-out episodes, whatever comes of it."""

from pathlib import Path

import pytest

from agents.last_box import LastBox
from dyna.running.build import imagined
from dyna.running.dreams import put_beside
from envs import video
from envs.digits import make
from envs.tracking import Tracking
from tests.footage import write_folder
from tests.scenes import MovingPatch
from world_models.cut_paste import CutPaste
from world_models.oracle import Oracle


def task(tier: str = "easy") -> Tracking:
    return make(tier=tier, split="test", batch_size=3, horizon=8)


def test_the_simulator_dreams_of_the_same_world() -> None:
    env = task()
    dream = imagined(Oracle(env.scene.frame_shape, task().scene), env, batch_size=5, seed=1)
    found = put_beside(LastBox(), env, dream, episodes=12)
    assert (env.batch_size, dream.batch_size, dream.horizon) == (12, 12, 8)
    assert {name.split("/")[1] for name in found} == {"truth"}  # it cannot look at frames
    assert found["beside/truth/speed/ratio"] == pytest.approx(1, abs=0.3)
    assert found == put_beside(LastBox(), env, dream, episodes=12)


def test_truth_that_may_lack_objects_is_left_aside(tmp_path: Path) -> None:
    settings = {"path": str(write_folder(tmp_path / "clip", 60)), "horizon": 10}
    env = video.make(split="test", **settings)
    scene = video.make(split="train", **settings).scene
    dream = imagined(Oracle(env.scene.frame_shape, scene), env, batch_size=4, seed=1)
    assert put_beside(LastBox(), env, dream) == {}
    other = Tracking(MovingPatch(channels=3), batch_size=4, horizon=6)
    assert "beside/truth/objects/ratio" in put_beside(LastBox(), other, dream)


def test_a_failure_is_only_a_warning() -> None:
    env = task()
    dream = imagined(CutPaste(env.scene.frame_shape), env, batch_size=3, seed=0)
    with pytest.warns(UserWarning, match="not put beside reality"):
        assert put_beside(LastBox(), env, dream, episodes=3) == {}  # it was never fitted
    assert put_beside(LastBox(), env, None) == {}
