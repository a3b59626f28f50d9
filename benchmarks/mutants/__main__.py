"""Plants small faults, one by one, and lists those that no test notices.

Draws ``--number`` of all faults that `faults.faults` finds in scenes, agents, world models and the
loop, plants each in a copy of the tree, and runs the tests that run its line, fastest first, until
one fails. Everything is kept under ``build/mutants``: said again, it goes on where it stopped; a
survivor is tried again by tests that are new. One process:

    python -m benchmarks.mutants
"""

import argparse
import collections
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import types
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.mutants.faults import Fault, faults
from benchmarks.mutants.noticing import QUIET, Noticer, apart, at_import, digest, noticers, survey
from benchmarks.mutants.swapping import forget, preload, swap

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("envs", "world_models", "agents", "dyna/loop")
TESTS = ("envs", "world_models", "agents", "dyna/loop", "dyna/evaluation", "dyna/diagnosis")
"""Folders of tests. Those of commands and reports are slow, and see little of what is inside."""


@dataclasses.dataclass
class Verdict:
    """What came of a fault.

    Attributes:
        fault: Which.
        source: Digest of the file that it was planted in.
        by: The test that failed, or ``time`` if one did not end; None if all passed.
        tried: Tests that passed, with the digests of their files.
    """

    fault: Fault
    source: str
    by: str | None
    tried: list[str]


class First:
    """The first test that fails, as a plugin of pytest."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test is over."""
        if report.failed:
            self.out.write_text(report.nodeid)


def copy_tree(tree: Path) -> None:
    """Makes the copy what the working tree is, without what git ignores."""
    listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    wanted = {name for name in names.split("\0") if name and (ROOT / name).is_file()}
    if tree.exists():
        for path in [p for p in tree.rglob("*") if p.is_file()]:
            name = str(path.relative_to(tree))
            if name not in wanted and "__pycache__" not in name:
                path.unlink()
    for name in sorted(wanted):
        old, new = ROOT / name, tree / name
        if not new.exists() or new.read_bytes() != old.read_bytes():
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(old, new)


def draw(number: int, seed: int) -> list[Fault]:
    """The faults to plant, in the order in which they are drawn.

    Each has a number drawn for it by what it is, and the least are taken: where the code has
    changed elsewhere, most of them are drawn again.
    """
    drawn: dict[tuple[str, int], Fault] = {}
    for path in sorted(p for place in PLACES for p in (ROOT / place).rglob("*.py")):
        source, count = path.read_text(), collections.Counter[str]()
        for fault in faults(str(path.relative_to(ROOT)), source):
            name = f"{fault.path} {fault.describe(source).partition(' ')[2]}"
            count[name] += 1
            lot = hashlib.sha256(f"{seed} {name} {count[name]}".encode()).hexdigest()
            drawn[lot, len(drawn)] = fault
    return [drawn[lot] for lot in sorted(drawn)[:number]]


def affordable(tests: Sequence[Noticer], cap: float) -> list[Noticer]:
    """The first tests that fit into so many seconds, and one at least."""
    chosen, spent = list(tests[:1]), sum(t.seconds for t in tests[:1])
    for test in tests[1:]:
        spent += test.seconds
        if spent > cap:
            break
        chosen.append(test)
    return chosen


@dataclasses.dataclass(frozen=True)
class Workshop:
    """Where faults are planted.

    Attributes:
        tree: The copy of the tree.
        recorded: Which tests run which lines.
        functions: Of every file, as they were imported.
        cap: CPU seconds that the tests of a fault may take.
    """

    tree: Path
    recorded: dict[str, dict]
    functions: dict[str, list[types.FunctionType]]
    cap: float

    def tests(self, fault: Fault) -> list[Noticer]:
        """The tests to try, the nearest and fastest first."""
        return affordable(noticers(self.recorded, fault.path, fault.lines), self.cap)

    def judge(self, fault: Fault, tests: list[Noticer]) -> str | None:
        """The test that notices the fault; None if none does."""
        path, first, log = (self.tree / fault.path, *self._notes())
        clean = path.read_text()
        faulty = fault.plant(clean)
        path.write_text(faulty)
        # Python tells by whole seconds and size whether compiled code is old.
        number = zlib.crc32(faulty.encode()) % 10**9
        os.utime(path, (number, number))
        first.unlink(missing_ok=True)

        def work() -> int:
            imported = at_import(self.recorded, fault.path, fault.lines)
            if imported or not swap(self.functions.get(str(path), []), path, faulty):
                forget()
            names = [test.name for test in tests]
            return pytest.main(["-x", *QUIET, *names], plugins=[First(first)])

        try:
            status = apart(work, self.tree, log, 3 * self.cap + 30)
        finally:
            path.write_text(clean)
        if status is None:
            return "time"
        if status == 0:
            return None
        return first.read_text() if first.exists() else "import"

    def acquit(self, names: list[str]) -> None:
        """Shows that tests pass where there is no fault.

        Raises:
            RuntimeError: One fails: what it noticed was not a fault.
        """
        log = self._notes()[1]
        if apart(lambda: pytest.main([*QUIET, *names]), self.tree, log, 3600):
            raise RuntimeError(f"tests fail without a fault: see {log}")

    def _notes(self) -> tuple[Path, Path]:
        """Files for the test that failed first, and for what pytest says."""
        return self.tree.parent / "first", self.tree.parent / "log"


def read(path: Path) -> dict[Fault, Verdict]:
    """Verdicts so far, the last of each fault."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    found = [Verdict(Fault(**row.pop("fault")), **row) for row in rows]
    return {verdict.fault: verdict for verdict in found}


def main(argv: Sequence[str] | None = None) -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=150, help="faults to draw")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cap", type=float, default=60, help="CPU seconds of tests for a fault")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mutants")
    args = parser.parse_args(argv)
    tree = args.folder / "tree"
    copy_tree(tree)
    recorded = survey(tree, TESTS, args.folder / "recorded")
    shop = Workshop(tree, recorded, preload(tree), args.cap)
    drawn, written = draw(args.number, args.seed), args.folder / "verdicts.jsonl"
    verdicts = read(written)
    for number, fault in enumerate(drawn, 1):
        source, told = digest(tree / fault.path), fault.describe((tree / fault.path).read_text())
        before = verdicts.get(fault, Verdict(fault, source, None, []))
        if before.source != source:
            before = Verdict(fault, source, None, [])
        tests = [t for t in shop.tests(fault) if f"{t.name} {t.digest}" not in before.tried]
        if before.by or (before.tried and not tests):
            continue
        by = shop.judge(fault, tests) if tests else None
        tried = [*before.tried, *(f"{t.name} {t.digest}" for t in tests)]
        verdicts[fault] = Verdict(fault, source, by, [] if by else tried)
        with written.open("a") as out:
            out.write(json.dumps(dataclasses.asdict(verdicts[fault])) + "\n")
        result = f"noticed by {by}" if by else "SURVIVES"
        print(f"{number}/{len(drawn)} {result}  {told}", flush=True)
    shop.acquit(sorted({v.by for f in drawn if (v := verdicts[f]).by and "::" in v.by}))
    survivors = [fault for fault in drawn if verdicts[fault].by is None]
    for fault in survivors:
        print(fault.describe((ROOT / fault.path).read_text()))
    print(f"noticed {len(drawn) - len(survivors)} of {len(drawn)}")


if __name__ == "__main__":
    sys.exit(main())
