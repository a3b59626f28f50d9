"""Runs a study and gathers it in one results file, which is rewritten after every run.

Each run has a process of its own with one thread. Finished runs are not repeated; a failed one
becomes a row that says why.
"""

import contextlib
import ctypes
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from tqdm import tqdm

from dyna.reporting import findings, pages, tables
from dyna.running.lock import locked, locked_file, wait_for
from dyna.scores import results
from dyna.scores.privacy import masked_argument
from dyna.study.enough import needless
from dyna.study.plan import Job, Study

OURS = ("experiment", "study", "publish")
"""Arguments that are for the study, not for its runs."""
MARKER = "row.json"
"""Of a finished run, in its folder."""
THEN = " && "
"""Between the commands that made one file."""
PAUSE = 0.2
"""Seconds between looks at the running ones."""
PR_SET_PDEATHSIG = 1
"""Linux's prctl(2): the signal to get when the parent dies."""


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
    study = Study.from_config(cfg.study, cfg.publish)
    with locked(study.folder), locked_file(study.path):
        return _run(study)


def _run(study: Study) -> Path:
    jobs = study.jobs(_forwarded())
    header = results.provenance(_command())
    rows = Rows(study.path, header, jobs)
    print(f"{study.name}: {len(jobs)} runs, {study.workers} at a time -> {study.path}", flush=True)
    run_all(jobs, study.workers, rows, study.confidence)
    document = results.read(study.path)
    print("\n" + tables.as_text(document["rows"]))
    for say in (pages.analyses, findings.verdicts, findings.findings):
        for sentence in say(document["rows"]):
            print(sentence)
    page = pages.write_study(study.path, study.folder)
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


def _command() -> str:
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    return shlex.join(["python", "-m", "dyna", *given])


class Rows:
    """The rows of the results file, in the order of the plan; others that it holds come after.

    Where others stay, the header names the commands that made them, too.
    """

    def __init__(self, path: Path, header: dict[str, Any], jobs: Sequence[Job]) -> None:
        self.path, self.header = path, header
        in_file = sorted(jobs, key=lambda job: job.place)
        self.order = [results.key(job.row) for job in in_file]
        old = results.read(path) if path.exists() else {"rows": []}
        rows = {results.key(row): row for row in old["rows"]}
        self.rows = {key: row for key, row in rows.items() if key not in self.order}
        if self.rows:
            made = [*old["command"].split(THEN), header["command"]]
            self.header = {**header, "command": THEN.join(dict.fromkeys(made))}

    def planned(self) -> list[results.Row]:
        """The rows of this study that are there."""
        return [self.rows[k] for k in self.order if k in self.rows]

    def add(self, row: results.Row) -> None:
        """Puts the row in its place and writes the file."""
        self.rows[results.key(row)] = row
        others = [k for k in self.rows if k not in self.order]
        keys = [k for k in self.order if k in self.rows] + others
        results.write(self.path, self.header, [self.rows[k] for k in keys])


def run_all(
    jobs: Sequence[Job], workers: int, rows: Rows, confidence: float | None = None
) -> None:
    """Runs the jobs, ``workers`` at a time, with a line for each that ends, or is `needless`."""
    total = sum(job.weight for job in jobs)
    bar = tqdm(
        total=round(total),
        bar_format="{percentage:3.0f}% |{bar:24}| {elapsed}<{remaining} {postfix}",
        disable=not sys.stderr.isatty(),
    )
    done, busy, left = 0.0, 0.0, list(jobs)
    running: list[Running] = []
    with _terminated_with_us(running), bar:
        while left or running:
            while left and len(running) < workers:
                job = left.pop(0)
                if not known(job) and needless(job, jobs, rows.planned(), confidence):
                    bar.write(f"{job.title}: not run, decided by the seeds before", sys.stdout)
                    bar.update(round(job.weight))
                    continue
                running.append(Running(job))
            bar.set_postfix_str(" | ".join(str(one) for one in running), refresh=True)
            ended = [one for one in running if one.is_over()]
            if not ended:
                time.sleep(PAUSE)
            for one in ended:
                running.remove(one)
                row = one.row()
                rows.add(row)
                if one.process is not None:  # what was there already says nothing of the speed
                    done, busy = done + one.job.weight, busy + one.seconds
                bar.update(round(one.job.weight))
                speed = done / busy if busy else 1000.0
                rest = sum(job.weight for job in left) + sum(x.rest(speed) for x in running)
                count = len(jobs) - len(left) - len(running)
                eta = _minutes(rest / speed / workers)
                bar.write(
                    f"[{count}/{len(jobs)}] {_outcome(one.job, row)}, {eta} left", sys.stdout
                )
                sys.stdout.flush()


