"""Fitted world models, kept for runs that would fit the same one again.

Runs that differ in how a model dreams need one fit. It is found by all that decides it: the model,
its settings (but for those that only say how it dreams), its weights, the episodes, the generator,
the effort, and the code. Only models whose ``settings`` are `Settings` share. Two runs may write
the same file at a time: each writes it whole, and both the same.
"""

import contextlib
import dataclasses
import hashlib
import inspect
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
from envs.settings import Settings
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


class Fits:
    """A folder of fitted models.

    Args:
        folder: It is made when there is something to keep.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = _code()  # as it is imported; it may be edited while we run

    def fit(self, model: WorldModel, real: Trajectory, rng: torch.Generator, effort: float) -> Fit:
        """Fits a model, or makes it and the generator what they would be after it."""
        settings = getattr(model, "settings", None)
        if not isinstance(settings, Settings):
            return Fit(model.fit(real, rng, effort))
        key = _key(model, settings, real, rng, [effort, torch.get_num_threads(), self.code])
        path = self.folder / f"{key}.pt"
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


def _key(
    model: WorldModel, settings: Settings, real: Trajectory, rng: torch.Generator, more: list[Any]
) -> str:
    """What two fits share that find the same."""
    told = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if field.name not in settings.DREAMING
    }
    frames = {
        field.name: value
        for field in dataclasses.fields(real)
        if isinstance(value := getattr(real, field.name), Tensor)
    }
    home = inspect.getsourcefile(type(model))  # of a member of one's own, too
    who = [type(model).__qualname__, Path(home).read_text() if home else ""]
    found = hashlib.sha256()
    _digest([who, told, dict(model.state_dict()), frames, rng.get_state(), more], found)
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
    except Exception as error:  # a full disk, or what cannot be saved; the run goes on
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        warnings.warn(f"{path} was not written ({error}): other runs will fit anew", stacklevel=3)
