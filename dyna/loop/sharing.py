"""Fitted world models, kept for runs that would fit the same one again.

Runs that differ in how a model dreams, or in who learns from it, need one fit. It is found by all
that decides it: the model, its settings (but for those that only say how it dreams), its weights,
the episodes, the generator, the effort, and the code.
"""

import contextlib
import dataclasses
import hashlib
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import envs
import world_models
from envs.scene import restore
from envs.trajectory import Trajectory
from world_models.base import WorldModel

PACKAGES = (world_models, envs)
"""Where the code is that decides what a fit finds."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """What fitting gave.

    Attributes:
        metrics: See `WorldModel.fit`.
        wall: Seconds that it took another run; 0 if it was done now.
        cpu: The same of the process.
    """

    metrics: dict[str, float]
    wall: float = 0.0
    cpu: float = 0.0


@dataclasses.dataclass(frozen=True)
class Fits:
    """A folder of fitted models.

    Attributes:
        folder: It is made when there is something to keep.
    """

    folder: Path

    def fit(self, model: WorldModel, real: Trajectory, rng: torch.Generator, effort: float) -> Fit:
        """Fits a model, or makes it and the generator what they would be after it."""
        path = self.folder / f"{_key(model, real, rng, effort)}.pt"
        if (known := _read(path)) is not None:
            model.load_state_dict(known["model"])
            restore(rng, known["rng"])
            return Fit(known["metrics"], known["wall"], known["cpu"])
        wall, cpu = time.perf_counter(), time.process_time()
        metrics = model.fit(real, rng, effort)
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        state = {"model": dict(model.state_dict()), "rng": rng.get_state(), "metrics": metrics}
        _write(path, {**state, **spent})
        return Fit(metrics)


def _key(model: WorldModel, real: Trajectory, rng: torch.Generator, effort: float) -> str:
    """What two fits share that find the same."""
    found = hashlib.sha256()
    settings: Any = getattr(model, "settings", None)
    told = {
        field.name: getattr(settings, field.name)
        for field in (dataclasses.fields(settings) if settings else ())
        if not field.metadata.get("dreaming")
    }
    frames = {
        field.name: value
        for field in dataclasses.fields(real)
        if isinstance(value := getattr(real, field.name), Tensor)
    }
    who = f"{type(model).__module__}.{type(model).__qualname__}"
    parts = [who, told, dict(model.state_dict()), frames, rng.get_state(), effort, _code()]
    _digest(parts, found)
    return found.hexdigest()[:24]


def _digest(value: Any, found: Any) -> None:
    """Adds a value to a hash, and all that it holds."""
    if isinstance(value, Tensor):
        found.update(f"{value.dtype} {tuple(value.shape)}".encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    elif isinstance(value, Mapping):
        for name, part in value.items():
            found.update(repr(name).encode())
            _digest(part, found)
    elif isinstance(value, list | tuple):
        for part in value:
            _digest(part, found)
    else:
        found.update(repr(value).encode())


def _code() -> list[str]:
    """Torch's version, and what is written in our own packages."""
    files = [path for package in PACKAGES for path in Path(package.__path__[0]).rglob("*.py")]
    return [torch.__version__, *(path.read_text() for path in sorted(files))]


def _read(path: Path) -> dict[str, Any] | None:
    """What is kept there, if it is whole."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip files and torch have each their own
        warnings.warn(f"{path} is damaged ({error!r}) and is fitted anew", stacklevel=3)
        return None
    return state


def _write(path: Path, state: Mapping[str, Any]) -> None:
    """Keeps it, whole or not at all; a run does not need it."""
    draft = path.with_suffix(f".{time.monotonic_ns()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(dict(state), draft)
        draft.replace(path)
    except (OSError, RuntimeError) as error:  # torch's own, of a full disk
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        warnings.warn(f"{path} was not written ({error}): other runs will fit anew", stacklevel=3)
