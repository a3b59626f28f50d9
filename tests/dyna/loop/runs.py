"""Runs that end in a second, and what they leave."""

import json
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import DictConfig

from dyna.running.checkpoint import Checkpoints, load

TINY = [
    "real_frames=140",
    "imagined_frames=160",
    "batch_size=4",
    "effort=0.01",
    "evaluations=2",
    "evaluation_episodes=4",
    "final_episodes=6",
    "checkpoint_every=0",
    "progress=false",
    "pictures=false",
    "env.horizon=10",
    "agent.horizons=[[60,5],[null,null]]",
    "agent.epochs=[[null,1]]",
]


def tiny(folder: Path, *overrides: str) -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose("train", [*TINY, f"folder={folder}", *overrides])


def rows(folder: Path) -> list[dict[str, Any]]:
    """What was logged, timings aside."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if not k.startswith(("time/", "speed/"))}
        for line in lines
    ]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load(Checkpoints(folder / "checkpoints", {}).paths()[-1])["agent"]["policy"]
