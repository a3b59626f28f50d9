"""The tracking task as Gymnasium environments, one episode or many at a time.

Observation: ``Dict(frame=Box(uint8, H W C), box=Box(4))``, the frame and the agent's own box (at
reset the target's true box). Action: ``Box(-1, 1, (4,))``, see ``envs.action_scale``. Reward: IoU
of the moved box with the target in the frame that was seen. Episodes are truncated at the horizon.
``info`` carries the truth (``target_box boxes ids visible``) for metrics and pictures only.
"""

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs import digits, drawing, shapes
from envs.tracking import Tracking
from envs.trajectory import Observation

SIDE = 288
"""Pixels of the shorter side of pictures, at least."""
METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}


def observation_space(env: Tracking) -> spaces.Dict:
    """The space of one episode's observations."""
    channels, height, width = env.scene.frame_shape
    return spaces.Dict(
        frame=spaces.Box(0, 255, (height, width, channels), np.uint8),
        box=spaces.Box(0.0, 1.0, (4,), np.float32),
    )


def observation(obs: Observation) -> dict[str, np.ndarray]:
    """Observations as numpy arrays ``B H W C`` and ``B 4``, inside their space."""
    return {
        "frame": obs.frame.permute(0, 2, 3, 1).contiguous().cpu().numpy(),
        "box": obs.box.clamp(0.0, 1.0).cpu().numpy(),
    }


def truth(env: Tracking) -> dict[str, np.ndarray]:
    """What the scene knows, as numpy arrays of B rows; boxes of empty slots are 0."""
    view = env.view
    there = (view.id >= 0)[..., None]
    named = {
        "target_box": env.target_box,
        "boxes": view.box.where(there, 0.0),
        "ids": view.id,
        "visible": view.visible,
    }
    return {name: value.cpu().numpy().copy() for name, value in named.items()}


def picture(env: Tracking, obs: Observation, episode: int) -> np.ndarray:
    """What a human should see of one episode: ``H' W' 3``, uint8."""
    view, target = env.view, int(env.target[episode])
    seen = (view.visible[episode] > 0) & (view.id[episode] >= 0)
    seen[target] = False
    frame = obs.frame[episode, None].cpu().numpy()
    (drawn,) = drawing.annotate(
        frame,
        target=env.target_box[episode, None].cpu().numpy(),
        agent=obs.box[episode, None].cpu().numpy(),
        others=view.box[episode][seen][None].cpu().numpy(),
        factor=max(1, -(-SIDE // min(frame.shape[-2:]))),
    )
    return drawn


def _actions(action: np.ndarray, shape: tuple[int, int], device: torch.device) -> torch.Tensor:
    values = np.asarray(action, np.float32)
    if values.size != shape[0] * shape[1] or not np.isfinite(values).all():
        raise ValueError(f"actions must be {shape} finite numbers in [-1, 1], got {action}")
    return torch.from_numpy(values.reshape(shape).copy()).to(device)


def _check_render_mode(render_mode: str | None) -> None:
    if render_mode not in (None, *METADATA["render_modes"]):
        raise ValueError(f"render_mode must be None or 'rgb_array', got {render_mode!r}")


class TrackDigits(gymnasium.Env[dict[str, Any], np.ndarray]):
    """One episode of tracking a digit, or a shape, at a time.

    Args:
        split: ``train`` or ``test`` digits.
        device: Where the scenes live.
        render_mode: None or ``rgb_array``.
        **settings: Keys of ``envs.digits.DigitsSettings``, or with a ``tier`` of shapes those of
            ``envs.shapes.ShapesSettings``.
    """

    metadata = METADATA

    def __init__(
        self,
        split: str = "train",
        device: str = "cpu",
        render_mode: str | None = None,
        **settings: Any,
    ) -> None:
        _check_render_mode(render_mode)
        self._env = _make(split, 1, device, settings)
        self.render_mode = render_mode
        self.observation_space = observation_space(self._env)
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)
        self._obs: Observation | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """A new episode; without a seed the old randomness goes on."""
        super().reset(seed=seed, options=options)
        _seed(self._env, self.np_random, seed, first=self._obs is None)
        self._obs = self._env.reset()
        return self._observed(), self._info()

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Moves the box, scores it, and moves the scene on."""
        step = self._env.step(_actions(action, (1, 4), self._env.rng.device))
        self._obs = step.obs
        return self._observed(), float(step.reward[0]), False, step.truncated, self._info()

    def render(self) -> np.ndarray | None:
        """The frame with the target (green), the own box (orange) and the others."""
        if self.render_mode is None or self._obs is None:
            return None
        return picture(self._env, self._obs, 0)

    def _observed(self) -> dict[str, np.ndarray]:
        assert self._obs is not None
        return {name: value[0] for name, value in observation(self._obs).items()}

    def _info(self) -> dict[str, Any]:
        return {name: value[0] for name, value in truth(self._env).items()}


class VectorTrackDigits(VectorEnv):
    """Many episodes of tracking digits or shapes, computed as one batch.

    All episodes end together; the step after the end resets them all and ignores its actions
    (``AutoresetMode.NEXT_STEP``).

    Args:
        num_envs: Episodes side by side.
        split: ``train`` or ``test`` digits.
        device: Where the scenes live.
        render_mode: None or ``rgb_array`` (a tuple of pictures, one per episode).
        **settings: As of `TrackDigits`.
    """

    metadata = {**METADATA, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        split: str = "train",
        device: str = "cpu",
        render_mode: str | None = None,
        **settings: Any,
    ) -> None:
        _check_render_mode(render_mode)
        self._env = _make(split, num_envs, device, settings)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.single_observation_space = observation_space(self._env)
        self.single_action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._obs: Observation | None = None
        self._over = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """New episodes; without a seed the old randomness goes on."""
        super().reset(seed=seed, options=options)
        _seed(self._env, self.np_random, seed, first=self._obs is None)
        self._obs = self._env.reset()
        self._over = False
        return observation(self._obs), self._info()

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Moves all boxes, or starts anew after an end."""
        never = np.zeros(self.num_envs, bool)
        if self._over:
            obs, info = self.reset()
            return obs, np.zeros(self.num_envs, np.float32), never, never.copy(), info
        shape = (self.num_envs, 4)
        step = self._env.step(_actions(actions, shape, self._env.rng.device))
        self._obs, self._over = step.obs, step.truncated
        truncated = np.full(self.num_envs, step.truncated)
        reward = step.reward.cpu().numpy()
        return observation(step.obs), reward, never, truncated, self._info()

    def render(self) -> tuple[np.ndarray, ...] | None:
        """One picture per episode, as ``TrackDigits.render``."""
        if self.render_mode is None or self._obs is None:
            return None
        return tuple(picture(self._env, self._obs, i) for i in range(self.num_envs))

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = truth(self._env)
        # Gymnasium's convention: "_name" tells which episodes have the entry.
        return info | {f"_{name}": np.ones(self.num_envs, bool) for name in info}


def _make(split: str, number: int, device: str, settings: dict[str, Any]) -> Tracking:
    make = shapes.make if settings.get("tier") in shapes.TIERS else digits.make
    return make(split, number, device=device, **settings)


def _seed(env: Tracking, source: np.random.Generator, seed: int | None, first: bool) -> None:
    """Seeds the task when asked, or once from the system's entropy if nobody ever asked."""
    if seed is not None:
        env.rng.manual_seed(seed % 2**63)
    elif first:
        env.rng.manual_seed(int(source.integers(2**62)))
