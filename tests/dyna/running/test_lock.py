"""Two processes never write in one folder, and a killed one leaves no lock behind."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import hydra
import pytest

from dyna.running import compare, diagnose, evaluate, lock, run, track
from dyna.running.lock import locked, locked_file
from tests.conftest import ROOT

HOLD = """
import sys
from pathlib import Path
from dyna.running.lock import locked
with locked(Path(sys.argv[1]), *sys.argv[2:]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holder(folder: Path, *name: str) -> Iterator[subprocess.Popen]:
    """Another process that is at work in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_other_is_named_and_a_kill_lets_go(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with holder(folder) as other:
        who = f"b is in use by process {other.pid} on {socket.gethostname()}"
        for _ in range(2):  # being refused takes nothing away
            with pytest.raises(ValueError, match=who) as found, locked(folder):
                pass
        assert "\n" not in str(found.value)
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert (folder / lock.NAME).exists()
        with locked(folder):
            (folder / "x").touch()
    assert [path.name for path in folder.iterdir()] == ["x"]


def test_nothing_is_left_of_a_folder_in_which_nothing_was_written(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b"), locked(tmp_path / "a" / "b" / "c"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    (tmp_path / lock.NAME).symlink_to(mine)
    with pytest.raises(OSError, match=lock.NAME), locked(tmp_path):
        pass
    assert mine.read_text() == "precious"


def test_a_file_system_without_locks_gets_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    with pytest.warns(UserWarning, match="cannot be locked"), locked(tmp_path):
        (tmp_path / "x").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_many_at_once_take_turns(tmp_path: Path) -> None:
    inside: list[int] = []

    def work() -> None:
        done = 0
        while done < 20:
            with contextlib.suppress(ValueError), locked(tmp_path):
                inside.append(1)
                assert sum(inside) == 1
                inside.append(-1)
                done += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inside) == 160
    assert not list(tmp_path.iterdir())


def test_whoever_waits_is_served_or_told(tmp_path: Path) -> None:
    with locked(tmp_path):
        lock.wait_for(tmp_path, 0.2)
    lock.wait_for(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["train", "evaluate", "compare", "diagnose", "track"])
def test_no_command_goes_where_another_is(tmp_path: Path, command: str) -> None:
    to = tmp_path / "to"
    given = {
        "train": (f"folder={to}", "world_model=none"),
        "evaluate": (f"folder={to}",),
        "compare": (f"output={to}/x.json", "agents=[last_box]"),
        "diagnose": (f"output={tmp_path}/x.json", f"folder={to}"),
        "track": (f"output={to}", f"video={tmp_path}", "box=[1,1,9,9]", "agent=last_box"),
    }[command]
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose(command, list(given))
    go = {
        "train": lambda: run.run(cfg),
        "evaluate": lambda: evaluate.run(cfg, []),
        "compare": lambda: compare.run(cfg, []),
        "diagnose": lambda: diagnose.run(cfg, []),
        "track": lambda: track.run(cfg),
    }[command]
    held = locked_file(to / "x.json") if command == "compare" else locked(to)
    with held, pytest.raises(ValueError, match="to is in use by process"):
        go()