def written(job: Job) -> list[str]:
    """The command of a job as it may be written, without what changes no number."""
    return [masked_argument(text) for text in job.command if not text.startswith("fits=")]


def known(job: Job) -> results.Row | None:
    """The row of a job that was finished before, by the same command."""
    try:
        found = results.table(job.folder / MARKER)
    except (OSError, ValueError):
        return None
    return found.get("row") if found.get("command") == written(job) else None


class Running:
    """A job in a process of its own with one thread; what is finished is read, not repeated."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.start = time.monotonic()
        self.marker = job.folder / MARKER
        self.log = job.folder / "output.txt"
        self.process: subprocess.Popen | None = None
        if known(job) is not None:
            return
        job.folder.mkdir(parents=True, exist_ok=True)
        wait_for(job.folder)  # a run of a study that was killed may be saving there
        code = results.provenance("")
        self.commit = {"commit": code["commit"], "dirty": code["dirty"]}
        with self.log.open("w") as sink:
            self.process = subprocess.Popen(
                [sys.executable, *job.command],
                stdout=sink,
                stderr=sink,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    def __str__(self) -> str:
        return f"{self.job.title} {self.seconds:.0f} s"

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.start

    def rest(self, speed: float) -> float:
        """Weight that is still to be done, if so much of it is done in a second."""
        return max(self.job.weight - speed * self.seconds, 0.1 * self.job.weight)

    def is_over(self) -> bool:
        """Whether the row can be had."""
        return self.process is None or self.process.poll() is not None

    def row(self) -> results.Row:
        """What came out."""
        if self.process is None:
            return known(self.job) or {}
        status = self.process.wait()
        row = {**self.job.row, "status": "ok", **self.commit}
        try:
            if row["arm"] == "reference":
                row |= results.evaluation_metrics(self.job.folder)
            else:
                row |= results.final_metrics(self.job.folder)
                row |= results.code(self.job.folder)  # it may have been finished long before
                row["folder"] = str(self.job.folder)
        except (OSError, KeyError, ValueError) as error:
            with self.log.open("a") as log:
                log.write(f"\nerror: no metrics can be read: {error}\n")
        if status or "iou" not in row:
            failed = {**self.job.row, "status": "failed", **self.commit}
            return {**failed, "error": _error(self.log, status)}
        draft = self.marker.with_suffix(".tmp")
        draft.write_text(json.dumps({"command": written(self.job), "row": row}))
        draft.replace(self.marker)
        return row


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Even if we are killed, no run goes on alone: the next study would write beside it."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def _terminated_with_us(running: Sequence[Running]) -> Iterator[None]:
    """Stops the runs when we are stopped; they save, and go on when the study is run again."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    try:
        old = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not in the main thread
        old = None
    try:
        yield
    except BaseException:
        for one in running:
            if one.process is not None:
                one.process.terminate()
        raise
    finally:
        for one in running:
            if one.process is not None:
                one.process.wait()
        if old is not None:
            signal.signal(signal.SIGTERM, old)


def _error(log: Path, status: int) -> str:
    """The line that says best what went wrong."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    said = [line for line in lines if line and "frame/s" not in line] or ["it said nothing"]
    named = [line for line in said if re.match(r"error:|[\w.]+(Error|Exception|Interrupt):", line)]
    return f"{(named or said)[-1][:300]} (exit status {status}, see {log})"


def _outcome(job: Job, row: results.Row) -> str:
    if row["status"] != "ok":
        return f"{job.title}: FAILED: {row['error']}"
    return f"{job.title}: IoU {row['iou']:.3f}, {row.get('cpu_seconds', 0):.0f} CPU s"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
