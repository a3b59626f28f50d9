"""Frames per CPU second of training HART by PPO: collecting them and learning from them.

Scenes are part of it. One stage of the training schedule per row, named by the agent frames at
which it begins; every run but the shortest spends nearly all its frames in the last one. Writes
``outputs/speed_training.json``. One thread, process time, the best of ``--repeats`` runs:

    python -m benchmarks.training
"""

import argparse
import itertools
import shlex
import sys
import time
from pathlib import Path

import hydra
import torch

from agents.ppo import PPO
from dyna.loop.rollout import rollout
from dyna.running.build import make
from dyna.scores import results
from envs import digits


def build(name: str, frame_shape: tuple[int, int, int], device: str) -> PPO:
    """The agent of ``conf/agent/<name>.yaml``."""
    with hydra.initialize_config_module("conf", version_base="1.3"):
        config = hydra.compose(overrides=[f"+agent={name}"]).agent
    return make(config, frame_shape=frame_shape, seed=0, device=device)


def measure(
    agent: PPO, tier: str, begin: int, seconds: float, repeats: int, device: str
) -> results.Row:
    """Frames per CPU second, and how the time divides, from ``begin`` agent frames on."""
    env = digits.make(tier=tier, batch_size=32, seed=0, device=device)
    horizon = agent.horizon(begin)
    best: results.Row = {"frames_per_cpu_second": 0}
    for attempt in range(repeats + 1):  # the first one warms up
        frames, collecting, learning = 0, 0.0, 0.0
        while not frames or (attempt and collecting + learning < seconds):
            start = time.process_time()
            trajectory = rollout(env, agent, horizon)
            collected = time.process_time()
            agent.frames = begin
            agent.update(trajectory, 0.5)
            frames += trajectory.num_frames
            collecting += collected - start
            learning += time.process_time() - collected
        speed = round(frames / (collecting + learning))
        if attempt and speed > best["frames_per_cpu_second"]:
            best = {
                "frames_per_cpu_second": speed,
                "collect_frames_per_cpu_second": round(frames / collecting),
                "update_frames_per_cpu_second": round(frames / learning),
            }
    return {"horizon": horizon or env.horizon} | best


def main() -> None:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", nargs="+", default=["hart_ppo", "hart_full"])
    parser.add_argument("--tiers", nargs="+", default=["plain", "medium"])
    parser.add_argument("--stages", nargs="+", type=int, default=[0, 3000, 5000, 10000])
    parser.add_argument("--seconds", type=float, default=3.0, help="CPU seconds per run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, default=Path("outputs/speed_training.json"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[results.Row] = []
    for name, tier, begin in itertools.product(chosen.agents, chosen.tiers, chosen.stages):
        shape = digits.make(tier=tier, batch_size=1).scene.frame_shape
        agent = build(name, shape, chosen.device)
        row = measure(agent, tier, begin, chosen.seconds, chosen.repeats, chosen.device)
        rows.append({"agent": name, "tier": tier, "agent_frames": begin} | row)
        speed = row["frames_per_cpu_second"]
        print(f"{name:10s} {tier:8s} from {begin:6d} frames: {speed:6d} frames/CPU-s", flush=True)
    command = shlex.join(["python", "-m", "benchmarks.training", *sys.argv[1:]])
    results.write(chosen.output, results.provenance(command), rows)


if __name__ == "__main__":
    main()
