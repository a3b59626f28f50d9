"""AIR chooses for itself what nobody set, keeps it, and says it."""

import copy

import pytest
import torch

from envs.digits import Digits
from envs.simulator.tiers import named
from envs.trajectory import Trajectory
from envs.watching import watch
from world_models.air.choices.choose import choose
from world_models.air.model import AIR, STAGES
from world_models.air.settings import AIRSettings

TINY = {f"{stage}_steps": 2 for stage in STAGES}


def _real(tier: str, number: int = 12, frames: int = 20) -> Trajectory:
    scene = Digits(named(tier))
    return watch(scene, number, frames, torch.Generator().manual_seed(1)).without_truth()


def test_a_moving_view_changes_all_that_hangs_on_it() -> None:
    chosen = choose(AIRSettings(), _real("pan"))
    assert (chosen.camera, chosen.canvas, chosen.keep_background) == ("inferred", True, False)
    assert chosen.margin > 0
    assert chosen.open == []
    still = choose(AIRSettings(), _real("plain"))
    assert (still.camera, still.canvas, still.keep_background) == ("given", False, True)
    assert still.margin == 0
    assert still.typical_side > chosen.typical_side


def test_bars_are_remembered_on_a_canvas() -> None:
    chosen = choose(AIRSettings(), _real("occlusion"))
    assert chosen.occluders
    assert chosen.canvas


def test_what_is_set_is_not_chosen() -> None:
    settings = AIRSettings(typical_side=30.0, camera="given", margin=1)
    chosen = choose(settings, _real("pan"))
    assert (chosen.typical_side, chosen.camera, chosen.margin) == (30.0, "given", 1)
    assert not chosen.canvas


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few steps find nothing to dream of, which does not matter here."""
    monkeypatch.setattr("world_models.air.fitting.check_found", lambda *_: None)


@pytest.mark.usefixtures("fits")
def test_choices_are_said_and_saved() -> None:
    real, model = _real("pan", 3, 8), AIR((3, 48, 48), **TINY)
    model.fit(real, torch.Generator().manual_seed(3))
    assert set(model.choices) == set(AIRSettings().open)
    assert model.choices["canvas"] is True
    revived = AIR((3, 48, 48), **TINY)
    assert revived.choices != model.choices
    revived.load_state_dict(copy.deepcopy(model.state_dict()))
    assert revived.choices == model.choices
    assert torch.equal(revived.posterior(real).box, model.posterior(real).box)


@pytest.mark.usefixtures("fits")
def test_choices_are_made_once() -> None:
    model = AIR((1, 48, 48), **TINY)
    model.fit(_real("plain", 2, 8), torch.Generator().manual_seed(3))
    before, scene = model.choices, model.scene
    model.fit(_real("easy", 2, 8), torch.Generator().manual_seed(3))
    assert model.choices == before
    assert model.scene is scene


@pytest.mark.parametrize("name", ["more_objects", "most_objects"])
def test_the_number_of_objects_is_that_of_recombined_scenes(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=2, but scenes are replayed.*recombine=true"):
        AIRSettings(recombine=False, **{name: 2})
