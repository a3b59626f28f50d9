"""Arms and trackers: one home for names, kinds and looks."""

from dyna.scores.arms import arm, arms, tracker


def test_every_arm_can_be_told_from_every_other():
    declared = arms()
    assert [one.name for one in declared if one.is_rival] == ["none", "rigid", "cut_paste"]
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
