"""What frames tell of the view: whether it moves, and whether bars stand in it."""

import pytest
import torch

from agents.random_actions import RandomActions
from dyna.loop.rollout import rollout
from envs.digits import Digits, make
from envs.simulator.tiers import named
from envs.watching import watch
from world_models.air.choices.scenery import bars_hide, view_moves

SEED = 3


def _frames(tier: str, **changes: object) -> torch.Tensor:
    scene = Digits(named(tier, changes))
    return watch(scene, 12, 20, torch.Generator().manual_seed(SEED)).frame


@pytest.mark.parametrize("tier", ["pan", "stress"])
def test_a_view_that_wanders_moves(tier: str) -> None:
    assert view_moves(_frames(tier))


def test_a_view_that_actions_move_moves() -> None:
    env = make(tier="active", batch_size=16, seed=SEED)
    agent = RandomActions(frame_shape=env.scene.frame_shape)
    assert view_moves(rollout(env, agent).frame)


@pytest.mark.parametrize("tier", ["plain", "easy", "medium", "hard", "interaction", "passing"])
def test_moving_objects_do_not_make_a_moving_view(tier: str) -> None:
    assert not view_moves(_frames(tier))


@pytest.mark.parametrize("tier", ["plain", "passing"])
def test_one_object_alone_does_not_move_the_view(tier: str) -> None:
    assert not view_moves(_frames(tier, min_objects=1, max_objects=1))


@pytest.mark.parametrize("tier", ["hard", "occlusion"])
def test_flat_bars_are_seen(tier: str) -> None:
    assert bars_hide(_frames(tier))


@pytest.mark.parametrize("tier", ["plain", "medium", "interaction", "passing"])
def test_a_background_is_no_bar_even_if_it_is_flat(tier: str) -> None:
    assert not bars_hide(_frames(tier))
    assert not bars_hide(_frames(tier, background=0.0))


def test_single_images_tell_nothing() -> None:
    frames = _frames("hard")[:, :1]
    assert not view_moves(frames)
    assert not bars_hide(frames)
