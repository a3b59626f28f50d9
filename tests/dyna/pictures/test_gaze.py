"""What an agent attends to: drawn where it is, and only where it means something."""

import hydra
import numpy as np
import pytest
import torch

from agents.base import Agent
from dyna.evaluation import attention
from dyna.pictures import gaze, render
from dyna.running.build import make
from envs.trajectory import Observation

SHAPE = (1, 20, 20)


def agent(name: str, *overrides: str) -> Agent:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("train", [f"agent={name}", *overrides])
    return make(cfg.agent, frame_shape=SHAPE, seed=0, device="cpu")


@pytest.mark.parametrize(
    ("name", "taught"),
    [("hart", False), ("hart_supervised", True), ("hart_supervised_appearance", False)],
)
def test_a_location_map_is_shown_where_a_loss_teaches_it(name: str, taught: bool) -> None:
    one = agent(name)
    obs = Observation(torch.zeros(2, *SHAPE, dtype=torch.uint8), torch.full((2, 4), 0.5))
    seen = attention.inspect(one, obs, one.initial(obs))
    assert seen is not None
    assert (seen.location is not None) == taught
    picture = np.zeros((100, 100, 3), dtype=np.uint8)
    assert gaze.beside(picture, seen).shape == (100, 100 + 2 * gaze.GAP + 38, 3)


def test_agents_that_attend_to_nothing_show_nothing() -> None:
    one = agent("last_box")
    obs = Observation(torch.zeros(1, *SHAPE, dtype=torch.uint8), torch.full((1, 4), 0.5))
    assert attention.inspect(one, obs, one.initial(obs)) is None


def test_the_map_is_bright_where_the_target_is_taken_to_be() -> None:
    location = torch.zeros(2, 2)
    location[0, 1] = 1.0  # above, to the right
    picture = gaze.panel(torch.zeros(1, 4, 4), location, 108)
    assert picture.shape == (108, 50, 3)
    below = picture[58:]
    assert below[:25, 25:].min() > 150
    assert below[25:].max() < 10
    assert below[:, :25].max() < 10
    bare = gaze.panel(torch.zeros(1, 4, 4), None, 108)
    assert (bare[58:] == render.MARGIN).all()
