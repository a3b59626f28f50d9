"""From a config to the parts of a run."""

import hydra
import pytest

from dyna.running.build import build


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
