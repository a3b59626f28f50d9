"""One process at a time in a folder: a lock that a killed process does not leave behind."""

import contextlib
import os
import socket
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"
PATIENCE = 60.0
"""Seconds to wait for a run that was told to stop: it saves first."""


@contextlib.contextmanager
def locked(folder: Path, name: str = NAME) -> Iterator[None]:
    """Keeps other processes out of a folder while this one writes there.

    The lock is the kernel's (flock(2), also over NFS), so it ends with the process. The file that
    carries it says who that is, and is removed; so is the folder, if nothing came to lie in it.

    Args:
        folder: Made if it is not there.
        name: Of the file; `locked_file` locks one file of the folder.

    Raises:
        ValueError: Another process is there; the message says which.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / name
    try:
        handle = _take(place)
        try:
            yield
        finally:
            if handle is not None:
                with contextlib.suppress(OSError):
                    place.unlink()  # before it is let go: whoever waits looks whether it is there
                os.close(handle)
    finally:
        with contextlib.suppress(OSError):
            for path in made:
                path.rmdir()


def locked_file(path: Path) -> contextlib.AbstractContextManager[None]:
    """The same for one file (and those beside it that go by its name)."""
    return locked(path.parent, f".{path.name}{NAME}")


def wait_for(folder: Path, seconds: float = PATIENCE) -> None:
    """Waits till nobody is in a folder, but no longer; who goes there then is told who it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(ValueError), locked(folder):
            return
        time.sleep(0.1)


def _take(place: Path) -> int | None:
    """The handle that holds the lock; None where the file system has no locks."""
    while True:
        # No link is followed: in a shared folder it could lead to a file of ours.
        handle = os.open(place, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        try:
            if fcntl is None:
                raise OSError("this system has no flock")
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, place):
                os.ftruncate(handle, 0)
                os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return handle
        except (BlockingIOError, PermissionError):
            owner = os.read(handle, 200).decode(errors="replace") or "another process"
            os.close(handle)
            raise ValueError(
                f"{place.parent} is in use by {owner} ({place.name}): wait for it or stop it, or "
                "write elsewhere"
            ) from None
        except OSError as error:
            warnings.warn(
                f"{place.parent} cannot be locked ({error}): start no second process there",
                stacklevel=4,
            )
            place.unlink(missing_ok=True)
            os.close(handle)
            return None
        os.close(handle)  # its last holder has removed it meanwhile


def _is_at(handle: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), place.stat())
    except FileNotFoundError:
        return False
