"""How well a world model predicts: its rollouts step by step, beside hand-written rivals.

All models are measured alike: they see ``context`` frames, then dream on. Where the task moves
the camera they are told how (``Trajectory.camera``), and boxes are in coordinates of the view.
Only frames that show an object (more than ``VISIBLE`` of it) are scored; presence is scored on
all.
"""

import dataclasses
from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from dyna.diagnosis.extrapolation import (
    camera_path,
    coast,
    tracked_velocity,
    true_velocity,
    wall_margin,
)
from dyna.diagnosis.matching import Matches
from dyna.diagnosis.protocol import Protocol
from dyna.diagnosis.rollouts import Rollouts, sample_rollouts
from dyna.loop.following import Target, pick, slot_of
from dyna.loop.loop import Metrics
from envs.boxes import iou
from envs.trajectory import VISIBLE, Trajectory, Truth
from world_models.base import Posterior, WorldModel

TRUSTED_IOU = 0.5
"""A rollout is trusted for as long as its boxes are on average this good."""


def forecast(
    model: WorldModel,
    posterior: Posterior,
    episodes: Trajectory,
    matches: Matches,
    target: Target,
    rng: torch.Generator,
    protocol: Protocol,
    simulated: Float[Tensor, "B S O 4"] | None = None,
) -> list[Metrics]:
    """Predictions from the belief after ``protocol.context`` frames, one row per step ahead.

    Of all objects that were followed in the last seen frame:

    * ``error`` of the centre of the mean rollout (pixels), ``iou`` of its box;
    * ``sample_error`` of single rollouts and ``spread``, their distance from each other: equal if
      the model knows what it does not know;
    * ``presence``: share whose visibility is predicted rightly, ``absence``: the same among those
      that cannot be seen; ``count_accuracy``: share of episodes whose number of visible objects
      is predicted rightly by a rollout;
    * ``bounce_*``, ``copy_*``: constant velocity with bounces and the last box held, both from the
      model's own tracked boxes; ``oracle_*``: constant velocity with bounces from the true state
      (the last true displacement; it knows the walls, but of no collisions);
    * ``simulator_*``: the boxes ``simulated``, if they are given: the simulator run on from the
      true state, but for the randomness of its motion (it knows of collisions);
    * where the task moves the camera: ``no_action_*``, the model not told how, and ``view_*``, the
      oracle in coordinates of the view.

    Of the target, in all episodes: ``target_error``, ``target_iou`` and its rivals;
    ``reward_error``: mean absolute error of the reward that rollouts predict for a fixed policy,
    the oracle's path (``reward`` is what it gets).

    Returns:
        The rows; none if no frame follows the context.
    """
    truth = episodes.truth
    assert truth is not None
    now, samples = protocol.context - 1, protocol.samples
    steps = min(protocol.ahead, truth.box.shape[1] - protocol.context)
    if steps < 1:
        return []
    scene = _Scored.of(model, posterior, episodes, now, steps, simulated)
    seen = matches.identity[:, now]
    slot = matches.slot[:, now].clamp(min=0)
    whole = sample_rollouts(model, posterior, now, steps, scene.camera, samples, rng)
    blind = None
    if scene.camera is not None:
        blind = sample_rollouts(model, posterior, now, steps, None, max(1, samples // 2), rng)
    columns = _objects(scene, whole, blind, slot, seen >= 0)
    columns |= _target(scene, whole, blind, target)
    figures = {"step": torch.arange(1.0, steps + 1), **columns}
    lists = {name: column.tolist() for name, column in figures.items()}
    return [{name: values[h] for name, values in lists.items()} for h in range(steps)]


def trust_horizon(rows: list[Metrics], column: str) -> float:
    """First step whose IoU is below `TRUSTED_IOU`; one beyond the last if there is none."""
    return next((r["step"] for r in rows if not r[column] >= TRUSTED_IOU), len(rows) + 1.0)


def trust_horizons(rows: list[Metrics]) -> Metrics:
    """The `trust_horizon` of the model and of every rival."""
    if not rows:
        return {}
    names = [name for name in rows[0] if name.endswith("iou")]
    return {name[: -len("iou")] + "trust_horizon": trust_horizon(rows, name) for name in names}


@dataclasses.dataclass(frozen=True)
class _Scored:
    """The frames to predict, and what they are measured with."""

    posterior: Posterior
    truth: Truth
    now: int
    steps: int
    past_camera: Float[Tensor, "B T 2"] | None
    margin: float
    frame_size: Float[Tensor, " 2"]
    simulated: Float[Tensor, "B S O 4"] | None

    @classmethod
    def of(
        cls,
        model: WorldModel,
        posterior: Posterior,
        episodes: Trajectory,
        now: int,
        steps: int,
        simulated: Float[Tensor, "B S O 4"] | None,
    ) -> "_Scored":
        assert episodes.truth is not None
        height, width = model.frame_shape[1:]
        size = episodes.camera.new_tensor([width, height])
        return cls(
            posterior,
            episodes.truth,
            now,
            steps,
            camera_path(episodes),
            wall_margin(episodes.truth),
            size,
            simulated,
        )

    @property
    def camera(self) -> Float[Tensor, "B S 2"] | None:
        """How the view moves before each predicted frame."""
        if self.past_camera is None:
            return None
        return self.past_camera[:, self.now : self.now + self.steps]

    def ahead(self, value: Tensor) -> Tensor:
        """The predicted frames of something that has a value in every frame."""
        return value[:, self.now + 1 : self.now + 1 + self.steps]

    def error(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance of centres, pixels."""
        return ((a - b)[..., :2] * self.frame_size).norm(dim=-1)

    def compare(
        self, paths: Mapping[str, Tensor], true: Tensor, keep: Tensor
    ) -> dict[str, Float[Tensor, " S"]]:
        """``NAME_error`` and ``NAME_iou`` of paths ``B S O 4``."""
        columns = {}
        for name, path in paths.items():
            columns[f"{name}error"] = mean_by_step(self.error(path, true), keep)
            columns[f"{name}iou"] = mean_by_step(iou(path, true), keep)
        return columns

    def coast(self, box: Tensor, velocity: Tensor) -> Float[Tensor, "B S O 4"]:
        """Constant velocity from the last seen frame."""
        return coast(box, velocity, self.steps, self.camera, self.margin)

    def oracle(self) -> Float[Tensor, "B S O 4"]:
        """Constant velocity from the true state."""
        velocity = true_velocity(self.truth, self.past_camera)[:, self.now]
        return self.coast(self.truth.box[:, self.now], velocity)

    def view_oracle(self) -> Float[Tensor, "B S O 4"]:
        """The same in coordinates of the view, as if the camera stood."""
        velocity = true_velocity(self.truth, None)[:, self.now]
        return coast(self.truth.box[:, self.now], velocity, self.steps, margin=self.margin)


def mean_by_step(
    value: Float[Tensor, "B S O"], keep: Bool[Tensor, "B S O"]
) -> Float[Tensor, " S"]:
    """Mean over episodes and objects; not a number where there is none."""
    return torch.where(keep, value, 0.0).sum((0, 2)) / keep.sum((0, 2))


def _objects(
    scene: _Scored,
    whole: Rollouts,
    blind: Rollouts | None,
    slot: Int[Tensor, "B O"],
    followed: Bool[Tensor, "B O"],
) -> dict[str, Float[Tensor, " S"]]:
    """The figures of all objects that were followed."""
    truth, now, steps = scene.truth, scene.now, scene.steps
    true = scene.ahead(truth.box)
    seen = (scene.ahead(truth.id) >= 0) & (scene.ahead(truth.visible) > VISIBLE)
    usable = followed[:, None].expand_as(seen)
    keep = usable & seen
    paths = whole.boxes(slot)
    after = pick(scene.posterior.box[:, now], slot)
    velocity = tracked_velocity(scene.posterior, scene.past_camera, now, slot)
    rivals = {
        "": paths.mean(0),
        "bounce_": scene.coast(after, velocity),
        "copy_": after[:, None].expand(-1, steps, -1, -1),
        "oracle_": scene.oracle(),
    }
    if scene.simulated is not None:
        rivals["simulator_"] = scene.simulated[:, :steps]
    if blind is not None:
        rivals["no_action_"] = blind.boxes(slot).mean(0)
        rivals["view_"] = scene.view_oracle()
    columns = scene.compare(rivals, true, keep)
    single = torch.stack([scene.error(path, true) for path in paths]).mean(0)
    columns["sample_error"] = mean_by_step(single, keep)
    columns["spread"] = mean_by_step(_spread(scene, paths), keep)
    shown = whole.shares(slot) > VISIBLE
    right = ((shown.float().mean(0) > 0.5) == seen).float()
    columns["presence"] = mean_by_step(right, usable)
    columns["absence"] = mean_by_step(right, usable & ~seen)
    count = (whole.visible > VISIBLE).sum(-1) == seen.sum(-1)
    columns["count_accuracy"] = count.float().mean((0, 1))
    return columns


def _target(
    scene: _Scored, whole: Rollouts, blind: Rollouts | None, target: Target
) -> dict[str, Float[Tensor, " S"]]:
    """The target's figures, and the reward's."""
    truth, now, steps = scene.truth, scene.now, scene.steps
    true = scene.ahead(truth.target_box)[:, :, None]
    keep = (scene.ahead(truth.target_visible) > VISIBLE)[:, :, None]
    slot, there = slot_of(scene.posterior, now, target.identity[:, None])
    held = target.box[:, now, None]

    def path(dreams: Rollouts) -> Float[Tensor, "N B S 1 4"]:
        return torch.where(there[:, None, :, None], dreams.boxes(slot), held[:, None])

    velocity = tracked_velocity(scene.posterior, scene.past_camera, now, slot)
    velocity = torch.where(there[..., None], velocity, 0.0)
    batch = torch.arange(len(true), device=true.device)
    oracle = scene.oracle()[batch, :, truth.target][:, :, None]
    rivals = {
        "bounce_": scene.coast(held, velocity),
        "copy_": held[:, None].expand(-1, steps, -1, -1),
    }
    samples = path(whole)
    paths = {"": samples.mean(0), **rivals, "oracle_": oracle}
    if blind is not None:
        paths["no_action_"] = path(blind).mean(0)
    columns = scene.compare({f"target_{name}": p for name, p in paths.items()}, true, keep)
    reward = iou(oracle, true)
    guesses = {"": iou(oracle, samples).mean(0)}
    guesses |= {name: iou(oracle, boxes) for name, boxes in rivals.items()}
    columns["reward"] = mean_by_step(reward, keep)
    for name, guess in guesses.items():
        columns[f"{name}reward_error"] = mean_by_step((guess - reward).abs(), keep)
    return columns


def _spread(scene: _Scored, paths: Float[Tensor, "N B S O 4"]) -> Float[Tensor, "B S O"]:
    """Mean distance of two rollouts."""
    pairs = torch.combinations(torch.arange(len(paths)), 2)
    if not len(pairs):
        return torch.zeros_like(paths[0, ..., 0])
    return torch.stack([scene.error(paths[i], paths[j]) for i, j in pairs.tolist()]).mean(0)
