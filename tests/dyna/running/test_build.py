"""From a config to the parts of a run."""

import dataclasses

import hydra
import pytest

from dyna.loop.imagination import Imagination
from dyna.loop.loop import Dyna
from dyna.running.build import build
from world_models.oracle import Oracle


@pytest.mark.parametrize(
    ("overrides", "rounds"),
    [
        (["env.tier=plain"], 1),
        (["env.tier=active"], 2),
        (["env.tier=active", "real_frames=39"], 1),
        (["env.tier=active", "rounds=1"], 1),
        (["env.tier=plain", "rounds=3"], 3),
    ],
)
def test_a_camera_that_actions_move_has_two_rounds(overrides: list[str], rounds: int) -> None:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("train", ["world_model=rigid", *overrides])
    assert build(cfg).schedule.rounds == rounds


def _built(*overrides: str) -> Dyna:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return build(hydra.compose("train", ["world_model=oracle", *overrides]))


def test_a_simulator_that_dreams_has_factors_of_its_own() -> None:
    dyna = _built("env.tier=medium", "env.factors={noise: 0}", "world_model.factors={speed: 1}")
    assert dyna.dream is not None
    assert isinstance(dyna.dream.scene, Imagination)
    model = dyna.dream.scene.model
    assert isinstance(model, Oracle)
    real, dreamed = dyna.env.scene.factors, model._scene.factors
    assert real is not None
    assert dreamed == dataclasses.replace(real, speed=1)
    assert real.noise == 0


def test_a_simulator_that_dreams_has_some_factors_so_many_times() -> None:
    dyna = _built("env.tier=medium", "env.factors={speed: 3}", "world_model.times={speed: 0.5}")
    model = dyna.model
    assert isinstance(model, Oracle)
    assert model._scene.factors is not None
    assert model._scene.factors.speed == 1.5


@pytest.mark.parametrize("times", ["{sped: 2}", "{morph: 0.5}", "{speed: fast}", "{depth: 0}"])
def test_what_cannot_be_multiplied_is_named(times: str) -> None:
    with pytest.raises(ValueError, match=r"world_model.times=.*can multiply; give.*speed"):
        _built("env.tier=medium", f"world_model.times={times}")


def test_factors_of_dreams_must_fit_the_env() -> None:
    with pytest.raises(ValueError, match=r"factors=.*frame_size.*leave frame_size"):
        _built("env.tier=medium", "world_model.factors={frame_size: 32}")
    with pytest.raises(ValueError, match=r"world_model.factors=.*speed.*have none"):
        _built("env=collage", "world_model.factors={speed: 1}")
