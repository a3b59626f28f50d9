"""Frames per CPU second of every tier of digits, resets every 20 frames included.

Writes ``outputs/speed_scenes.json``. One thread, process time, the best of ``--repeats`` runs:

    python -m benchmarks.scenes
"""

import argparse
import itertools
import shlex
import sys
import time
from pathlib import Path

import torch

from dyna.scores import results
from envs import digits
from envs.scene import Scene
from envs.simulator.tiers import TIERS

HORIZON = 20


def episodes(scene: Scene, batch_size: int, rng: torch.Generator) -> int:
    """Shows as many episodes, and returns the number of their frames."""
    scene.reset(batch_size, rng)
    for _ in range(HORIZON - 1):
        view = scene.advance(rng)
    view.frame.cpu()
    return HORIZON * batch_size


def frames_per_cpu_second(
    tier: str, batch_size: int, seconds: float, repeats: int, device: str
) -> float:
    """The best of some runs of at least ``seconds`` each; tables are built beforehand."""
    scene = digits.make(tier=tier, batch_size=batch_size, device=device).scene
    rng = torch.Generator(device).manual_seed(0)
    scene.reset(batch_size, rng)
    best = 0.0
    for _ in range(repeats):
        frames, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            frames += episodes(scene, batch_size, rng)
        best = max(best, frames / (time.process_time() - start))
    return best


def main() -> None:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiers", nargs="+", default=list(TIERS), choices=list(TIERS))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[16, 64, 256])
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds per run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, default=Path("outputs/speed_scenes.json"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[results.Row] = []
    for tier, batch_size in itertools.product(chosen.tiers, chosen.batch_sizes):
        fps = frames_per_cpu_second(
            tier, batch_size, chosen.seconds, chosen.repeats, chosen.device
        )
        rows.append({"tier": tier, "batch_size": batch_size, "frames_per_cpu_second": round(fps)})
        print(f"{tier:12s} batch {batch_size:4d} {fps:8.0f} frames per CPU second", flush=True)
    command = shlex.join(["python", "-m", "benchmarks.scenes", *sys.argv[1:]])
    results.write(chosen.output, results.provenance(command), rows)


if __name__ == "__main__":
    main()
