"""Objects drawn sharply: encoder and decoder learn once more, from crops alone.

Frames as wholes teach soft objects: samples blur windows and looks, and the likelihood is broad
while slots still find their objects. Once every object has been followed, its crops are known, and
encoder and decoder can learn from them at little cost, under a sharper likelihood. Crops are also
mirrored and turned, for there are few of them: an object is as likely to look like its mirror
image, as far as drawing it goes.
"""

import copy
import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.depth import blend_others
from world_models.air.objects.slots import Slots
from world_models.blocks.descent import decay, descend
from world_models.blocks.distributions import kl_gaussian, sample_gaussian
from world_models.blocks.glimpse import read_glimpse

SIGMA = 0.07
"""Scale of the pixel likelihood."""
AREA_COST = 1.0
"""Nats per covered pixel. With a sharp likelihood a cheap mask would also draw the errors of the
background, and reach beyond the object."""
CLEAR = 0.6
"""Share of an object that must be seen."""
WHOLE, ALONE = 0.9, 0.8
"""Share of an object, and of its window, that must be free for one frame to tell its looks."""
MOST_JITTER_PX = 1.0
MIN_AGE = 2
VERSIONS = 2
"""Windows that are drawn for each sight of an object."""
MOST_CROPS = 8000
"""That are kept: a little over 1,000 frames with four objects in each."""
EPISODES = 64
"""That are drawn at a time."""
BATCH = 128
LEARNING_RATE = 1e-3
MAX_GRADIENT = 300.0


@dataclasses.dataclass(frozen=True)
class Crops:
    """What windows (N) show.

    Attributes:
        frame: Of the frame.
        others: What would be there without the object.
        background: What would be there without any.
        clear: Where no other object is.
        area: Pixels of the frame that each pixel of a crop stands for.
    """

    frame: Float[Tensor, "N C g g"]
    others: Float[Tensor, "N C g g"]
    background: Float[Tensor, "N C g g"]
    clear: Float[Tensor, "N 1 g g"]
    area: Float[Tensor, " N"]

    def evidence(self) -> Float[Tensor, "N f"]:
        """What the encoder sees of each."""
        seen = torch.cat([self.frame - self.background, self.frame - self.others], 1)
        return 2 * seen.flatten(1)

    def some(self, rows: Tensor, turn: int) -> "Crops":
        """Some of them, in one of the eight symmetries of a square."""

        def turned(x: Tensor) -> Tensor:
            x = x[rows]
            if x.dim() < 4:
                return x
            x = x.flip(-1) if turn & 1 else x
            x = x.flip(-2) if turn & 2 else x
            return x.transpose(-1, -2) if turn & 4 else x

        return Crops(*(turned(getattr(self, f.name)) for f in dataclasses.fields(self)))


class Shown(NamedTuple):
    """Frames in [0, 1], their backgrounds, and where bars stand in front of objects, 0 to 1."""

    frame: Float[Tensor, "B C H W"]
    background: Float[Tensor, "B C H W"]
    bars: Float[Tensor, "B H W"] | None


@torch.no_grad()
def cut(
    scene: SceneModel, slots: Slots, shown: Shown, most: int, rng: torch.Generator
) -> Crops | None:
    """What the windows of well seen objects show in one frame; None if there is none.

    Args:
        scene: Draws the objects.
        slots: What is believed of them.
        shown: The frame of every episode.
        most: Of more objects than this some are drawn.
        rng: Draws windows.
    """
    seen = (slots.alive > 0) & (slots.unseen == 0) & (slots.age >= MIN_AGE)
    chosen = seen & (slots.visible > CLEAR)
    number = int(chosen.sum())
    if number > most:
        kept = torch.randperm(number, generator=rng, device=rng.device)[:most]
        some = torch.zeros(number, dtype=torch.bool, device=chosen.device)
        some[kept] = True
        chosen = chosen.masked_scatter(chosen, some)
    if number == 0:
        return None
    where = slots.where._replace(scale=slots.where.scale.clamp(max=MOST_JITTER_PX))
    windows = [sample_gaussian(*where, rng) for _ in range(VERSIONS)]
    return join([_look(scene, slots, chosen, w, shown) for w in windows])


@torch.no_grad()
def fresh(scene: SceneModel, slots: Slots, shown: Shown) -> Float[Tensor, "B K D"]:
    """``z_what`` as this frame alone tells it, where it shows nearly all of an object.

    What a filter believes is a mean over time, and the mean of what turns is a blur.
    """
    chosen = (slots.alive > 0) & (slots.unseen == 0) & (slots.visible > WHOLE)
    what = slots.what.loc.clone()
    if bool(chosen.any()):
        crops = _look(scene, slots, chosen, slots.where.loc, shown)
        alone = crops.clear.mean((1, 2, 3)) > ALONE
        described, _ = scene.what_posterior(crops.evidence())
        what[chosen] = torch.where(alone[:, None], described.loc, what[chosen])
    return what


