"""Scenes of digits beside Spriteworld's, which draws sprites with Pillow, one env at a time."""

import contextlib
from typing import Any

import torch

from benchmarks.peers.contest import Measure, contest, repeated
from benchmarks.peers.environment import Worker
from benchmarks.scenes import episodes
from dyna.scores.results import Row
from envs import digits

BATCH = 256
SIZE = 64
ANTI_ALIASING = 5
OBJECTS = 2
"""Sprites of the peer: as many as ``plain`` has digits on average."""
OURS: dict[str, dict[str, Any]] = {
    "plain, 64 px": {"frame_size": SIZE},
    "in colour, 64 px": {"frame_size": SIZE, "colour": "rgb", "depth": True},
    "plain, its own 48 px": {},
}
"""Factors of `plain` that are changed; the peer draws in colour."""
PEERS = {f"spriteworld, {OBJECTS} sprites": OBJECTS, "spriteworld, 1 sprite": 1}
WANTED = {("plain, 64 px", f"spriteworld, {OBJECTS} sprites"): 60.0}


def shown(seconds: float, batch_size: int = BATCH, **factors: Any) -> Measure:
    """Turns of ``plain`` with some factors changed; resets every 20 frames included."""
    scene = digits.make(tier="plain", batch_size=batch_size, factors=factors).scene
    rng = torch.Generator().manual_seed(0)
    return repeated(lambda: episodes(scene, batch_size, rng), seconds)


def rows(seconds: float, repeats: int) -> list[Row]:
    """Ours beside theirs."""
    with contextlib.ExitStack() as stack:
        peers = {}
        for label, objects in PEERS.items():
            module = "benchmarks.peers.theirs.spriteworld_scenes"
            words = [str(number) for number in (objects, SIZE, ANTI_ALIASING, seconds)]
            peers[label] = Worker("spriteworld", module, *words)
            stack.callback(peers[label].close)
        ours = {label: shown(seconds, **factors) for label, factors in OURS.items()}
        return contest("scenes", ours, peers, repeats, WANTED)
