"""Shows a scene to nobody: trajectories without an agent, for scenes where the task cannot start.

World models are trained and tested on scenes that may be empty (``0`` to ``2`` digits, as AIR and
SQAIR). The tracking task needs a target in each, so such scenes are watched instead.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from envs import boxes
from envs.action_scale import ActionScale
from envs.scene import WELL_VISIBLE, Scene
from envs.trajectory import Trajectory, Truth


@torch.no_grad()
def watch(
    scene: Scene,
    batch_size: int,
    horizon: int,
    rng: torch.Generator,
    camera: Float[Tensor, "B T 2"] | None = None,
) -> Trajectory:
    """B new episodes of ``horizon`` frames in which nobody acts.

    The target is the first well visible object, and the agent's box is left where the target was
    at first: the episode of an agent that never moves (``agent=last_box``), reward included. Where
    no object is to be seen at first there is no target: box and reward are 0.

    Args:
        scene: What to show.
        batch_size: B.
        horizon: T.
        rng: Source of all randomness.
        camera: How far the view should move after each frame (fractions of the frame); None leaves
            it to the scene. The move after the last frame is not shown and counts as 0.

    Raises:
        ValueError: ``horizon`` is below 1, or ``camera`` is not of shape B T 2.
    """
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 frame, got {horizon}")
    if camera is not None and tuple(camera.shape) != (batch_size, horizon, 2):
        expected = (batch_size, horizon, 2)
        raise ValueError(f"camera must have shape {expected}, got {tuple(camera.shape)}")
    views = [scene.reset(batch_size, rng)]
    for t in range(horizon - 1):
        views.append(scene.advance(rng, None if camera is None else camera[:, t]))
    first, episode = views[0], torch.arange(batch_size, device=views[0].box.device)
    candidate = (first.visible > WELL_VISIBLE) & (first.id >= 0)
    truth = Truth(
        target=candidate.long().argmax(-1),
        box=torch.stack([view.box for view in views], 1),
        visible=torch.stack([view.visible for view in views], 1),
        id=torch.stack([view.id for view in views], 1),
    )
    start = first.box[episode, truth.target].where(candidate.any(-1, keepdim=True), 0.0)
    moved = torch.zeros_like(start[:, None, :2].expand(-1, horizon, -1))
    if camera is not None:
        moved = torch.cat([camera[:, :-1], moved[:, -1:]], 1)
    box, reward = _leave(start, moved, truth.target_box)
    return Trajectory(
        frame=torch.stack([view.frame for view in views], 1),
        box=box,
        action=torch.zeros_like(box[:, 1:]),
        reward=reward,
        camera=moved,
        truth=truth,
    )


def _leave(
    start: Float[Tensor, "B 4"], camera: Float[Tensor, "B T 2"], target: Float[Tensor, "B T 4"]
) -> tuple[Float[Tensor, "B T+1 4"], Float[Tensor, "B T"]]:
    """Boxes that stand still in the world (in the view: against the camera), and their rewards."""
    there = start[:, 2:3] > 0
    scale = ActionScale()
    box, still, reward = [start], torch.zeros_like(start), []
    for t, move in enumerate(camera.unbind(1)):
        now = scale.move(box[-1], still)  # as the task does, least size included
        reward.append(boxes.iou(now, target[:, t]).where(there[:, 0], 0.0))
        centre = (now[:, :2] - move).clamp(0.0, 1.0)
        box.append(torch.cat([centre, now[:, 2:]], -1).where(there, 0.0))
    return torch.stack(box, 1), torch.stack(reward, 1)