def _look(
    scene: SceneModel,
    slots: Slots,
    chosen: Bool[Tensor, "B K"],
    where: Float[Tensor, "B K w"],
    shown: Shown,
) -> Crops:
    """What the windows ``where`` of the chosen slots show, some episodes at a time."""
    rows = chosen.any(-1).nonzero()[:, 0].split(EPISODES)
    return join([_look_at(scene, slots, chosen, where, shown, some) for some in rows])


def _look_at(
    scene: SceneModel,
    slots: Slots,
    chosen: Bool[Tensor, "B K"],
    where: Float[Tensor, "B K w"],
    shown: Shown,
    rows: Int[Tensor, " b"],
) -> Crops:
    """See `_look`: what they show in the episodes ``rows``."""
    background = shown.background[rows]
    layers = scene.place(scene.decode_what(slots.what.loc[rows]), slots.where.loc[rows])
    presence = (slots.alive * (slots.unseen == 0))[rows]
    others, _ = blend_others(background, layers, presence, slots.front[rows])
    alpha = layers[:, :, -1] * presence[..., None, None]
    own = torch.eye(alpha.shape[1], dtype=torch.bool, device=alpha.device)[:, :, None, None]
    clear = (1 - alpha[:, None]).masked_fill(own, 1.0).prod(2)
    if shown.bars is not None:
        clear = clear * (1 - shown.bars[rows])[:, None]
    episode, slot = chosen[rows].nonzero(as_tuple=True)
    picture = [shown.frame[rows][episode], others[episode, slot], background[episode]]
    whole = torch.cat([*picture, clear[episode, slot][:, None]], 1)
    window = where[rows][episode, slot]
    crop = read_glimpse(whole, window, scene.GLIMPSE)
    channels = background.shape[1]
    frame, without, behind, free = crop.split([channels, channels, channels, 1], 1)
    area = window[:, [2, -1]].sum(-1).exp() / scene.GLIMPSE**2
    return Crops(frame, without, behind, free, area)


def join(parts: Sequence[Crops]) -> Crops:
    """All crops as one."""
    names = [f.name for f in dataclasses.fields(Crops)]
    return Crops(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def sharpen(scene: SceneModel, crops: Crops, steps: int, rng: torch.Generator) -> dict[str, float]:
    """Learns to describe and draw what crops show; what is taken for an object stays the same.

    Args:
        scene: Whose encoder and decoder of looks learn.
        crops: What to learn from.
        steps: Batches of `BATCH` crops.
        rng: Draws crops and samples.
    """
    teacher = copy.deepcopy(scene.what_encoder)
    parameters = [*scene.what_encoder.parameters(), *scene.what_decoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    tail = []
    for i in range(steps):
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * decay(i / steps, 0.5, 0.03)
        rows = torch.randint(len(crops.area), (BATCH,), generator=rng, device=rng.device)
        turn = int(torch.randint(8, (), generator=rng, device=rng.device))
        loss = _loss(scene, teacher, crops.some(rows, turn), rng)
        descend(loss, optimiser, parameters, MAX_GRADIENT)
        if i >= int(0.9 * steps):
            tail.append(loss.item())
    return {"crops": float(len(crops.area)), "crop_loss": sum(tail) / len(tail)} if tail else {}


def _loss(
    scene: SceneModel, teacher: torch.nn.Module, crops: Crops, rng: torch.Generator
) -> Float[Tensor, ""]:
    """Nats of crops: misfit where no other object is, the latent's KL, the mask's area."""
    seen = crops.evidence()
    what, logits = scene.what_posterior(seen)
    with torch.no_grad():
        taught = teacher(seen)[:, -1]
    glimpse = scene.decode_what(sample_gaussian(*what, rng))
    alpha = glimpse[:, -1:]
    drawn = crops.others * (1 - alpha) + glimpse[:, :-1]
    misfit = ((drawn - crops.frame).square() * crops.clear).sum((1, 2, 3)) / (2 * SIGMA**2)
    covered = AREA_COST * alpha.sum((1, 2, 3))
    nats = (misfit + covered) * crops.area + kl_gaussian(*what, 0.0, 1.0).sum(-1)
    return (nats + (logits - taught).square()).mean()
