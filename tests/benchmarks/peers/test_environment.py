"""Environments of peers and processes in them, without a network: nothing is installed here."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.peers import environment
from benchmarks.peers.contest import Missing
from benchmarks.peers.environment import Worker, prepared
from tests.conftest import ROOT

WORKER = """
import sys
from benchmarks.peers.theirs.serving import serve
def measure():
    print("chatter")
    return 7.5
serve(measure)
"""


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """An environment that is there already: our own interpreter under a peer's name."""
    place = tmp_path / "spriteworld"
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (place / "bin" / "python").chmod(0o755)
    wanted = {"requirements": environment.REQUIREMENTS["spriteworld"], "beside": sys.prefix}
    (place / environment.STAMP).write_text(json.dumps(wanted))
    return tmp_path


def test_what_is_there_is_not_made_again(ready: Path) -> None:
    assert prepared("spriteworld", ready) == ready / "spriteworld" / "bin" / "python"


def test_a_worker_takes_a_turn_whenever_it_is_asked(ready: Path) -> None:
    (ready / "peers_worker_of_a_test.py").write_text(WORKER)
    start = f"import sys, runpy; sys.path[:0] = [{str(ROOT)!r}, {str(ready)!r}]"
    (ready / "spriteworld" / "bin" / "python").write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "{start}; '
        "runpy.run_module('peers_worker_of_a_test')\"\n"
    )
    worker = Worker("spriteworld", "peers_worker_of_a_test", folder=ready)
    assert [worker(), worker()] == [7.5, 7.5]
    worker.close()


def test_a_worker_that_dies_is_missing_and_says_why(ready: Path) -> None:
    worker = Worker("spriteworld", "benchmarks.peers.no_such_module", folder=ready)
    with pytest.raises(Missing, match=r"spriteworld fails: .*No module named.*no_such_module"):
        worker()


def test_a_peer_that_cannot_be_installed_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(environment.REQUIREMENTS, "nobody", ["nobody @ file:///no/such/wheel.whl"])
    monkeypatch.setattr(environment.venv, "create", _empty)
    worker = Worker("nobody", "benchmarks.peers", folder=tmp_path)
    with pytest.raises(Missing, match="nobody cannot be installed: ERROR"):
        worker()
    assert not (tmp_path / "nobody" / environment.STAMP).exists()


def _empty(place: Path, **_: object) -> None:
    """An environment without packages of its own, made in no time."""
    (place / "lib" / "python3" / "site-packages").mkdir(parents=True)
    (place / "bin").mkdir()
    (place / "bin" / "python").symlink_to(sys.executable)


def test_constraints_hold_for_all_but_what_a_peer_has_otherwise() -> None:
    kept = environment._without("numpy==2\npillow==13\npillow-x==1\n", ["pillow<10"])
    assert kept == "numpy==2\npillow-x==1\n"
