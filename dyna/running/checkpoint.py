"""Checkpoints that survive a kill at any moment: atomic, checksummed, the last two kept.

A file is one line of header (magic, version, SHA-256 and length of the rest) and a ``torch.save``
archive that holds tensors and plain values only, so loading one runs no code.
"""

import contextlib
import hashlib
import io
import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

MAGIC = b"dyna-checkpoint 1 "
VOLATILE = frozenset(
    {"logger", "folder", "name", "overwrite", "debug", "threads", "progress"}
    | {"checkpoint_every", "pictures", "publish", "path", "hydra", "fits"}
)
"""Keys of the config that may differ between a checkpoint and the run that goes on with it."""
OWN_FILES = ("config.yaml", "metrics.jsonl", "summary.json", "report.html")
OWN_FOLDERS = ("checkpoints", "videos", "tensorboard", "wandb")
"""What a run leaves in its folder."""
HOW = "give a file of outputs/.../checkpoints, or the folder of a run"
MOVED = {
    "agents.hart_objective.HARTObjective": "agents.hart.HARTObjective",
    "dyna.logger.JSONL": "dyna.running.logger.JSONL",
    "dyna.logger.TensorBoard": "dyna.running.logger.TensorBoard",
    "dyna.logger.WandB": "dyna.running.logger.WandB",
}
"""Targets in the configs of older checkpoints, and where they are now."""


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a checkpoint that is there whole or not at all.

    Raises:
        OSError: It could not be written (a full disk, say); older files are untouched.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    payload = buffer.getvalue()
    digest = hashlib.sha256(payload).hexdigest().encode()
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(MAGIC + digest + b" %d\n" % len(payload))
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f"checkpoint not written ({error.strerror}); older ones are intact: make room and "
            "run the same command again",
            str(path),
        ) from error
    _sync_folder(path.parent)


def load(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint: ``config`` (plain dict), ``agent``, ``world_model`` and the rest.

    A folder stands for the newest checkpoint in it, or in its folder ``checkpoints``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a checkpoint, or is truncated or damaged.
    """
    path = Path(path)
    if path.is_dir():
        inner = path.glob("checkpoints/checkpoint-*.pt")
        path = max(path.glob("checkpoint-*.pt"), default=max(inner, default=path))
    if not path.is_file():
        raise FileNotFoundError(
            f"no checkpoint at {path}: give a checkpoint file, or a folder that holds some"
        )
    with path.open("rb") as file:
        header = file.readline(200)
        if not header.startswith(MAGIC) or not header.endswith(b"\n"):
            raise ValueError(
                f"{path} is not a dyna checkpoint, or its start is damaged: {HOW}, which "
                "python -m dyna writes"
            )
        payload = file.read()
    mend = "delete it to go on from the one before, or take another file"
    digest, _, length = header[len(MAGIC) :].strip().partition(b" ")
    if not length.isdigit() or len(payload) != int(length):
        raise ValueError(
            f"{path} is truncated ({len(payload)} of "
            f"{length.decode(errors='replace')} bytes): {mend}"
        )
    if hashlib.sha256(payload).hexdigest().encode() != digest:
        raise ValueError(f"{path} is damaged (its checksum does not match): {mend}")
    try:
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip files and torch have each their own
        # Its text is left out: torch's advice is to run the code in the file.
        raise ValueError(
            f"{path} holds more than tensors and plain values, as no checkpoint of dyna's does, "
            f"and is not read: {HOW}"
        ) from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds no state of a run: {HOW}")
    return {**state, "config": _renamed(state["config"])} if "config" in state else state


def _renamed(node: Any) -> Any:
    """A config whose targets are where they are today."""
    if isinstance(node, Mapping):
        return {
            key: MOVED.get(str(value), value) if key == "_target_" else _renamed(value)
            for key, value in node.items()
        }
    return [_renamed(item) for item in node] if isinstance(node, list) else node


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a config that decides the numbers, as flat ``group.key`` -> value."""
    flat: dict[str, Any] = {}

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, Mapping):
            for key, value in node.items():
                walk(f"{prefix}.{key}" if prefix else str(key), value)
        else:
            flat[prefix] = node

    walk("", {key: value for key, value in config.items() if key not in VOLATILE})
    return flat


def config_hash(config: Mapping[str, Any]) -> str:
    """Twelve hex digits that two configs share when they give the same numbers."""
    text = repr(sorted(identity(config).items(), key=lambda item: item[0]))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def refuse_other_config(path: Path, saved: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Makes sure that a run goes on only with what it was started with.

    Raises:
        ValueError: The configs differ; the differing keys are named.
    """
    old, new = identity(saved), identity(config)
    different = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
    if different:
        listed = ", ".join(
            f"{key}={old.get(key, '(absent)')} (now {new.get(key, '(absent)')})"
            for key in different[:6]
        )
        raise ValueError(
            f"{path} was written with another config: {listed}: use the same values, another "
            "folder, or overwrite=true to start anew"
        )


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Where they lie.
        config: The config of the run as it may be written, as plain values.
        identity: `config_hash` of it with all that it looks up in the environment.
        keep: How many of the newest stay.
    """

    def __init__(
        self, folder: Path, config: Mapping[str, Any], identity: str | None = None, keep: int = 2
    ) -> None:
        self.folder = folder
        self.config = dict(config)
        self.identity = identity or config_hash(config)
        self.keep = keep

    def paths(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob("checkpoint-*.pt"))

    def save(self, state: Mapping[str, Any], step: int) -> Path:
        """Saves the state after ``step`` steps of the loop and drops those beyond ``keep``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"checkpoint-{step:08d}.pt"
        save(path, {"config": self.config, "identity": self.identity, **state})
        for old in self.paths()[: -self.keep]:
            old.unlink(missing_ok=True)
        return path

    def latest(self) -> dict[str, Any] | None:
        """The newest good checkpoint, or None; a damaged one is passed over with a warning.

        Raises:
            ValueError: It belongs to another config, or every checkpoint is damaged.
        """
        paths = self.paths()
        for path in reversed(paths):
            try:
                state = load(path)
            except ValueError as error:
                warnings.warn(f"{error}; passed over", stacklevel=2)
                continue
            refuse_other_config(path, state.get("config") or {}, self.config)
            if state.get("identity", self.identity) != self.identity:
                raise ValueError(
                    f"{path} was written while what its config looks up in the environment, or a "
                    "secret, had another value: give it back, or use overwrite=true to start anew"
                )
            return state
        if paths:
            raise ValueError(
                f"every checkpoint in {self.folder} is damaged: use overwrite=true to start anew"
            )
        return None


def clear(folder: Path) -> None:
    """Removes what a run has left in its folder, and nothing else."""
    for name in OWN_FILES:
        (folder / name).unlink(missing_ok=True)
    for name in OWN_FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    """Makes the renaming itself survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
