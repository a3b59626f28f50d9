"""Side by side: everybody is measured by turns, so that a slow minute of the machine hits all.

A ratio is that of the best turns; its spread, from the least to the largest of single turns, tells
how far the machine can be trusted.
"""

import time
from collections.abc import Callable, Mapping

from dyna.scores.results import Row

Measure = Callable[[], float]
"""One turn: frames per CPU second."""


class Missing(Exception):
    """A peer cannot be measured here; says why."""


def repeated(stint: Callable[[], int], seconds: float) -> Measure:
    """Turns of a piece of work that is done again and again; once before the first one.

    Args:
        stint: Works, and returns how many frames it made.
        seconds: CPU seconds of this process that a turn takes at least.
    """
    warm = False

    def measure() -> float:
        nonlocal warm
        if not warm:
            stint()
            warm = True
        frames, start = 0, time.process_time()
        while not frames or time.process_time() - start < seconds:
            frames += stint()
        return frames / (time.process_time() - start)

    return measure


def turns(entrants: Mapping[str, Measure], repeats: int) -> dict[str, list[float] | str]:
    """Frames per CPU second of every turn, by name; or why there are none."""
    found: dict[str, list[float] | str] = {name: [] for name in entrants}
    for _ in range(repeats):
        for name, measure in entrants.items():
            speeds = found[name]
            if isinstance(speeds, str):
                continue
            try:
                speeds.append(measure())
            except Missing as reason:
                found[name] = str(reason)
    return found


def contest(
    part: str,
    ours: Mapping[str, Measure],
    peers: Mapping[str, Measure],
    repeats: int,
    wanted: Mapping[tuple[str, str], float] | None = None,
) -> list[Row]:
    """A row for each of ours and each peer: both speeds and their ratio.

    Args:
        part: What is measured.
        ours: Turns of our own, by name.
        peers: Theirs.
        repeats: Turns of each.
        wanted: The ratio that we want at least, by our name and theirs.
    """
    found = turns({**ours, **peers}, repeats)
    rows = []
    for mine in ours:
        for peer in peers:
            row: Row = {"part": part, "ours": mine, "peer": peer}
            if wanted and (mine, peer) in wanted:
                row["wanted"] = wanted[mine, peer]
            rows.append(row | ratio(found[mine], found[peer]))
    return rows


def ratio(ours: list[float] | str, theirs: list[float] | str) -> Row:
    """What a row says of two who took turns with each other, or of who is missing."""
    if isinstance(ours, str) or isinstance(theirs, str):
        return {"status": "missing", "note": ours if isinstance(ours, str) else theirs}
    by_turn = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return {
        "status": "ok",
        "frames_per_cpu_second": max(ours),
        "peer_frames_per_cpu_second": max(theirs),
        "ratio": max(ours) / max(theirs),
        "ratio_low": min(by_turn),
        "ratio_high": max(by_turn),
        "repeats": len(by_turn),
    }
