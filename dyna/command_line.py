"""``python -m dyna key=value ...``: one clear line for every mistake, before any work starts."""

import contextlib
import errno
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dyna.running.run import run

FULL_ERROR = os.environ.get("HYDRA_FULL_ERROR") == "1"
LOWEST = {
    "seed": 0,
    "real_frames": 1,
    "imagined_frames": 0,
    "batch_size": 1,
    "rounds": 1,
    "replay_capacity": 1,
    "evaluations": 0,
    "evaluation_episodes": 1,
    "final_episodes": 1,
    "threads": 1,
}
"""Whole numbers of ``conf/train.yaml``, and the least that each may be."""
COMMANDS = ("evaluate", "compare", "track", "diagnose")
"""Modules of this package with a command line of their own."""
LONGEST_NAME = 120
"""Longer names of run folders are cut and get a hash (file systems allow 255 bytes)."""


def run_name(overrides: str) -> str:
    """Folder name of a run from its overrides: no slashes, not too long, never empty."""
    name = re.sub(r"[/\\\s]+", "_", overrides) or "default"
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(overrides.encode()).hexdigest()[:8]
    return name.encode()[:LONGEST_NAME].decode(errors="ignore") + f"-{digest}"


OmegaConf.register_new_resolver("run_name", run_name, replace=True)


def quote_paths(arguments: list[str]) -> list[str]:
    """Quotes paths given as they are: Hydra would read the ``=`` and ``,`` of our folders' names.

    Example:
        >>> quote_paths(["seed=1", "checkpoint=outputs/a=1,b=2/seed=0"])
        ['seed=1', 'checkpoint="outputs/a=1,b=2/seed=0"']
    """
    if {"-m", "--multirun"} & set(arguments):  # there a comma means a choice
        return arguments
    path = re.compile(r"(checkpoint|start|folder|env\.digits|env\.path)=([^'\"\[{$]*[=,][^'\"]*)")
    return [path.sub(r'\1="\2"', a) if path.fullmatch(a) else a for a in arguments]


def validate(cfg: DictConfig) -> None:
    """Checks what can be checked before any work.

    Raises:
        ValueError: A value is bad; the message names it and the mend.
    """
    for key, least in LOWEST.items():
        value = cfg[key]
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{key}={value} is not a whole number: give one from {least} up")
        if value < least:
            raise ValueError(f"{key}={value} is too low: give {least} or more")
    for key in ("effort", "refit_effort", "checkpoint_every"):
        value = cfg[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{key}={value} is not a number from 0 up: give one")
    for key in ("overwrite", "progress", "pictures", "debug"):
        if not isinstance(cfg[key], bool):
            raise ValueError(f"{key}={cfg[key]} is neither true nor false: give one of them")
    check_device(str(cfg.device))


def check_device(name: str) -> None:
    """Makes sure that torch can compute on the device.

    Raises:
        ValueError: It cannot, or does not know the name.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device={name} is unknown: give cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name}, but torch sees no CUDA device: give device=cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={name}, but torch sees {torch.cuda.device_count()} CUDA device(s): "
            "give a lower number"
        )
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device={name} is not supported: give cpu, cuda or cuda:N")


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="train")
def _task(cfg: DictConfig) -> None:
    # In a sweep Hydra itself goes on with the other runs, and raises in the end.
    alone = HydraConfig.get().mode is RunMode.RUN
    with clear_errors() if alone else contextlib.nullcontext():
        if cfg.study is not None:
            from dyna.study import study

            study.run_study(cfg)
            return
        try:
            validate(cfg)
            summary = run(cfg)
        finally:
            _remove_if_empty(Path(HydraConfig.get().runtime.output_dir))
        _report(summary, Path(cfg.folder))


def _report(summary: dict, folder: Path) -> None:
    """Prints what came out."""
    for key, value in summary.items():
        if key.startswith("eval/"):
            print(f"{key:24} {value:.4g}")
    print(
        f"{summary['real_frames']:,} real + {summary['imagined_frames']:,} imagined frames, "
        f"{summary['time/cpu_seconds']:.0f} CPU seconds -> {folder}"
    )


def _remove_if_empty(folder: Path) -> None:
    """Hydra makes the run's folder before we can say no."""
    with contextlib.suppress(OSError):
        for path in (folder, *folder.parents[:3]):
            if path.resolve() == Path.cwd():
                break
            path.rmdir()


def all_keys() -> str:
    """Where to look for the keys of the command that runs."""
    name = Path(sys.argv[0]).stem.removeprefix("dyna-")
    module = f"dyna.{name}" if name in COMMANDS else "dyna"
    return f"python -m {module} --cfg job lists all keys"


def one_line(error: BaseException) -> str:
    """The message of an error in one line, without Hydra's wrapping."""
    while isinstance(error, InstantiationException) and error.__cause__ is not None:
        error = error.__cause__
    text = str(error)
    unknown = re.search(r"Could not override '([^']+)'|Key '([^']+)' is not in struct", text)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        if error.errno == errno.ENOSPC and "make room" not in text:
            text += ": make room and run the same command again"
    elif isinstance(error, TypeError) and "argument" in text:
        text += f" ({all_keys()})"
    elif unknown and isinstance(error, HydraException | OmegaConfBaseException):
        key = unknown[1] or unknown[2]
        text = f"unknown key {key} ({all_keys()})"
    elif isinstance(error, HydraException) and "Could not find" in text:
        choices = re.findall(r"^\t([\w-]+)$", text, re.MULTILINE)
        text = text.splitlines()[0]
        if choices:
            text += f": choose one of {', '.join(choices)}"
    return " ".join(text.split())


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Turns the errors that a user can mend into one line on stderr and exit code 2.

    ``debug=true`` or ``HYDRA_FULL_ERROR=1`` gives the traceback. Errors of other kinds are ours,
    and keep theirs.
    """
    full = "debug=true" in sys.argv or FULL_ERROR
    # Hydra prints many lines and leaves unless it is told to raise.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    except (ValueError, OSError, FloatingPointError, HydraException, OmegaConfBaseException) as e:
        if full:
            raise
        print(f"error: {one_line(e)}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise SystemExit(130) from None


def main() -> None:
    """Entry point."""
    sys.argv[1:] = quote_paths(sys.argv[1:])
    with clear_errors():
        _task()
