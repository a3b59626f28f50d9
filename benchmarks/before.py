"""How much faster this checkout is than an older one: both measured by turns, in one run.

Timings scatter, on shared machines by a fifth; ratios of what was measured side by side scatter
less. Both checkouts run in this environment, each its own code, one thread. Writes
``outputs/speed_before.json``; ten minutes a repeat:

    git worktree add ../before 1e60b67
    python -m benchmarks.before ../before
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dyna.reporting.grids import KIND
from dyna.scores import results

HERE = Path(__file__).parents[1]
SPEED = "frames_per_cpu_second"
SPEEDS = {
    "scenes": "--batch-sizes 64 256 --tiers plain medium --repeats 1",
    "imagination": "--batch-sizes 64 256 --tiers plain medium --repeats 1",
    "training": "--agents hart_full --tiers plain --stages 10000 --repeats 1",
    "tracking": "--learned hart_supervised --others --repeats 1",
}
"""Benchmarks that both have, and their arguments."""
RUN = "world_model=air env.tier=medium evaluations=0 pictures=false progress=false"
COLUMNS = {
    "what": "",
    "before": "before",
    "now": "now",
    "ratio": "ratio",
    "least": "least",
    "most": "most",
}
PARTS = ("fit", "imagine", "update")


def python(checkout: Path, *arguments: str) -> None:
    """Runs the code of a checkout.

    Raises:
        RuntimeError: It failed; says how.
    """
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=checkout, env=env, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(arguments)} failed in {checkout}: {done.stderr[-500:]}")


def speeds(checkout: Path, folder: Path) -> Iterator[tuple[str, float]]:
    """Frames per CPU second of each benchmark's rows."""
    for name, arguments in SPEEDS.items():
        path = folder / f"{name}.json"
        python(checkout, "-m", f"benchmarks.{name}", *arguments.split(), "--output", str(path))
        for row in json.loads(path.read_text())["rows"]:
            kind = [str(row[key]) for key in ("agent", "tier", "frames") if key in row]
            batch = [f"batch {row['batch_size']}"] if "batch_size" in row else []
            yield f"{name}: {', '.join(kind + batch)} (frames/CPU s)", row[SPEED]


def whole(checkout: Path, folder: Path, agent: str, seed: int) -> Iterator[tuple[str, float]]:
    """Score of a whole run on medium, its CPU seconds, and those of its parts."""
    place = folder / f"run{seed}"
    python(
        checkout, "-m", "dyna", *RUN.split(), f"agent={agent}", f"seed={seed}", f"folder={place}"
    )
    summary = json.loads((place / "summary.json").read_text())
    yield "whole run: held-out IoU", summary["eval/iou"]
    yield "whole run (CPU s)", summary["time/cpu_seconds"]
    for part in PARTS:
        yield f"whole run: {part} (CPU s)", summary[f"time/{part}_cpu"]


def row(what: str, pairs: list[tuple[float, float]]) -> results.Row:
    """A measure before and now, as medians, and the ratio with its range over repeats."""
    ratios = [now / before for before, now in pairs]
    before, now = (statistics.median(x) for x in zip(*pairs, strict=True))
    found = {"before": before, "now": now, "ratio": statistics.median(ratios)}
    found |= {"least": min(ratios), "most": max(ratios)}
    return {"what": what, "repeats": len(pairs)} | {k: float(f"{v:.4g}") for k, v in found.items()}


def main() -> None:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="folder of the older code")
    parser.add_argument("--before-agent", default="hart_supervised")
    parser.add_argument("--agent", default="hart")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("outputs/speed_before.json"))
    chosen = parser.parse_args()
    found: dict[str, list[list[float]]] = {}
    sides = ((chosen.checkout.resolve(), chosen.before_agent), (HERE, chosen.agent))
    for seed in range(chosen.repeats):
        for side, (checkout, agent) in enumerate(sides):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                for what, value in (
                    *speeds(checkout, folder),
                    *whole(checkout, folder, agent, seed),
                ):
                    found.setdefault(what, [[], []])[side].append(value)
    rows = [row(what, list(zip(*both, strict=True))) for what, both in found.items()]
    for each in rows:
        spread = f"{each['ratio']:6.2f} ({each['least']:.2f} to {each['most']:.2f})"
        print(f"{each['what']:55s} {each['before']:10.4g} {each['now']:10.4g} {spread}")
    command = shlex.join(["python", "-m", "benchmarks.before", *sys.argv[1:]])
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=sides[0][0],
        capture_output=True,
        text=True,
    ).stdout.strip()
    columns = COLUMNS | {"before": f"at {commit}"}
    header = results.provenance(command) | {"kind": KIND, "columns": columns}
    results.write(chosen.output, header, rows)


if __name__ == "__main__":
    main()
