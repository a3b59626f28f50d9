"""How the speed of scenes and of dreams grows, or falls, with what there is to compute.

One thing is changed at a time; of ``plain`` all else stays as it is.
"""

import functools

from benchmarks.imagination import fitted
from benchmarks.peers.contest import Measure, turns
from benchmarks.peers.imagination import BATCH, HOWS, dreamt
from benchmarks.peers.scenes import shown
from dyna.scores.results import Row
from world_models.air.model import AIR

OBJECTS = (1, 2, 4, 8, 16)
BATCHES = (1, 16, 64, 256, 1024)
SIZES = (32, 48, 64, 96, 128)
EPISODES = (20, 50, 100)
"""Of replay, 20 frames each, that a model was fitted to."""
EPISODES_USUAL, EFFORT = 50, 0.03
"""Replay of all other models, and the share of the schedule that they are fitted for, for speed.
Whether a model that was fitted for longer dreams at another speed was not measured."""
DREAMT = {"objects": (1, 4), "batch size": BATCHES[:4], "frame side, px": SIZES[:3]}
"""AIR has slots for four objects; a fit takes 15 to 30 seconds, and longer for larger frames."""


@functools.cache
def model(size: int = 48, objects: int | None = None, episodes: int = EPISODES_USUAL) -> AIR:
    """A model fitted for a moment to ``plain`` with that many objects in frames of that size."""
    factors: dict[str, object] = {"frame_size": size}
    if objects is not None:
        factors |= {"min_objects": objects, "max_objects": objects}
    return fitted("plain", EFFORT, "cpu", episodes, factors)


def rows(seconds: float, repeats: int) -> list[Row]:
    """A row a point: what was measured, what was changed, to what, and how fast it was."""
    points: dict[tuple[str, str, int], Measure] = {}
    for n in OBJECTS:
        points["scenes", "objects", n] = shown(seconds, min_objects=n, max_objects=n)
    for n in BATCHES:
        points["scenes", "batch size", n] = shown(seconds, batch_size=n)
    for n in SIZES:
        points["scenes", "frame side, px", n] = shown(seconds, frame_size=n)
    for how, decode in HOWS.items():
        of = f"dreams, {how}"
        for n in DREAMT["objects"]:
            points[of, "objects", n] = dreamt(model(objects=n), decode, seconds)
        for n in DREAMT["batch size"]:
            points[of, "batch size", n] = dreamt(model(), decode, seconds, n)
        for n in DREAMT["frame side, px"]:
            points[of, "frame side, px", n] = dreamt(model(size=n), decode, seconds)
        for n in EPISODES:
            points[of, "episodes in replay", n] = dreamt(model(episodes=n), decode, seconds)
    found = turns({repr(point): measure for point, measure in points.items()}, repeats)
    return [
        {
            "part": "growth",
            "of": point[0],
            "axis": point[1],
            "value": point[2],
            "batch_size": point[2] if point[1] == "batch size" else BATCH,
            "frames_per_cpu_second": max(float(speed) for speed in found[repr(point)]),
        }
        for point in points
    ]
