"""Runs a study and gathers it in one results file, which is rewritten after every run.

Each run has a process of its own with one thread. Finished runs are not repeated; a failed one
becomes a row that says why.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from tqdm import tqdm

from dyna import findings, report, results, tables
from dyna.plan import Job, Study

Running = dict[Future[results.Row], tuple[Job, float]]


def run_study(cfg: DictConfig) -> Path:
    """Runs what ``cfg.study`` asks for, prints the table and writes the report.

    Args:
        cfg: The composed config; all but its ``study`` node belongs to the runs, which compose
            their own from the arguments that they are given.

    Returns:
        The results file.

    Raises:
        ValueError: The study asks for what cannot be run, or a run failed; all others are done.
    """
    study = Study.from_config(cfg.study)
    jobs = study.jobs(_forwarded())
    header = results.provenance(_command())
    rows = Rows(study.path, header, jobs)
    print(f"{study.name}: {len(jobs)} runs, {study.workers} at a time -> {study.path}", flush=True)
    run_all(jobs, study.workers, rows)
    document = results.read(study.path)
    print("\n" + tables.as_text(document["rows"]))
    for sentence in findings.findings(document["rows"]):
        print(sentence)
    page = report.write_study(study.path, study.folder)
    print(f"\nresults: {study.path}\nreport:  {page.resolve()}", flush=True)
    failed = [row for row in rows.planned() if row["status"] != "ok"]
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(jobs)} runs failed (the first: {failed[0]['error']}); "
            "the same command runs these again"
        )
    return study.path


def _forwarded() -> list[str]:
    """The user's arguments that are for the runs."""
    if not HydraConfig.initialized():
        return []
    arguments = HydraConfig.get().overrides.task
    return [a for a in arguments if a.lstrip("+~").partition("=")[0].split(".")[0] not in OURS]


OURS = ("experiment", "study")


def _command() -> str:
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    return shlex.join(["python", "-m", "dyna", *given])


class Rows:
    """The rows of the results file, in the order of the plan; others that it holds come after."""

    def __init__(self, path: Path, header: dict[str, Any], jobs: Sequence[Job]) -> None:
        self.path, self.header = path, header
        in_file = sorted(jobs, key=lambda job: job.place)
        self.order = [results.key(job.row) for job in in_file]
        old = results.read(path)["rows"] if path.exists() else []
        self.rows = {results.key(row): row for row in old if results.key(row) not in self.order}

    def planned(self) -> list[results.Row]:
        """The rows of this study that are there."""
        return [self.rows[k] for k in self.order if k in self.rows]

    def add(self, row: results.Row) -> None:
        """Puts the row in its place and writes the file."""
        self.rows[results.key(row)] = row
        others = [k for k in self.rows if k not in self.order]
        keys = [k for k in self.order if k in self.rows] + others
        results.write(self.path, self.header, [self.rows[k] for k in keys])


def run_all(jobs: Sequence[Job], workers: int, rows: Rows) -> None:
    """Runs the jobs, ``workers`` at a time, with a line for each that ends."""
    processes: set[subprocess.Popen] = set()
    total = sum(job.weight for job in jobs)
    bar = tqdm(
        total=round(total),
        bar_format="{percentage:3.0f}% |{bar:24}| {elapsed}<{remaining} {postfix}",
        disable=not sys.stderr.isatty(),
    )
    begin, done, left = time.monotonic(), 0.0, list(jobs)
    running: Running = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            while left or running:
                while left and len(running) < workers:
                    job = left.pop(0)
                    future = pool.submit(_run, job, processes)
                    running[future] = (job, time.monotonic())
                ended, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in ended:
                    job, _ = running.pop(future)
                    row = future.result()
                    rows.add(row)
                    done += job.weight
                    bar.update(round(job.weight))
                    spent = time.monotonic() - begin
                    eta = spent / done * (total - done)
                    count = len(jobs) - len(left) - len(running)
                    line = f"[{count}/{len(jobs)}] {_outcome(job, row)}, {_minutes(eta)} left"
                    bar.write(line, file=sys.stdout)
                    sys.stdout.flush()
                bar.set_postfix_str(_now(running), refresh=True)
        except BaseException:
            for process in list(processes):
                process.terminate()
            raise
        finally:
            bar.close()


def _run(job: Job, processes: set[subprocess.Popen]) -> results.Row:
    """Runs one job in a process of its own; what is finished is read, not repeated."""
    marker = job.folder / "row.json"
    if marker.exists():
        known = json.loads(marker.read_text())
        if known["command"] == job.command:
            return known["row"]
    job.folder.mkdir(parents=True, exist_ok=True)
    code = results.provenance("")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    log = job.folder / "output.txt"
    with log.open("w") as sink:
        command = [sys.executable, *job.command]
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)
        processes.add(process)
        status = process.wait()
        processes.discard(process)
    row = {**job.row, "status": "ok", "commit": code["commit"], "dirty": code["dirty"]}
    try:
        if job.row["arm"] == "reference":
            metrics = results.evaluation_metrics(job.folder)
        else:
            metrics = results.final_metrics(job.folder)
            row["folder"] = str(job.folder)
    except (OSError, KeyError, ValueError) as error:
        metrics, status = {}, status or 1
        log.write_text(f"{log.read_text()}\nunreadable metrics: {error}\n")
    if status or "iou" not in metrics:
        return {**row, "status": "failed", "error": _error(log, status)}
    row |= metrics
    marker.write_text(json.dumps({"command": job.command, "row": row}))
    return row


def _error(log: Path, status: int) -> str:
    """The line that says best what went wrong."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    said = [line for line in lines if line] or ["it said nothing"]
    named = [line for line in said if re.match(r"error:|[\w.]+(Error|Exception|Interrupt):", line)]
    return f"{(named or said)[-1][:300]} (exit status {status}, see {log})"


def _outcome(job: Job, row: results.Row) -> str:
    if row["status"] != "ok":
        return f"{job.title}: FAILED: {row['error']}"
    return f"{job.title}: IoU {row['iou']:.3f}, {row.get('cpu_seconds', 0):.0f} CPU s"


def _now(running: Running) -> str:
    names = [f"{j.title} {time.monotonic() - start:.0f} s" for j, start in running.values()]
    return " | ".join(names)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
