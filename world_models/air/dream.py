"""Imagined scenes: how they begin, how they move on, and what they look like."""

import dataclasses
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from envs.boxes import inside_share, pixels
from envs.scene import WELL_VISIBLE
from world_models.air.background.canvas import Backdrop
from world_models.air.bank import Bank
from world_models.air.frame.scene_model import SceneModel
from world_models.air.looks.base import Look, Looks
from world_models.air.motion.transition import Transition
from world_models.air.settings import AIRSettings
from world_models.air.viewpoint import Viewpoint
from world_models.blocks.glimpse import draw_part, window_box

TRIES = 20
"""Draws of a scene until it shows something to follow."""
LEAST_AREA = 1.0
"""Pixels of the smallest object whose visible share is told."""


@dataclasses.dataclass(frozen=True)
class DreamState:
    """A batch of imagined scenes: where everything is and what it looks like.

    Attributes:
        where: Windows of the objects.
        velocity: Pixels per frame in the world.
        hidden: State of the transition.
        look: What each object looks like.
        alive: 1 where there is an object.
        order: The slots from the hindmost to the foremost.
        background: The background's picture.
        bars: Where something stands in front of all objects, 0 to 1; None: nowhere.
        backdrop: What the background is cut from where the view moves over it; else None.
        noise: Where in the noise table this frame's noise begins.
    """

    where: Float[Tensor, "B K w"]
    velocity: Float[Tensor, "B K 2"]
    hidden: Float[Tensor, "B K M"]
    look: Look
    alive: Float[Tensor, "B K"]
    order: Int[Tensor, "B K"]
    background: Float[Tensor, "B C H W"]
    noise: int
    bars: Float[Tensor, "B H W"] | None = None
    backdrop: Backdrop | None = None


def blind(looks: Looks, state: DreamState) -> Bool[Tensor, " B"]:
    """Scenes that show nothing that could be followed."""
    return ~(draw(looks, state)[1] > WELL_VISIBLE).any(-1)


def start(
    scene: SceneModel,
    looks: Looks,
    bank: Bank,
    batch_size: int,
    settings: AIRSettings,
    rng: torch.Generator,
) -> DreamState:
    """Imagined scenes, each with something to follow, replayed or recombined."""
    recombine = settings.recombine

    def some() -> DreamState:
        numbers = settings.more_objects, settings.most_objects
        drawn = bank.draw(batch_size, recombine, rng, *numbers)
        if not recombine:
            return painted(begin(scene, looks, drawn, rng), settings.behind)
        drawn = dataclasses.replace(drawn, row=looks.beginning(drawn.row, rng))
        state = drawn_in(begin(scene, looks, drawn, rng), bank.inside)
        return painted(state, settings.behind)

    state = some()
    for _ in range(TRIES):
        without = blind(looks, state)
        if not bool(without.any()):
            break
        state = exchange(without, some(), state)
    return state


def begin(
    scene: SceneModel, looks: Looks, start: Bank, rng: torch.Generator | None = None
) -> DreamState:
    """The imagined scenes that begin at these moments; without ``rng`` looks are as they were."""
    backdrop = start.camera.backdrop() if start.camera else None
    background = backdrop.view(scene.frame_shape[1:]) if backdrop else None
    if background is None:
        background = scene.background.decode(start.z_bg)
    look = looks.begin(scene, start.what, start.row, rng)
    return DreamState(
        where=_sized(start.where, look),
        velocity=start.velocity,
        hidden=start.hidden,
        look=look,
        alive=start.valid.float(),
        order=start.order,
        background=background,
        noise=0,
        bars=scene.bars(background),
        backdrop=backdrop,
    )


def painted(state: DreamState, behind: str) -> DreamState:
    """The scenes before another background, also where the view will move to, without bars.

    Args:
        state: Scenes as they were seen.
        behind: ``own``, ``mean`` (one colour, the mean of all these scenes), or ``black``.
    """
    if behind == "own":
        return state
    level = state.background.mean((0, 2, 3), keepdim=True) * float(behind == "mean")
    backdrop = state.backdrop
    if backdrop is not None:
        backdrop = dataclasses.replace(backdrop, picture=level.expand_as(backdrop.picture))
    background = level.expand_as(state.background)
    return dataclasses.replace(state, background=background, backdrop=backdrop, bars=None)


