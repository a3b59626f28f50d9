"""The simulator itself as the world model: the ceiling of what any model can give.

Or below it, by errors of a known size: how much of each a learner can bear is how accurate a
learned model must be.
"""

import dataclasses
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from envs.scene import Scene, View
from envs.settings import Settings, setting
from envs.trajectory import Trajectory
from world_models.base import WorldModel
from world_models.blocks import faults


@dataclasses.dataclass(frozen=True)
class OracleSettings(Settings):
    """What it does wrong; by default nothing."""

    factors: Any = setting(
        None,
        "factors that its scenes have instead of the env's, by name: {max_objects: 2} has fewer "
        "objects, {morph: none} keeps their class, {background: 0} is on black",
    )
    times: Any = setting(
        None,
        "factors of the env that its scenes have so many times, by name: {speed: 0.5} is half as "
        "fast, {rotation: 0, scale: 0} changes looks less",
    )
    box_jitter: float = setting(
        0.0, "spread of boxes around the truth, each axis, drawn for every frame; pixels", least=0
    )
    box_bias: float = setting(
        0.0, "all boxes are off to the right by so much, in every frame; pixels", least=0
    )
    size_bias: float = setting(1.0, "boxes are so many times as wide and high", above=0)
    frozen_boxes: float = setting(
        0.0, "share of objects whose boxes stay where they were at first", least=0, most=1
    )
    swaps: float = setting(
        0.0,
        "chance in every frame that two objects exchange their boxes for good",
        least=0,
        most=1,
    )
    blur: float = setting(0.0, "spread of the Gaussian that softens frames, pixels", least=0)
    camera: str = setting(
        "obeys",
        "what moves of the view that are asked for do; late: one frame after",
        choices=("obeys", "ignores", "late"),
    )


@dataclasses.dataclass(frozen=True)
class State:
    """What the simulator shows, and what is to be told wrongly of it.

    Attributes:
        view: The truth; the rest of the state stays inside the simulator.
        holds: The object whose box is told of each slot.
        first: Boxes at the start.
        stuck: Whose boxes stay there.
        jitter: How far boxes are off at random now, pixels.
        asked: How the view was to move into this frame; None if nobody asked.
    """

    view: View
    holds: Int[Tensor, "B K"]
    first: Float[Tensor, "B K 4"]
    stuck: Bool[Tensor, "B K"]
    jitter: Float[Tensor, "B K 2"]
    asked: Float[Tensor, "B 2"] | None = None


class Oracle(WorldModel[State]):
    """Knows the scene; reads no real episode.

    Args:
        frame_shape: (C, H, W) of a frame.
        scene: A training scene of its own, not shared with the real env; whoever makes it obeys
            ``factors`` and ``times``.
        settings: Keys of `OracleSettings`.

    Raises:
        ValueError: The scene shows frames of another shape.
    """

    Settings = OracleSettings
    privileged = True

    def __init__(self, frame_shape: tuple[int, int, int], scene: Scene, **settings: Any) -> None:
        super().__init__()
        self.settings = OracleSettings(**settings)
        if tuple(scene.frame_shape) != tuple(frame_shape):
            raise ValueError(
                f"factors={self.settings.factors} make frames of {tuple(scene.frame_shape)}, real "
                f"ones are {tuple(frame_shape)}: leave frame_size and colour as they are"
            )
        self.frame_shape = frame_shape
        self.num_slots = scene.num_slots
        self._scene = scene

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """There is nothing to learn."""
        return {}

    def start(self, batch_size: int, rng: torch.Generator) -> State:
        """New scenes."""
        view = self._scene.reset(batch_size, rng)
        device, shape = view.box.device, view.id.shape
        stuck = torch.zeros(shape, dtype=torch.bool, device=device)
        if self.settings.frozen_boxes > 0:
            drawn = torch.rand(shape, generator=rng, device=device)
            stuck = drawn < self.settings.frozen_boxes
        holds = torch.arange(shape[1], device=device).expand(shape)
        return State(view, holds, view.box, stuck, self._jitter(view, rng))

    def prior(
        self, state: State, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None
    ) -> State:
        """Simulates one frame, always from the latest state."""
        made = {"obeys": camera, "ignores": None, "late": state.asked}[self.settings.camera]
        if camera is not None and made is None:
            made = torch.zeros_like(camera)
        view, holds = self._scene.advance(rng, made), state.holds
        if self.settings.swaps > 0:
            holds = faults.swap(holds, view.id >= 0, self.settings.swaps, rng)
        jitter = self._jitter(view, rng)
        return dataclasses.replace(state, view=view, holds=holds, jitter=jitter, asked=camera)

    def decode(self, state: State) -> View:
        """The truth, but for what is to be told wrongly."""
        settings, view = self.settings, state.view
        box = torch.where(state.stuck[..., None], state.first, view.box)
        box = box.gather(1, state.holds[..., None].expand_as(box))
        size = box.new_tensor([self.frame_shape[2], self.frame_shape[1]])
        off = (state.jitter + box.new_tensor([settings.box_bias, 0.0])) / size
        return View(
            frame=faults.soften(view.frame, settings.blur) if settings.blur > 0 else view.frame,
            box=torch.cat([box[..., :2] + off, settings.size_bias * box[..., 2:]], -1),
            visible=view.visible.gather(1, state.holds),
            id=view.id,
        )

    def _jitter(self, view: View, rng: torch.Generator) -> Float[Tensor, "B K 2"]:
        if self.settings.box_jitter == 0:
            return torch.zeros_like(view.box[..., :2])
        drawn = torch.randn(view.box[..., :2].shape, generator=rng, device=view.box.device)
        return self.settings.box_jitter * drawn

    def get_extra_state(self) -> dict[str, Any]:
        """What the simulator keeps between episodes."""
        return self._scene.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what ``get_extra_state`` gave."""
        self._scene.load_state_dict(state)
