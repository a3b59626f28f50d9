"""Arms and trackers: one home for names, kinds and looks."""

import dataclasses

import hydra
import pytest

from dyna.running.build import dreamed
from dyna.scores.arms import arm, arms, expanded, fault, faults, tracker
from envs.simulator.tiers import named
from world_models.oracle import OracleSettings

SETTINGS = [field.name for field in dataclasses.fields(OracleSettings)]


def test_every_arm_can_be_told_from_every_other():
    declared = arms()
    rivals = [one.name for one in declared if one.is_rival and not one.of]
    assert rivals == ["none", "rigid", "cut_paste"]
    for look in ("label", "colour", "marker"):
        assert len({getattr(one, look) for one in declared}) == len(declared)
    assert {one.of for one in declared} <= {one.name for one in declared} | {""}


def test_an_undeclared_world_model_is_a_learned_arm_of_its_own_name():
    found = arm("my_model")
    assert (found.label, found.kind) == ("my_model", "learned")
    assert found.overrides == ("world_model=my_model",)


def test_trackers_have_names_for_people():
    assert tracker("ncc_updated").label == "NCC updated"
    assert tracker("ncc_updated").classical
    assert not tracker("last_box").classical
    assert tracker("my_tracker").label == "my tracker"


def test_a_fault_of_the_simulator_is_an_arm_for_each_level():
    assert expanded("oracle:blur") == [f"oracle:blur={level}" for level in ("0.5", "1", "2", "4")]
    assert expanded("air") == ["air"]
    found = arm("oracle:size_bias=25")
    assert (found.kind, found.of, found.is_rival) == ("wrong", "oracle", False)
    assert found.label == "simulator, boxes are too large (25%)"
    assert found.overrides == ("world_model=oracle", "world_model.size_bias=1.25")
    assert fault("oracle:blur=0.5") == (faults()["blur"], 0.5)
    assert fault("oracle") is None


@pytest.mark.parametrize("name", [name for one in faults().values() for name in one.arms])
def test_every_fault_makes_a_simulator_wrong_that_can_be_made(name):
    overrides = ["env.tier=medium", *arm(name).overrides]
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("train", overrides)
    given = {key: value for key, value in cfg.world_model.items() if key in SETTINGS}
    scenes = named("medium", dreamed(cfg, named("medium")).factors)
    assert OracleSettings(**given) != OracleSettings()
    assert (scenes != named("medium")) == bool(given["factors"] or given["times"])
