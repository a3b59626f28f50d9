"""What was tried of the learner that is taught boxes: one thing changed at a time.

Every learner has the same real frames and 120,000 frames of the simulator's own episodes of
``medium``, so only learning differs. It is scored on training digits in scenes that no learner
saw: what is chosen by these figures is not chosen by those that are published. Writes
``outputs/learners.json`` after every run, an hour a seed on one core:

    python -m benchmarks.learners
"""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import hydra
import torch

from dyna.evaluation.heldout import evaluate
from dyna.reporting.grids import KIND
from dyna.running.build import build, make
from dyna.scores import results

RUN = ("env.tier=medium", "world_model=oracle", "real_frames=1000", "imagined_frames=120000")
LEARNERS = {
    "agent=hart": (),
    "agent=hart_supervised, as published": ("agent=hart_supervised",),
    "no real rewards": ("agent.rewards=null",),
    "minibatches of 8 episodes, not 16": ("agent.minibatch=[[null,8]]",),
    "of 8, steps of 0.002": ("agent.minibatch=[[null,8]]", "agent.learning_rate=[[null,0.002]]"),
    "steps of 0.002, not 0.003": ("agent.learning_rate=[[null,0.002]]",),
    "of 0.004": ("agent.learning_rate=[[null,0.004]]",),
    "one pass, not two": ("agent.epochs=[[null,1]]",),
    "three passes": ("agent.epochs=[[null,3]]",),
    "64 episodes side by side, not 32": ("batch_size=64",),
    "loss on the location map": ("agent.objective.appearance=true",),
    "no location map": ("agent.policy.appearance=false",),
    "the first glimpse stays (template)": ("agent.policy.template=true",),
    "glimpses of 16, not 20": ("agent.policy.glimpse=16",),
    "more maps: 24 and 32": ("agent.policy.channels=[24,32]",),
    "longer memory: 160, not 100": ("agent.policy.memory=160",),
    "exploration falls to 0.05, not 0.1": ("agent.std=[0.25,0.05]",),
    "long episodes sooner": ("agent.horizons=[[8000,5],[20000,10],[null,20]]",),
}
"""What differs, and how to say so."""
COLUMNS = {
    "learner": "what differs",
    "overrides": "override",
    "mean": "IoU",
    "iou": "seeds",
    "lost": "lost",
    "cpu_seconds": "CPU s",
}
VALIDATION_SEED = 4242
EPISODES = 512


def score(overrides: Sequence[str], seed: int) -> dict[str, float]:
    """IoU and share of lost targets of one learner, and the CPU seconds that it took."""
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("train", [*RUN, *overrides, f"seed={seed}"])
    dyna = build(cfg)
    begin = time.process_time()
    for _ in dyna.steps():
        pass
    seconds = time.process_time() - begin
    env = make(cfg.env, split="train", batch_size=64, seed=VALIDATION_SEED)
    found = evaluate(dyna.agent, env, EPISODES)
    return {"iou": found["eval/iou"], "lost": found["eval/lost"], "cpu_seconds": seconds}


def row(learner: str, overrides: Sequence[str], scores: Sequence[dict[str, float]]) -> results.Row:
    """A learner's scores, seed by seed, and their means."""
    mean = {key: sum(each[key] for each in scores) / len(scores) for key in scores[0]}
    return {
        "learner": learner,
        "overrides": " ".join(f"`{each}`" for each in overrides),
        "iou": [round(each["iou"], 4) for each in scores],
        "mean": round(mean["iou"], 4),
        "lost": round(mean["lost"], 4),
        "cpu_seconds": round(mean["cpu_seconds"], 1),
    }


def main() -> None:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", nargs="+", default=list(LEARNERS), choices=list(LEARNERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--output", type=Path, default=Path("outputs/learners.json"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    command = shlex.join(["python", "-m", "benchmarks.learners", *sys.argv[1:]])
    header = results.provenance(command) | {"kind": KIND, "columns": COLUMNS}
    rows: list[results.Row] = []
    for learner in chosen.learners:
        scores = [score(LEARNERS[learner], seed) for seed in chosen.seeds]
        rows.append(row(learner, LEARNERS[learner], scores))
        results.write(chosen.output, header, rows)
        print(f"{learner:40s} {rows[-1]['mean']:.4f} {rows[-1]['cpu_seconds']:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
