"""Imagined frames per CPU second: start, prior and decode of the AIR world model.

The model is fitted for a moment, for an unfitted one has nothing to dream of. Writes
``outputs/speed_imagination.json``. One thread, process time, the best of ``--repeats`` runs:

    python -m benchmarks.imagination
"""

import argparse
import itertools
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import torch

from agents.last_box import LastBox
from benchmarks.scenes import HORIZON, episodes
from dyna.loop.imagination import Imagination
from dyna.loop.rollout import rollout
from dyna.scores import results
from envs import digits
from world_models.air.model import AIR


def fitted(
    tier: str, effort: float, device: str, number: int = 50, factors: dict[str, Any] | None = None
) -> AIR:
    """A model that has seen ``number`` episodes for a share of the usual schedule."""
    env = digits.make(tier=tier, batch_size=number, seed=0, device=device, factors=factors)
    real = rollout(env, LastBox(), explore=False).without_truth()
    torch.manual_seed(0)
    model = AIR(env.scene.frame_shape).to(device)
    model.fit(real, torch.Generator(device).manual_seed(0), effort)
    return model


def dreams(model: AIR, batch_size: int, decode: bool, rng: torch.Generator) -> int:
    """Dreams as many episodes, decoded or latent, and returns the number of their frames."""
    if decode:
        return episodes(Imagination(model), batch_size, rng)
    state = model.start(batch_size, rng)
    for _ in range(HORIZON - 1):
        state = model.prior(state, rng)
    state.where.cpu()
    return HORIZON * batch_size


def frames_per_cpu_second(
    model: AIR, batch_size: int, decode: bool, seconds: float, repeats: int, device: str
) -> float:
    """The best of some runs of at least ``seconds`` each, starts every 20 frames included."""
    rng = torch.Generator(device).manual_seed(0)
    best = 0.0
    for _ in range(repeats):
        frames, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            frames += dreams(model, batch_size, decode, rng)
        best = max(best, frames / (time.process_time() - start))
    return best


def main() -> None:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiers", nargs="+", default=["plain", "medium"])
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[32, 64, 256])
    parser.add_argument("--effort", type=float, default=0.15, help="share of the fitting schedule")
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds per run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, default=Path("outputs/speed_imagination.json"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[results.Row] = []
    for tier in chosen.tiers:
        model = fitted(tier, chosen.effort, chosen.device)
        for batch_size, decode in itertools.product(chosen.batch_sizes, (True, False)):
            fps = frames_per_cpu_second(
                model, batch_size, decode, chosen.seconds, chosen.repeats, chosen.device
            )
            what = "decoded" if decode else "latent"
            rows.append(
                {
                    "tier": tier,
                    "batch_size": batch_size,
                    "frames": what,
                    "frames_per_cpu_second": round(fps),
                }
            )
            print(f"{tier:8s} batch {batch_size:4d} {what:8s} {fps:8.0f} frames per CPU second")
    command = shlex.join(["python", "-m", "benchmarks.imagination", *sys.argv[1:]])
    results.write(chosen.output, results.provenance(command), rows)


if __name__ == "__main__":
    main()