def drawn_in(state: DreamState, inside: float) -> DreamState:
    """Objects in view, so far inside that ``inside`` of them or more is.

    Places are of other objects than looks are, so that large ones may stick out.
    """
    size = (state.background.shape[-2], state.background.shape[-1])
    box = window_box(state.where, state.look.extent, size)
    half = (inside - 0.5) * box[..., 2:]
    centre = box[..., :2].maximum(half).minimum(1 - half)
    shift = (centre - box[..., :2]) * box.new_tensor([size[1], size[0]])
    seen = (inside_share(box) > WELL_VISIBLE)[..., None]
    xy = state.where[..., :2] + torch.where(seen, shift, 0.0)
    return dataclasses.replace(state, where=torch.cat([xy, state.where[..., 2:]], -1))


def exchange(chosen: Bool[Tensor, " B"], one: Any, other: Any) -> Any:
    """The chosen scenes of one state, and the rest of another."""
    if isinstance(one, Tensor):
        return torch.where(chosen.view(-1, *[1] * (one.dim() - 1)), one, other)
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        names = [f.name for f in dataclasses.fields(one)]
        parts = {n: exchange(chosen, getattr(one, n), getattr(other, n)) for n in names}
        return dataclasses.replace(one, **parts)
    return other


def advance(
    scene: SceneModel,
    transition: Transition,
    looks: Looks,
    viewpoint: Viewpoint,
    state: DreamState,
    camera: Float[Tensor, "B 2"] | None,
    rng: torch.Generator,
) -> DreamState:
    """Moves camera and objects on; velocities change at random by as much as real ones do."""
    moved, backdrop = viewpoint.dream(state.backdrop, camera, rng)
    kick = torch.randn(state.velocity.shape, generator=rng, device=state.where.device)
    velocity = state.velocity + transition.jitter * kick
    where, velocity, hidden = transition.move(
        state.where, velocity, state.hidden, state.alive, moved, rng
    )
    look = looks.advance(scene, state.look)
    size = state.background.shape[-2:]
    return dataclasses.replace(
        state,
        where=_sized(where, look),
        look=look,
        velocity=velocity,
        hidden=hidden,
        background=backdrop.view((size[0], size[1])) if backdrop else state.background,
        backdrop=backdrop,
    )


def _sized(where: Float[Tensor, "B K w"], look: Look) -> Float[Tensor, "B K w"]:
    """Windows as large as looks say, where they do."""
    if look.side is None:
        return where
    side = torch.where((look.row >= 0)[..., None], look.side, where[..., 2:])
    return torch.cat([where[..., :2], side], -1)


def draw(looks: Looks, state: DreamState) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B K"]]:
    """The picture without noise, and the share of each object that it shows.

    From the foremost object to the background, each gets the light that those in front of it let
    through; nothing is spent on empty slots.
    """
    background, bars = state.background.transpose(0, 1), state.bars
    canvas = torch.zeros_like(background, memory_format=torch.contiguous_format)
    size = (canvas.shape[-2], canvas.shape[-1])
    light = torch.ones_like(canvas[:1]) if bars is None else 1 - bars[None]
    flat, passing = canvas.flatten(1), light.flatten()
    order = state.order.flip(-1)
    rank, scene = (state.alive.gather(1, order).T > 0).nonzero(as_tuple=True)
    slot = order[scene, rank]
    pictures, where = looks.pictures(state.look, scene, slot), state.where[scene, slot]
    parts, top, left = draw_part(pictures, where, size)
    place = pixels(top, left, (parts.shape[-2], parts.shape[-1]), size[1])
    place = scene[:, None] * (size[0] * size[1]) + place
    layers = parts.flatten(2).transpose(0, 1).contiguous()
    sizes = rank.bincount(minlength=state.alive.shape[1]).tolist()
    shown = []
    for at, layer in zip(place.split(sizes), layers.split(sizes, 1), strict=True):
        lit = layer * passing[at]
        here = at.flatten()
        flat.scatter_add_(1, here.expand(len(flat), -1), lit[:-1].flatten(1))
        passing.scatter_add_(0, here, lit[-1].flatten().neg())
        shown.append(lit[-1].sum(-1))
    behind = light if bars is None else light + bars[None]
    picture = torch.addcmul(canvas, behind, background).transpose(0, 1)
    area = pictures[:, -1].mean((-1, -2)) * where[:, [2, -1]].sum(-1).exp()
    share = torch.cat(shown) / area.clamp(min=LEAST_AREA)
    visible = torch.zeros_like(state.alive)
    visible[scene, slot] = share.clamp(max=1)
    return picture, visible
