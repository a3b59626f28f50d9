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


def judge(
    fault: Fault, tests: list[Noticer], tree: Path, number: int, cap: float, imported: bool
) -> str | None:
    """The test that notices the fault; None if none does.

    Args:
        fault: What is planted.
        tests: Which are run, in this order.
        tree: The copy that it is planted in.
        number: Of the fault, from 1.
        cap: CPU seconds that the tests should take.
        imported: Whether importing the file runs the line.
    """
    path, first = tree / fault.path, tree.parent / "first"
    clean = path.read_text()
    path.write_text(fault.plant(clean))
    # Python tells by whole seconds and size whether compiled code is old.
    os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
    first.unlink(missing_ok=True)
    names = [test.name for test in tests]

    def work() -> int:
        if imported:
            forget()
        else:
            swap(path, clean, fault.plant(clean))
        return pytest.main(["-x", *QUIET, *names], plugins=[First(first)])

    try:
        status = apart(work, tree, tree.parent / "log", 3 * cap + 30)
    finally:
        path.write_text(clean)
    if status is None:
        return "time"
    if status == 0:
        return None
    return first.read_text() if first.exists() else "import"


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
    preload(tree)
    written = args.folder / "verdicts.jsonl"
    verdicts = read(written)
    drawn = draw(args.number, args.seed)
    for number, fault in enumerate(drawn, 1):
        source = digest(tree / fault.path)
        before = verdicts.get(fault, Verdict(fault, source, None, []))
        if before.source != source:
            before = Verdict(fault, source, None, [])
        if before.by:
            continue
        lines = {fault.line, fault.statement}
        imported = at_import(recorded, fault.path, lines)
        tests = affordable(noticers(recorded, fault.path, lines), args.cap)
        fresh = [t for t in tests if f"{t.name} {t.digest}" not in before.tried]
        if not fresh and before.tried:
            continue
        by = judge(fault, fresh, tree, number, args.cap, imported) if fresh else None
        tried = [*before.tried, *(f"{t.name} {t.digest}" for t in fresh)]
        verdicts[fault] = Verdict(fault, source, by, [] if by else tried)
        with written.open("a") as out:
            out.write(json.dumps(dataclasses.asdict(verdicts[fault])) + "\n")
        told = fault.describe((ROOT / fault.path).read_text())
        print(
            f"{number}/{len(drawn)} {'noticed by ' + by if by else 'SURVIVES'}  {told}", flush=True
        )
    survivors = [fault for fault in drawn if verdicts[fault].by is None]
    for fault in survivors:
        print(fault.describe((ROOT / fault.path).read_text()))
    print(f"noticed {len(drawn) - len(survivors)} of {len(drawn)}")


if __name__ == "__main__":
    sys.exit(main())
