"""Our speeds beside those of peers, measured in one run, by turns, as ratios.

Training beside RecurrentPPO, scenes beside Spriteworld, dreams beside a plain RSSM, HART beside
OpenCV's trackers; and how scenes and dreams grow. Peers are installed into ``.venv-peers``; one
that cannot be has a row that says so. Writes ``outputs/speed_peers.json``. One thread, process
time, under ten minutes:

    python -m benchmarks.peers
"""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.peers import growth, imagination, scenes, tracking, training
from dyna.reporting import speeds
from dyna.scores import results

PARTS = (*speeds.TITLES, "growth")
MORE = 2
"""Turns more where they are short: these scatter most."""


def main() -> None:
    """Measures, prints and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds per turn")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each")
    parser.add_argument(
        "--nanotrack",
        type=Path,
        default=Path("../shared/data/nanotrack"),
        help=f"folder with {' and '.join(tracking.WEIGHTS)}",
    )
    parser.add_argument("--output", type=Path, default=Path("outputs/speed_peers.json"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    seconds, repeats = chosen.seconds, chosen.repeats
    measures: dict[str, Callable[[], list[results.Row]]] = {
        "training": lambda: training.rows(3 * seconds, repeats),
        "scenes": lambda: scenes.rows(seconds, repeats + MORE),
        "imagination": lambda: imagination.rows(growth.model(size=64), seconds, repeats),
        "tracking": lambda: tracking.rows(chosen.nanotrack, seconds, repeats + MORE),
        "growth": lambda: growth.rows(seconds / 2, repeats),
    }
    rows: list[results.Row] = []
    for part in chosen.parts:
        found = measures[part]()
        print(f"{speeds.as_text(found)}\n", flush=True)
        rows += found
    command = shlex.join(["python", "-m", "benchmarks.peers", *sys.argv[1:]])
    results.write(chosen.output, {"kind": speeds.KIND, **results.provenance(command)}, rows)


if __name__ == "__main__":
    main()
