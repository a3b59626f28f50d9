"""Which tests run a line, and how long each takes: recorded once for every test file.

Lines that a shared fixture runs belong to all tests that use it.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

PACKAGES = ("envs", "world_models", "agents", "dyna")
QUIET = (
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:unraisableexception",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
"""Options of pytest in a fork, where much has been imported before it comes."""
WALL = 10
"""Wall seconds a CPU second may last, where other programs keep the machine busy."""


@dataclasses.dataclass(frozen=True, order=True)
class Noticer:
    """A test that runs a line.

    Attributes:
        near: 0 in the file that mirrors the line's, else 1.
        seconds: Of the processor.
        name: Of the test, for pytest.
        digest: Of its file.
    """

    near: int
    seconds: float
    name: str
    digest: str


class Clock:
    """Tells coverage, as a plugin of pytest, which test or shared fixture runs; counts seconds."""

    def __init__(self, switch: Callable[[str], None]) -> None:
        self.switch = switch
        self.tests: dict[str, tuple[float, list[str]]] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        """Around one test with its own fixtures."""
        self.name, begin = item.nodeid, spent()
        self.switch(self.name)
        done = yield
        self.switch("")
        fixtures = list(getattr(item, "fixturenames", []))
        self.tests[self.name] = (spent() - begin, fixtures)
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> object:
        """Around one fixture."""
        if fixturedef.scope == "function":
            return (yield)
        self.switch(f"fixture {fixturedef.argname}")
        try:
            return (yield)
        finally:
            self.switch(self.name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tests that fail or are left out notice nothing."""
        if not report.passed:
            self.failed.add(report.nodeid)


def spent() -> float:
    """CPU seconds of this process and of those it started."""
    return time.process_time() + sum(os.times()[2:4])


def record(tree: Path, file: str, out: Path) -> int:
    """Runs a test file and writes which of its tests run which lines, and what all it read.

    To be called in a process of its own: coverage must be there before the packages.
    """
    import coverage

    watch = coverage.Coverage(
        data_file=None, config_file=False, source=[str(tree / p) for p in (*PACKAGES, "tests")]
    )
    watch.start()
    clock = Clock(watch.switch_context)
    status = pytest.main([*QUIET, file], plugins=[clock])
    watch.stop()
    data, lines, read = watch.get_data(), {}, {}
    for path in filter(data.lines, data.measured_files()):
        name = os.path.relpath(path, tree)
        read[name] = digest(tree / name)
        lines[name] = {
            line: _running(clock, set(who)) for line, who in data.contexts_by_lineno(path).items()
        }
    seconds = {n: cost for n, (cost, _) in clock.tests.items() if n not in clock.failed}
    out.write_text(json.dumps({"read": read, "lines": lines, "seconds": seconds}))
    return status


def _running(clock: Clock, who: set[str]) -> list[str] | None:
    """The tests that are among these contexts, or whose fixtures are; None: all, by importing."""
    if not any(who):
        return None
    return [
        test
        for test, (_, fixtures) in clock.tests.items()
        if test not in clock.failed and who & {test, *(f"fixture {name}" for name in fixtures)}
    ]


def digest(path: Path) -> str:
    """Of a file's content; empty if there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""


def survey(tree: Path, rooms: Sequence[str], folder: Path) -> dict[str, dict]:
    """What every test file of some rooms runs; anew where something that it read has changed."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for path in sorted(p for room in rooms for p in (tree / "tests" / room).rglob("test_*.py")):
        file = str(path.relative_to(tree))
        out = folder / f"{file.replace('/', '.')}.json"
        if not (out.exists() and _is_fresh(json.loads(out.read_text()), tree)):
            print(f"recording {file}", flush=True)
            log = folder / "log"
            if apart(lambda file=file, out=out: record(tree, file, out), tree, log, 3600):
                print(log.read_text()[-2000:])
        if out.exists():
            found[file] = json.loads(out.read_text())
    return found


def _is_fresh(recorded: dict, tree: Path) -> bool:
    return all(digest(tree / name) == then for name, then in recorded["read"].items())


def noticers(recorded: dict[str, dict], path: str, lines: set[int]) -> list[Noticer]:
    """The tests that run some lines: those of the file that mirrors theirs, then the fastest."""
    mirror = f"tests/{Path(path).parent}/test_{Path(path).name}"
    found = set()
    for file, entry in recorded.items():
        run = entry["lines"].get(path, {})
        for line in map(str, lines & set(map(int, run))):
            for test in entry["seconds"] if run[line] is None else run[line]:
                near, seconds = int(file != mirror), entry["seconds"][test]
                found.add(Noticer(near, seconds, test, entry["read"][file]))
    return sorted(found)


def at_import(recorded: dict[str, dict], path: str, lines: set[int]) -> bool:
    """Whether importing the file runs one of the lines."""
    run = [entry["lines"].get(path, {}) for entry in recorded.values()]
    return any(lines_run.get(str(line), ...) is None for lines_run in run for line in lines)


def apart(work: Callable[[], object], tree: Path, log: Path, cap: float) -> int | None:
    """Does work in a fork of this process, in the tree, its output in a log.

    Args:
        work: What to do; a whole number that it returns is the exit status.
        tree: Where, and what is imported from.
        log: A file.
        cap: CPU seconds after which it is killed.

    Returns:
        The exit status; None if it took too long.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.setsid()
        with log.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_CPU, (int(cap), int(cap) + 1))
        os.chdir(tree)
        sys.path[:] = [str(tree), *(p for p in sys.path if p not in ("", os.getcwd()))]
        os.environ["PYTHONPATH"] = str(tree)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        status = 70
        try:
            status = int(work() or 0)
        except BaseException:  # this is a copy of the caller: nothing may leave it
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            sys.stdout.flush()
            os._exit(status)
    begin = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        late = time.monotonic() - begin > WALL * cap
        if done or late:
            break
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):  # and whatever it has started
        os.killpg(child, signal.SIGKILL)
    if late and not done:
        os.waitpid(child, 0)
        return None
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
        return None
    return os.waitstatus_to_exitcode(status)
