"""AIR's dreams beside those of a plain RSSM of the usual size, at 64 x 64."""

import torch

from benchmarks.imagination import dreams
from benchmarks.peers.contest import Measure, contest, repeated
from benchmarks.peers.theirs import rssm
from benchmarks.scenes import HORIZON
from dyna.scores.results import Row
from world_models.air.model import AIR

BATCH = 256
DECODED_STEPS = 4
"""Of the RSSM between two looks at the clock: its decoder is slow, and to start costs nothing."""
HOWS = {"latent": False, "decoded": True}
"""Whether frames are drawn."""


def dreamt(model: AIR, decode: bool, seconds: float, batch_size: int = BATCH) -> Measure:
    """Turns of a fitted model; starts every 20 frames included."""
    rng = torch.Generator().manual_seed(0)
    return repeated(lambda: dreams(model, batch_size, decode, rng), seconds)


def plain(channels: int, decode: bool, seconds: float) -> Measure:
    """Turns of the RSSM."""
    torch.manual_seed(0)
    model, rng = rssm.RSSM(channels), torch.Generator().manual_seed(0)
    steps = DECODED_STEPS if decode else HORIZON
    return repeated(lambda: rssm.dreams(model, BATCH, steps, decode, rng), seconds)


def rows(model: AIR, seconds: float, repeats: int) -> list[Row]:
    """Latent beside latent, decoded beside decoded.

    Args:
        model: Fitted to frames of 64 pixels, the size that the RSSM draws.
        seconds: CPU seconds of a turn.
        repeats: Turns of each.
    """
    found = []
    for how, decode in HOWS.items():
        ours = {f"air, {how}": dreamt(model, decode, seconds)}
        peers = {f"RSSM, {how}": plain(model.frame_shape[0], decode, seconds)}
        found += contest("imagination", ours, peers, repeats)
    return found
