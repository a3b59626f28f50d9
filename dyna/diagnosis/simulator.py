"""Where the simulator itself would take the objects: what no prediction can beat but by luck."""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from envs.scene import Scene


@torch.no_grad()
def foresee(
    scene: Scene, rng: torch.Generator, steps: int, camera: Float[Tensor, "B S 2"] | None
) -> Float[Tensor, "B S O 4"] | None:
    """Runs a scene on from its present state, walls, collisions and turns of digits included.

    Random pushes cannot be foreseen; without them it goes on as is most likely.

    Args:
        scene: In the state after the last frame that models see; it is changed.
        rng: Source of what randomness is left.
        steps: How far.
        camera: How the view is moved before each frame, if it is.

    Returns:
        The boxes; None if the scene has no factors (``Scene.factors``).
    """
    if scene.factors is None:
        return None
    scene.factors = dataclasses.replace(scene.factors, velocity_jitter=0.0, acceleration=0.0)
    views = [scene.advance(rng, None if camera is None else camera[:, h]) for h in range(steps)]
    return torch.stack([view.box for view in views], 1)
