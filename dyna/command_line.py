"""What every command shares: arguments as they are meant, one clear line for every mistake."""

import contextlib
import errno
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverrideParseException
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from conf.own import own_folders
from dyna import __version__
from dyna.running.overrides import check_choices, quote_paths
from dyna.scores.privacy import masked

FULL_ERROR = os.environ.get("HYDRA_FULL_ERROR") == "1"
COMMANDS = ("evaluate", "compare", "track", "diagnose", "check")
"""Modules of this package with a command line of their own."""
LONGEST_NAME = 120
"""Longer names of run folders are cut and get a hash (file systems allow 255 bytes)."""

NO_MEMORY = re.compile(r"can't allocate memory|out of memory|Storage size calculation overflowed")
"""What torch says then."""
SMALLER = "lower batch_size, or the sizes of agent, world_model or env"


def run_name(overrides: str) -> str:
    """Folder name of a run from its overrides: no slashes or secrets, not too long or empty.

    Nor does it hold ``${``, which Hydra would look up.
    """
    name = re.sub(r"[/\\\s]+", "_", masked(overrides)).replace("${", "$")
    name = name if name.strip(".") else "default"
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(overrides.encode()).hexdigest()[:8]
    return name.encode()[:LONGEST_NAME].decode(errors="ignore") + f"-{digest}"


def given_overrides() -> str:
    """The user's overrides that name a run, in which nothing of the environment is looked up."""
    job = OmegaConf.to_container(HydraConfig.get().job, resolve=False)
    return str(job["override_dirname"])  # type: ignore[index,call-overload]


OmegaConf.register_new_resolver("run_name", run_name, replace=True)
OmegaConf.register_new_resolver("given_overrides", given_overrides, replace=True)


class Unread:
    """A stream that goes on when nobody reads it any more: what is left goes nowhere.

    ``python -m dyna ... | head -1`` shall not end the run.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Writes, if there is a reader."""
        with self._without_reader():
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hands over, if there is a reader."""
        with self._without_reader():
            self.stream.flush()

    @contextlib.contextmanager
    def _without_reader(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


def call(task: Callable[[], object], turn: Callable[[list[str]], list[str]] = quote_paths) -> None:
    """Runs a command with the arguments of this process.

    Args:
        task: Its work.
        turn: Makes of the arguments what Hydra wants.
    """
    out, err = Unread(sys.stdout), Unread(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), clear_errors():
        try:
            if "--version" in sys.argv[1:]:
                print(f"dyna {__version__}, torch {metadata.version('torch')}")
                return
            sys.argv[1:] = turn(sys.argv[1:])
            with own_folders(sys.argv[1:]):
                check_choices(sys.argv[1:])
                task()
        finally:
            out.flush()


def all_keys() -> str:
    """Where to look for the keys of the command that runs."""
    name = Path(sys.argv[0]).stem.removeprefix("dyna-")
    module = f"dyna.{name}" if name in COMMANDS else "dyna"
    return f"python -m {module} --cfg job lists all keys"


def one_line(error: BaseException) -> str:
    """The message of an error in one line, without Hydra's wrapping."""
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
    elif isinstance(error, HydraException) and isinstance(error.__cause__, ValidationError):
        reason = str(error.__cause__.msg).splitlines()[0]
        text = f"{text.removeprefix('Error merging override ')}: {reason} (python -m dyna.keys)"
    elif isinstance(error, OverrideParseException):
        text = f"{error.override} cannot be read: quote its value, as in 'key=\"value\"'"
    elif isinstance(error, HydraException) and "Could not find" in text:
        choices = re.findall(r"^\t([\w-]+)$", text, re.MULTILINE)
        text = text.splitlines()[0]
        if choices:
            text += f": choose one of {', '.join(choices)}"
    return " ".join(re.sub(r"\n +(full_key|reference_type|object_type)=.*", "", text).split())


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Turns the errors that a user can mend into one line on stderr and exit code 2.

    ``debug=true`` or ``HYDRA_FULL_ERROR=1`` gives the traceback. Errors of other kinds are ours,
    and keep theirs.
    """
    full = "debug=true" in sys.argv or FULL_ERROR
    before = os.environ.get("HYDRA_FULL_ERROR")
    # Hydra prints many lines and leaves unless it is told to raise.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    except (ValueError, OSError, FloatingPointError, HydraException, OmegaConfBaseException) as e:
        if full:
            raise
        print(f"error: {one_line(e)}", file=sys.stderr)
        raise SystemExit(2) from None
    except (MemoryError, RuntimeError) as e:
        if full or not (isinstance(e, MemoryError) or NO_MEMORY.search(str(e))):
            raise
        print(f"error: there is not so much memory; {SMALLER} ({one_line(e)})", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise SystemExit(130) from None
    finally:  # processes that are started from here shall not inherit it
        if before is None:
            os.environ.pop("HYDRA_FULL_ERROR", None)
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


def clear_errors_of_one() -> contextlib.AbstractContextManager[None]:
    """The same for one job; in a sweep Hydra goes on with the others, and raises in the end."""
    alone = HydraConfig.get().mode is RunMode.RUN
    return clear_errors() if alone else contextlib.nullcontext()
