"""The tracking task over any scene: follow the target with a box, be rewarded with IoU.

At reset the agent is given the true box of the target; later it sees frames and its own box only.
Each action moves the box; the reward is the IoU with the target's box in the frame that the agent
saw, as in every tracking benchmark (a tracker answers for the frame in front of it).
"""

import dataclasses
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from envs import boxes
from envs.action_scale import ActionScale
from envs.scene import WELL_VISIBLE, Scene, View, restore
from envs.trajectory import Observation

DEFAULT_SCALE = ActionScale()


@dataclasses.dataclass(frozen=True)
class Step:
    """What one step of the task gives back.

    Attributes:
        obs: What the agent sees next. After the last step of an episode the scene stands still:
            the last frame again, with the moved box.
        reward: IoU of the moved box with the target in the frame that the agent saw.
        truncated: Whether the horizon is reached (for all episodes at once).
        camera: How far the view moved (fractions of the frame).
    """

    obs: Observation
    reward: Float[Tensor, " B"]
    truncated: bool
    camera: Float[Tensor, "B 2"]


class Tracking:
    """B episodes of the tracking task, side by side, on one device.

    Args:
        scene: Where the objects are.
        batch_size: B.
        horizon: Frames per episode, the first included.
        action_scale: What actions do to the agent's box.
        camera_speed: Largest move of the view per step (fractions of the frame). The view follows
            the agent's box; 0 leaves the camera alone.
        seed: Seed of all episodes to come.
        device: Where the scenes live.

    Raises:
        ValueError: A number is out of range, or no object of a scene can be a target.
    """

    def __init__(
        self,
        scene: Scene,
        batch_size: int,
        horizon: int = 20,
        action_scale: ActionScale = DEFAULT_SCALE,
        camera_speed: float = 0.0,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if horizon < 1:
            raise ValueError(f"horizon must be at least 1 frame, got {horizon}")
        if camera_speed < 0:
            raise ValueError(f"camera_speed must not be negative, got {camera_speed}")
        self.scene = scene
        self.batch_size = batch_size
        self.horizon = horizon
        self.action_scale = action_scale
        self.camera_speed = camera_speed
        self.rng = torch.Generator(device).manual_seed(seed)
        self._steps: int | None = None

    @property
    def view(self) -> View:
        """What the scene shows now, truth included: for metrics, pictures and the oracle only."""
        return self._view

    @property
    def target(self) -> Int[Tensor, " B"]:
        """Slot of each episode's target: for metrics, pictures and the oracle only."""
        return self._target

    @property
    def target_box(self) -> Float[Tensor, "B 4"]:
        """The target's box now: for metrics, pictures and the oracle only."""
        episode = torch.arange(self.batch_size, device=self._target.device)
        return self._view.box[episode, self._target]

    def reset(self) -> Observation:
        """Starts new episodes; each target is one of the well visible objects, drawn evenly.

        A scene may say that only its first ``num_targets`` slots are meant.
        """
        self._view = self.scene.reset(self.batch_size, self.rng)
        candidates = ((self._view.visible > WELL_VISIBLE) & (self._view.id >= 0)).float()
        if self.scene.num_targets is not None:
            candidates[:, self.scene.num_targets :] = 0.0
        if not bool(candidates.any(-1).all()):
            raise ValueError(
                "a scene shows no object that is more than half visible at reset, so there is "
                "nothing to track: ask for min_objects of 1 or more, or watch it without a task "
                "(envs.watching.watch)"
            )
        self._target = torch.multinomial(candidates, 1, generator=self.rng)[:, 0]
        self._box = self.target_box.clone()
        self._steps = 0
        return self._observed()

    def step(self, action: Float[Tensor, "B 4"]) -> Step:
        """Moves the boxes, scores them in the frame that was seen, and moves the scene on."""
        if self._steps is None or self._steps >= self.horizon:
            raise RuntimeError("the episode is over: call reset() before step()")
        expected = (self.batch_size, 4)
        if tuple(action.shape) != expected:
            raise ValueError(f"action must have shape {expected}, got {tuple(action.shape)}")
        self._box = self.action_scale.move(self._box, action)
        reward = boxes.iou(self._box, self.target_box)
        self._steps += 1
        truncated = self._steps >= self.horizon
        camera = torch.zeros_like(self._box[:, :2])
        if not truncated:
            if self.camera_speed > 0:
                limit = self.camera_speed
                camera = (self._box[:, :2] - 0.5).clamp(-limit, limit)
            self._view = self.scene.advance(self.rng, camera if self.camera_speed > 0 else None)
            # The box stands still in the world, so it moves in the view against the camera.
            centre = (self._box[:, :2] - camera).clamp(0.0, 1.0)
            self._box = torch.cat([centre, self._box[:, 2:]], dim=-1)
        return Step(self._observed(), reward, truncated, camera)

    def _observed(self) -> Observation:
        """Copies: whoever keeps or changes them changes nothing here."""
        return Observation(self._view.frame.clone(), self._box.clone())

    def state_dict(self) -> dict[str, Any]:
        """The state between episodes."""
        return {"rng": self.rng.get_state(), "scene": self.scene.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        restore(self.rng, state["rng"])
        self.scene.load_state_dict(state["scene"])
        self._steps = None
