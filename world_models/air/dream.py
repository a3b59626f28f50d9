"""Imagined scenes: how they begin, how they move on, and what they look like."""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from world_models.air.background.canvas import Backdrop
from world_models.air.bank import Bank
from world_models.air.frame.readout import mask_extent
from world_models.air.frame.scene_model import SceneModel
from world_models.air.motion.transition import Transition
from world_models.air.viewpoint import Viewpoint
from world_models.blocks.glimpse import draw_glimpse


@dataclasses.dataclass(frozen=True)
class DreamState:
    """A batch of imagined scenes: where everything is; what it looks like never changes.

    Attributes:
        where: Windows of the objects.
        velocity: Pixels per frame in the world.
        hidden: State of the transition.
        glimpse: Each object's picture (colour times alpha, alpha), decoded once.
        extent: Extent of each mask in its window.
        alive: 1 where there is an object.
        order: The slots from the hindmost to the foremost.
        background: The background's picture.
        backdrop: What the background is cut from where the view moves over it; else None.
        noise: Where in the noise table this frame's noise begins.
    """

    where: Float[Tensor, "B K w"]
    velocity: Float[Tensor, "B K 2"]
    hidden: Float[Tensor, "B K M"]
    glimpse: Float[Tensor, "B K c g g"]
    extent: Float[Tensor, "B K 4"]
    alive: Float[Tensor, "B K"]
    order: Int[Tensor, "B K"]
    background: Float[Tensor, "B C H W"]
    noise: int
    backdrop: Backdrop | None = None


def begin(scene: SceneModel, start: Bank) -> DreamState:
    """The imagined scenes that begin at these moments."""
    glimpse = scene.decode_what(start.what)
    backdrop = start.camera.backdrop() if start.camera else None
    background = backdrop.view(scene.frame_shape[1:]) if backdrop else None
    if background is None:
        background = scene.background.decode(start.z_bg)
    return DreamState(
        where=start.where,
        velocity=start.velocity,
        hidden=start.hidden,
        glimpse=glimpse,
        extent=mask_extent(glimpse[:, :, -1]),
        alive=start.valid.float(),
        order=start.order,
        background=background,
        noise=0,
        backdrop=backdrop,
    )


def advance(
    transition: Transition,
    viewpoint: Viewpoint,
    state: DreamState,
    camera: Float[Tensor, "B 2"] | None,
    rng: torch.Generator,
) -> DreamState:
    """Moves camera and objects on: a draw of places, the mean of sizes, no change of looks.

    Drawing sizes too would let them wander off in a random walk.
    """
    moved, backdrop = viewpoint.dream(state.backdrop, camera, rng)
    expected, hidden = transition(state.where, state.velocity, state.hidden, state.alive, moved)
    eps = torch.randn(state.velocity.shape, generator=rng, device=state.where.device)
    xy = expected.loc[..., :2] + expected.scale[..., :2] * eps
    velocity = xy - state.where[..., :2]
    size = state.background.shape[-2:]
    return dataclasses.replace(
        state,
        where=torch.cat([xy, expected.loc[..., 2:]], -1),
        velocity=velocity if moved is None else velocity + moved[:, None],
        hidden=hidden,
        background=backdrop.view((size[0], size[1])) if backdrop else state.background,
        backdrop=backdrop,
    )


def draw(state: DreamState) -> Float[Tensor, "B C H W"]:
    """The picture without noise: what `composite` draws, spending nothing on empty slots."""
    canvas = state.background.clone()
    size = (canvas.shape[-2], canvas.shape[-1])
    rank, scene = (state.alive.gather(1, state.order).T > 0).nonzero(as_tuple=True)
    slot = state.order[scene, rank]
    layers = draw_glimpse(state.glimpse[scene, slot], state.where[scene, slot], size)
    sizes = rank.bincount(minlength=state.alive.shape[1]).tolist()
    for scenes, layer in zip(scene.split(sizes), layers.split(sizes), strict=True):
        behind = canvas[scenes].mul_(1 - layer[:, -1:])
        canvas.index_copy_(0, scenes, behind.add_(layer[:, :-1]))
    return canvas
