import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
import stable_baselines3.common.env_checker
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from envs import drawing
from envs.gymnasium import registration
from envs.simulator.tiers import TIERS
from tests.conftest import ROOT

ID = registration.TRACK_DIGITS


def make(**arguments: object) -> gymnasium.Env:
    return gymnasium.make(ID, **arguments)


def make_vec(num_envs: int, **arguments: object) -> gymnasium.vector.VectorEnv:
    return gymnasium.make_vec(
        ID, num_envs=num_envs, vectorization_mode="vector_entry_point", **arguments
    )


@pytest.mark.parametrize("tier", [tier for tier in TIERS if TIERS[tier].min_objects > 0])
def test_gymnasium_and_stable_baselines_accept_it(tier: str) -> None:
    env = make(tier=tier, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
        stable_baselines3.common.env_checker.check_env(env.unwrapped)
    obs, _ = env.reset(seed=1)
    assert obs in env.observation_space


def test_shapes_have_an_id_of_their_own() -> None:
    env = gymnasium.make(registration.TRACK_SHAPES, render_mode="rgb_array")
    check_env(env.unwrapped)
    assert env.observation_space["frame"].shape == (64, 64, 3)
    many = gymnasium.make_vec(
        registration.TRACK_SHAPES,
        num_envs=3,
        vectorization_mode="vector_entry_point",
        split="test",
    )
    assert many.reset(seed=0)[0]["frame"].shape == (3, 64, 64, 3)


def test_the_id_alone_is_enough_where_nothing_was_imported() -> None:
    code = "import gymnasium; print(gymnasium.make('envs:dyna/TrackDigits-v0').spec.id)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == [ID]


def test_registering_twice_changes_nothing() -> None:
    before = gymnasium.registry[ID]
    registration.register()
    assert gymnasium.registry[ID] is before


def test_a_seed_repeats_and_no_seed_goes_on() -> None:
    env = make(tier="easy")
    first, info = env.reset(seed=3)
    fresh, _ = env.reset()
    again, _ = env.reset(seed=3)
    assert np.array_equal(first["frame"], again["frame"])
    assert not np.array_equal(first["frame"], fresh["frame"])
    assert np.allclose(first["box"], info["target_box"])
    huge = [env.reset(seed=2**70 + 1)[0]["frame"] for _ in range(2)]
    assert np.array_equal(*huge)
    unseeded = [make(tier="easy").reset()[0]["frame"] for _ in range(2)]
    assert not np.array_equal(*unseeded)


def test_an_episode_is_truncated_and_tells_the_truth_aside() -> None:
    env = make(tier="medium", split="test", horizon=4)
    obs, info = env.reset(seed=0)
    assert set(obs) == {"frame", "box"}
    assert info["boxes"].shape == (3, 4)
    assert info["ids"].shape == info["visible"].shape == (3,)
    for last in (False, False, False, True):
        obs, reward, terminated, truncated, info = env.step(np.zeros(4, np.float32))
        assert obs in env.observation_space
        assert isinstance(reward, float)
        assert not terminated
        assert truncated == last
    with pytest.raises(RuntimeError, match="the episode is over"):
        env.step(np.zeros(4, np.float32))


def test_pictures_show_both_boxes() -> None:
    env = make(tier="plain", render_mode="rgb_array")
    env.reset(seed=0)
    env.step(np.array([1, 1, 0, 0], np.float32))
    picture = env.render()
    assert picture.shape == (288, 288, 3)
    for colour in (drawing.TARGET, drawing.AGENT):
        assert (picture == colour).all(-1).sum() > 50


def test_a_vector_of_episodes_starts_anew_in_the_step_after_the_end() -> None:
    envs = make_vec(3, tier="hard", horizon=2)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    obs, info = envs.reset(seed=0)
    assert obs in envs.observation_space
    still = np.zeros((3, 4), np.float32)
    assert not envs.step(still)[3].any()
    assert envs.step(still)[3].all()
    obs, reward, terminated, truncated, info = envs.step(np.ones((3, 4), np.float32))
    assert (reward == 0).all()
    assert not (terminated | truncated).any()
    assert np.allclose(obs["box"], info["target_box"].clip(0, 1))
    assert info["_target_box"].all()
    reward = envs.step(still)[1]
    assert (reward > 0.99).all()


def test_vectors_of_one_seed_repeat() -> None:
    a, b = make_vec(2), make_vec(2)
    first, again = a.reset(seed=1)[0], b.reset(seed=1)[0]
    assert np.array_equal(first["frame"], again["frame"])
    assert not np.array_equal(first["frame"][0], first["frame"][1])


@pytest.mark.parametrize("action", [np.zeros(3), np.full(4, np.nan)])
def test_wrong_actions_are_refused(action: np.ndarray) -> None:
    env = make().unwrapped
    env.reset(seed=0)
    with pytest.raises(ValueError, match="finite numbers"):
        env.step(action)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown tier"):
        make(tier="none")
    with pytest.raises(ValueError, match="render_mode must be None or 'rgb_array'"):
        make().unwrapped.__class__(render_mode="human")
