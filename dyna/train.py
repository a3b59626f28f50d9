"""``python -m dyna key=value ...``: one run, or the many of a study."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from dyna.command_line import call, clear_errors_of_one
from dyna.running.checks import (
    check_device,
    check_factors,
    check_folder,
    check_keys,
    check_name,
)
from dyna.running.run import run
from envs.settings import check

LOWEST = {
    "seed": 0,
    "real_frames": 1,
    "imagined_frames": 0,
    "batch_size": 1,
    "rounds": 1,
    "replay_capacity": 1,
    "evaluations": 0,
    "evaluation_episodes": 1,
    "warmup": 0,
    "final_episodes": 1,
    "threads": 1,
}
"""Whole numbers of ``conf/train.yaml``, and the least that each may be."""


def validate(cfg: DictConfig) -> None:
    """Checks what can be checked before any work.

    Raises:
        ValueError: A value is bad; the message names it and the mend.
    """
    numbers = ("effort", "refit_effort", "checkpoint_every")
    flags = ("overwrite", "progress", "pictures", "publish", "debug")
    check_keys(
        cfg,
        LOWEST,
        numbers,
        flags,
        texts=("name", "folder", "start", "fits"),
        optional=("rounds",),
    )
    check_factors("generalise", cfg.generalise)
    check("gate", cfg.gate, float | None, {"most": 1})
    if cfg.warmup > cfg.real_frames:
        raise ValueError(
            f"warmup={cfg.warmup} real frames never come: real_frames={cfg.real_frames}; lower "
            "warmup, or give world_model=none"
        )
    check_device(str(cfg.device))
    check_name("name", cfg.name)
    check_folder("folder", cfg.folder)
    if cfg.fits is not None:
        check_folder("fits", cfg.fits)
    if cfg.publish:
        raise ValueError("publish=true is for the table of a study: give experiment=..., too")


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="train")
def _task(cfg: DictConfig) -> None:
    with clear_errors_of_one():
        if cfg.study is not None:
            from dyna.study.study import run_study  # only now: matplotlib takes a second

            run_study(cfg)
            return
        validate(cfg)
        _report(run(cfg), Path(cfg.folder))


def _report(summary: dict, folder: Path) -> None:
    """Prints what came out."""
    for key, value in summary.items():
        if key.startswith("eval/"):
            print(f"{key:24} {value:.4g}")
    print(
        f"{summary['real_frames']:,} real + {summary['imagined_frames']:,} imagined frames, "
        f"{summary['time/cpu_seconds']:.0f} CPU seconds -> {folder}"
    )


def main() -> None:
    """Entry point."""
    call(_task)


if __name__ == "__main__":
    main()
