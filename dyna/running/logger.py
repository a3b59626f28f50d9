"""Where the numbers go: JSON lines always; Weights & Biases or TensorBoard beside them.

A row is a flat dict of numbers, keys ``group/name``. ``real_frames``, ``imagined_frames`` and
``agent_frames`` (their sum) are in every row and are the axes to plot against. What stands under
``time/`` and ``speed/`` differs between identical runs, nothing else does.
"""

import abc
import json
import netrc
import os
import socket
import threading
import urllib.parse
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dyna.scores.privacy import masked, masked_arguments

OLD_MODES = {"dryrun": "offline", "run": "online"}
"""What W&B called its modes once, and still takes."""
AXES = ("real_frames", "imagined_frames", "agent_frames")


class Logger(abc.ABC):
    """Takes rows of numbers and videos.

    Args:
        folder: The run's folder.
        config: The resolved config, as plain values.
    """

    def __init__(self, folder: str | Path, config: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.config = dict(config)

    @abc.abstractmethod
    def log(self, row: Mapping[str, float]) -> None:
        """Takes one row."""

    def video(self, key: str, path: str | Path, row: Mapping[str, float]) -> None:
        """Takes a video file; loggers that cannot show one do nothing."""

    def picture(self, key: str, path: str | Path, row: Mapping[str, float]) -> None:
        """Takes a picture file; loggers that cannot show one do nothing."""

    def summary(self, summary: Mapping[str, Any]) -> None:
        """Takes the figures of a finished run; loggers that keep none do nothing."""

    @abc.abstractmethod
    def close(self) -> None:
        """Ends the run, finished or not; may be called twice."""

    def state_dict(self) -> dict[str, Any]:
        """What must be known to go on where the last checkpoint was."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes back to where ``state_dict`` was taken."""


class JSONL(Logger):
    """Appends each row to ``metrics.jsonl``; a resumed run cuts off what a checkpoint lacks."""

    def __init__(self, folder: str | Path, config: Mapping[str, Any]) -> None:
        super().__init__(folder, config)
        self.path = self.folder / "metrics.jsonl"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab")

    def log(self, row: Mapping[str, float]) -> None:
        """Writes one line, at once."""
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def state_dict(self) -> dict[str, Any]:
        """Length of the file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return {"bytes": self._file.tell()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Cuts the file to the length that it had.

        Raises:
            ValueError: The file is shorter than it was: rows are lost.
        """
        length = state["bytes"]
        if self.path.stat().st_size < length:
            raise ValueError(
                f"{self.path} is shorter than its checkpoint knows: put it back, or use "
                "overwrite=true to start anew"
            )
        self._file.truncate(length)
        self._file.seek(length)


class TensorBoard(Logger):
    """Writes event files into ``tensorboard/``, against the agent's frames."""

    def __init__(self, folder: str | Path, config: Mapping[str, Any]) -> None:
        super().__init__(folder, config)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ValueError(
                "logger=tensorboard needs the package tensorboard: pip install tensorboard"
            ) from error
        self._open = lambda step: SummaryWriter(str(self.folder / "tensorboard"), purge_step=step)
        self._writer: Any = None
        self._frames = -1

    def log(self, row: Mapping[str, float]) -> None:
        """Writes every number of the row."""
        if self._writer is None:
            # Begun late, when it is known after which frame older events no longer count.
            self._writer = self._open(self._frames + 1)
        self._frames = int(row["agent_frames"])
        for key, value in row.items():
            if key not in AXES:
                self._writer.add_scalar(key, value, self._frames)

    def close(self) -> None:
        """Writes what is left."""
        if self._writer is not None:
            self._writer.close()

    def state_dict(self) -> dict[str, Any]:
        """The last frame that was written."""
        return {"frames": self._frames}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Older events after that frame no longer count."""
        self._frames = state["frames"]


class WandB(Logger):
    """Mirrors rows, config, summary and videos to Weights & Biases; never blocks a run.

    Args:
        folder: The run's folder; W&B keeps its own files in ``wandb/`` there.
        config: The resolved config; ``name`` becomes the group, ``world_model`` the job type.
        project: W&B project.
        mode: ``offline`` (default; ``wandb sync`` later), ``online`` or ``disabled``. The
            environment variable WANDB_MODE wins. Online without a key or a network falls back to
            offline within about a second, with a warning.
        tags: Tags.
    """

    def __init__(
        self,
        folder: str | Path,
        config: Mapping[str, Any],
        project: Any = "dyna",
        mode: Any = "offline",
        tags: Any = None,
    ) -> None:
        super().__init__(folder, config)
        variable = os.environ.get("WANDB_MODE")
        where = "the variable WANDB_MODE" if variable else "logger.mode"
        mode = OLD_MODES.get(str(variable or mode), variable or mode)
        if mode not in ("offline", "online", "disabled"):
            raise ValueError(f"{where} is {mode}: take offline, online or disabled")
        if mode == "online" and (reason := _unreachable()):
            warnings.warn(
                f"W&B cannot go online ({reason}): logging offline; `wandb sync` the folder "
                f"{self.folder / 'wandb'} later",
                stacklevel=2,
            )
            mode = "offline"
        if not isinstance(project, str) or not isinstance(tags, Sequence | None):
            raise ValueError(f"logger.project={project}, logger.tags={tags}: a text, and a list")
        self._project, self._mode = project, mode
        self._tags = [masked(str(tag)) for tag in tags or []]
        self._id: str | None = None
        self._rows = 0
        self._run: Any = None

    def _start(self) -> Any:
        """Begins at the first row, when it is known whether an older run goes on."""
        if self._run is None:
            try:
                self._run = self._init(self._mode)
            except Exception as error:  # a bad key or project, a server in trouble
                if self._mode != "online":
                    raise
                warnings.warn(f"W&B: {error}: logging offline", stacklevel=2)
                self._mode = "offline"
                self._run = self._init(self._mode)
            self._id = self._run.id
            for axis in AXES:
                self._run.define_metric(axis, hidden=True)
            self._run.define_metric("*", step_metric="agent_frames")
            self._run.define_metric("eval/*", step_metric="real_frames")
            self._run.define_metric("forecast/*", step_metric="forecast/step")
        return self._run

    def _init(self, mode: str) -> Any:
        import wandb

        # Our package `agents` makes it take us for a chat bot and advertise a tracer of calls.
        os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")
        target = str((self.config.get("world_model") or {}).get("_target_") or "none")
        with masked_arguments():  # it writes them down
            return wandb.init(
                project=self._project,
                dir=str(self.folder),
                mode=mode,  # type: ignore[arg-type]  # checked in __init__
                id=self._id,
                resume="allow" if self._id and mode == "online" else None,
                config=self.config,
                group=str(self.config.get("name", "dyna")),
                job_type=target.split(".")[-1].lower(),
                tags=self._tags,
                settings=wandb.Settings(silent=True, init_timeout=10),
            )

    def log(self, row: Mapping[str, float]) -> None:
        """Logs the row, and its evaluation once more against the agent's frames."""
        mirrored = {
            f"by_agent_frames/{key}": value
            for key, value in row.items()
            if key.startswith("eval/")
        }
        # Counted by us, so that rows which a resumed run repeats do not appear twice.
        self._start().log({**row, **mirrored}, step=self._rows)
        self._rows += 1

    def video(self, key: str, path: str | Path, row: Mapping[str, float]) -> None:
        """Logs a video file (arrays would need moviepy)."""
        import wandb

        self._show(key, wandb.Video(str(path)), row)

    def picture(self, key: str, path: str | Path, row: Mapping[str, float]) -> None:
        """Logs a picture file."""
        import wandb

        self._show(key, wandb.Image(str(path)), row)

    def _show(self, key: str, shown: Any, row: Mapping[str, float]) -> None:
        self._start().log({key: shown, **{axis: row[axis] for axis in AXES}}, step=self._rows)
        self._rows += 1

    def summary(self, summary: Mapping[str, Any]) -> None:
        """Becomes the summary of the W&B run."""
        self._start().summary.update(dict(summary))

    def close(self) -> None:
        """Ends the W&B run, if one was begun."""
        if self._run is not None:
            self._run.finish()
            self._run = None

    def state_dict(self) -> dict[str, Any]:
        """The id of the W&B run, and how many rows it has."""
        return {"id": self._id, "rows": self._rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The W&B run goes on under its id."""
        self._id, self._rows = state["id"], state["rows"]


def _unreachable(timeout: float = 1.0) -> str:
    """Why W&B cannot be reached; empty if it can. ``wandb.init`` itself may hang for minutes."""
    import wandb

    url = urllib.parse.urlsplit(os.environ.get("WANDB_BASE_URL") or str(wandb.Settings().base_url))
    host = url.hostname or ""
    if not os.environ.get("WANDB_API_KEY") and not _key_in_netrc(host):
        return "no API key: set WANDB_API_KEY or run `wandb login`"
    port = url.port or (443 if url.scheme == "https" else 80)
    failure = [f"no answer from {host}:{port} within {timeout:g} s"]

    def knock() -> None:
        try:
            socket.create_connection((host, port), timeout=timeout).close()
            failure.clear()
        except OSError as error:
            failure[0] = f"no connection to {host}:{port}: {error}"

    # In a thread, since looking up a name knows no timeout.
    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(timeout + 0.5)
    return failure[0] if failure else ""


def _key_in_netrc(host: str) -> bool:
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        return netrc.netrc(str(path)).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
