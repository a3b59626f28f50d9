"""Objects drawn sharply: encoder and decoder learn once more, from crops alone.

Frames as wholes teach soft objects: samples blur windows and looks, and the likelihood is broad
while slots still find their objects. Once every object has been followed, its crops are known, and
encoder and decoder can learn from them at little cost, under a sharper likelihood. Crops are also
mirrored and turned, for there are few of them: an object is as likely to look like its mirror
image, as far as drawing it goes.
"""

import copy

import torch
from jaxtyping import Float
from torch import Tensor

from world_models.air.crops import Crops, Shown, join, look
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.slots import Slots
from world_models.air.outlines import clear
from world_models.blocks.descent import decay, descend
from world_models.blocks.distributions import kl_gaussian, sample_gaussian

SIGMA = 0.07
"""Scale of the pixel likelihood."""
AREA_COST = 1.0
"""Nats per covered pixel. With a sharp likelihood a cheap mask would also draw the errors of the
background, and reach beyond the object."""
MOST_JITTER_PX = 1.0
MIN_AGE = 2
VERSIONS = 2
"""Windows that are drawn for each sight of an object."""
MOST_CROPS = 8000
"""That are kept: a little over 1,000 frames with four objects in each."""
BATCH = 128
LEARNING_RATE = 1e-3
MAX_GRADIENT = 300.0


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
    chosen = clear(slots) & (slots.age >= MIN_AGE)
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
    return join([look(scene, slots, chosen, w, shown) for w in windows])


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
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)
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
