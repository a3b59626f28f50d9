"""Two slots on one object: would one do, if it looked again?

Two slots that share an object have shared its pixels, too: take one away as it is, and a hole is
left that only looks as if it had been needed. So the test is between two hypotheses that are both
fitted: both slots as they are, against one that is fitted anew to what neither draws. What one
frame cannot tell the next ones can: the evidence adds up (`Slots.needed`).
"""

import dataclasses
import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from world_models.air.frame.discovery import Found, discover, gain
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.depth import blend
from world_models.air.objects.slots import Slots
from world_models.blocks.distributions import Gaussian

REACH = 0.6
"""Slots nearer to each other than this share of the typical side may sit on one object."""
PAIR_COST = 60.0
"""Nats that a slot must gain in every frame beside an older one that is near."""
NEEDED_AT_MOST = 240.0
"""Nats beyond which evidence for a slot does not add up: objects pass over each other."""


@dataclasses.dataclass(frozen=True)
class Doubles:
    """Slots near older ones, and what the frame looks like if the older one stands for both.

    Attributes:
        gained: Nats that a slot gains beside its older neighbour; infinite where it has none.
        scene: The scene of each pair (N pairs).
        slot: The younger slot of each pair.
        older: The older slot of each pair.
        alone: What was found in place of each pair.
    """

    gained: Float[Tensor, "B K"]
    scene: Int[Tensor, " N"]
    slot: Int[Tensor, " N"]
    older: Int[Tensor, " N"]
    alone: Found | None


@torch.no_grad()
def doubles(
    model: SceneModel,
    slots: Slots,
    layers: Float[Tensor, "B K c H W"],
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    sigma: float,
    asked: Bool[Tensor, "B K"] | None = None,
) -> Doubles:
    """Tests slots (those ``asked`` about; all) beside an older neighbour within `REACH`."""
    gained = torch.full_like(slots.alive, math.inf)
    reach = REACH * float(model.log_typical_side.exp())
    older, near = _older_neighbour(slots.where.loc, slots.alive, slots.age, reach)
    scene, slot = (near if asked is None else near & asked).nonzero(as_tuple=True)
    if len(scene) == 0:
        return Doubles(gained, scene, slot, slot, None)
    older = older[scene, slot]
    frame, background, layers = frame[scene], background[scene], layers[scene]
    alive, front = slots.alive[scene], slots.front[scene]
    drawn = blend(background, layers, alive, front)
    rows = torch.arange(len(scene), device=scene.device)
    rest = alive.clone()
    rest[rows, slot], rest[rows, older] = 0.0, 0.0
    others = blend(background, layers, rest, front)
    alpha = torch.maximum(layers[rows, slot, -1], layers[rows, older, -1])
    alone = discover(
        model, frame, background, 1, 1.0, canvas=others, centre=_centre_of_mass(alpha)
    )
    gained[scene, slot] = gain(frame, alone.canvas, drawn, sigma)
    return Doubles(gained, scene, slot, older, alone)


def weigh(
    model: SceneModel,
    slots: Slots,
    layers: Float[Tensor, "B K c H W"],
    frame: Float[Tensor, "B C H W"],
    background: Float[Tensor, "B C H W"],
    sigma: float,
) -> tuple[Doubles, Float[Tensor, "B K"], Bool[Tensor, "B K"]]:
    """The tests, the evidence for each slot with that of this frame, and which slot should go.

    That is the one of each scene that is needed least, if it is not: in the tests all others stay.
    """
    tested = doubles(model, slots, layers, frame, background, sigma)
    needed = add(slots.needed, tested.gained, slots.alive)
    least = torch.where(slots.alive > 0, needed, math.inf).min(-1, keepdim=True)
    goes = torch.zeros_like(slots.alive, dtype=torch.bool)
    return tested, needed, goes.scatter(1, least.indices, least.values < 0)


def add(
    needed: Float[Tensor, "B K"], gained: Float[Tensor, "B K"], seen: Float[Tensor, "B K"]
) -> Float[Tensor, "B K"]:
    """Evidence for slots after one more frame; it is kept where the frame shows none of it."""
    now = (needed + gained - PAIR_COST).clamp(-PAIR_COST, NEEDED_AT_MOST)
    return torch.where(seen > 0, now, needed)


def take_over(slots: Slots, tested: Doubles, gone: Bool[Tensor, "B K"]) -> Slots:
    """The older neighbour of a slot that is gone becomes what was found in place of both."""
    if tested.alone is None:
        return slots
    chosen = gone[tested.scene, tested.slot]
    scene, older = tested.scene[chosen], tested.older[chosen]

    def put(believed: Gaussian, found: Gaussian) -> Gaussian:
        pair = tuple(x.clone() for x in believed)
        for old, new in zip(pair, found, strict=True):
            old[scene, older] = new[chosen, 0]
        return Gaussian(*pair)

    return dataclasses.replace(
        slots,
        where=put(slots.where, tested.alone.where_posterior),
        what=put(slots.what, tested.alone.what_posterior),
    )


def _older_neighbour(
    where: Float[Tensor, "B K w"],
    alive: Float[Tensor, "B K"],
    age: Float[Tensor, "B K"],
    reach: float,
) -> tuple[Int[Tensor, "B K"], Bool[Tensor, "B K"]]:
    """The nearest older slot of each slot, and whether there is one within reach."""
    distance = (where[..., :, None, :2] - where[..., None, :, :2]).norm(dim=-1)
    index = torch.arange(alive.shape[-1], device=alive.device)
    here, there = age[..., :, None], age[..., None, :]
    older = (there > here) | ((there == here) & (index[None, :] < index[:, None]))
    both = older & (alive[..., :, None] > 0) & (alive[..., None, :] > 0)
    nearest = torch.where(both, distance, math.inf).min(-1)
    return nearest.indices, nearest.values < reach


def _centre_of_mass(alpha: Float[Tensor, "N H W"]) -> Float[Tensor, "N 2"]:
    """Mean position of what is opaque, pixels."""
    height, width = alpha.shape[-2:]
    mass = alpha.sum((-1, -2)).clamp(min=1e-6)
    x = (alpha.sum(-2) * (torch.arange(width, device=alpha.device) + 0.5)).sum(-1)
    y = (alpha.sum(-1) * (torch.arange(height, device=alpha.device) + 0.5)).sum(-1)
    return torch.stack([x, y], -1) / mass[:, None]
