"""The command line of ``dyna.diagnose``: trains world models from scratch and measures them."""

import shlex
import time
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig

from agents.last_box import LastBox
from dyna import results, seeding
from dyna.build import make
from dyna.cli import check_device, clear_errors
from dyna.diagnose import diagnose
from dyna.evaluate import SEED
from dyna.rollout import rollout

SHOWN_STEPS = (1, 3, 5, 10, 14)
AHEAD = 10
"""Steps ahead whose figures stand in the results."""


def probe(cfg: DictConfig, seed: int) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Trains one model and measures it.

    Returns:
        A row for the results file, and the rollout's figures step by step.
    """
    train = instantiate(
        cfg.env,
        split="train",
        batch_size=cfg.episodes,
        seed=seeding.child(seed, "env/train"),
        device=cfg.device,
    )
    real = rollout(train, LastBox(), explore=False).without_truth()
    with seeding.initialised(seed, "world_model/init"):
        model = make(cfg.world_model, frame_shape=train.scene.frame_shape).to(cfg.device)
    begin = time.process_time()
    fitted = model.fit(real, seeding.generator(seed, "world_model/fit", cfg.device))
    seconds = time.process_time() - begin
    test = instantiate(
        cfg.env,
        split="test",
        batch_size=cfg.test_episodes,
        seed=SEED + seed,
        device=cfg.device,
    )
    found = diagnose(model, rollout(test, LastBox(), explore=False), seed)
    ahead = next(r for r in found["rollout"] if r["step"] == min(AHEAD, len(found["rollout"])))
    row = {
        "tier": cfg.env.get("tier"),
        "seed": seed,
        "episodes": cfg.episodes,
        "cpu_seconds": seconds,
        "parameters": sum(p.numel() for p in model.parameters()),
        **found["perception"],
        **{f"{name}_at_{AHEAD}": value for name, value in ahead.items() if name != "step"},
        **{f"fit/{name}": value for name, value in fitted.items()},
    }
    return row, found["rollout"]


def run(cfg: DictConfig, overrides: list[str]) -> list[dict[str, Any]]:
    """Probes one seed after the other; prints each, and writes all after each."""
    for key in ("episodes", "test_episodes"):
        if not isinstance(cfg[key], int) or cfg[key] < 1:
            raise ValueError(f"{key}={cfg[key]} must be a whole number from 1 up")
    check_device(str(cfg.device))
    if not getattr(get_class(cfg.world_model._target_), "sees", False):
        raise ValueError(
            f"{cfg.world_model._target_} cannot look at frames, so there is nothing to measure: "
            "choose world_model=air"
        )
    torch.set_num_threads(cfg.threads)
    command = shlex.join(["python", "-m", "dyna.diagnose", *overrides])
    rows = []
    for seed in cfg.seeds:
        row, ahead = probe(cfg, seed)
        rows.append(row)
        print(
            f"seed {seed}: count accuracy {row['count_accuracy']:.3f}, "
            f"box IoU {row['box_iou']:.3f}, identity switches {row['switches']:.2f}, "
            f"{row['cpu_seconds']:.0f} CPU seconds"
        )
        print("  steps ahead: centre error in pixels (IoU)")
        for step in (r for r in ahead if r["step"] in SHOWN_STEPS):
            print(
                f"  {step['step']:3.0f}: model {step['error']:.2f} ({step['iou']:.2f})   "
                f"bounce {step['bounce_error']:.2f} ({step['bounce_iou']:.2f})   "
                f"copy {step['copy_error']:.2f} ({step['copy_iou']:.2f})   "
                f"oracle {step['oracle_error']:.2f} ({step['oracle_iou']:.2f})",
                flush=True,
            )
        results.write(Path(cfg.output), results.provenance(command), rows)
    print(f"written: {cfg.output}")
    return rows


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="diagnose")
def _task(cfg: DictConfig) -> None:
    with clear_errors():
        run(cfg, list(HydraConfig.get().overrides.task))


def main() -> None:
    """Entry point."""
    with clear_errors():
        _task()
