"""One run from a config: drive the loop, evaluate, log, save, sum up."""

import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from conf.members import find
from dyna.evaluation import references
from dyna.evaluation.heldout import BATCH, evaluate
from dyna.loop.loop import Metrics
from dyna.running import foreign, model_log
from dyna.running.build import build, choice, harder, has_model, make
from dyna.running.checkpoint import Checkpoints, clear, config_hash
from dyna.running.lock import locked
from dyna.running.logger import JSONL, Logger
from dyna.running.subject import describe
from dyna.scores import results
from dyna.scores.privacy import writable, write_config
from envs.tracking import Tracking


class Run:
    """What surrounds the loop: held-out evaluation, loggers, checkpoints, signals, clocks.

    Args:
        cfg: A composed config of ``conf/train.yaml``.
    """

    def __init__(self, cfg: DictConfig) -> None:
        self.cfg = cfg
        self.config: dict[str, Any] = writable(cfg)
        self.identity = config_hash(OmegaConf.to_container(cfg, resolve=True))  # type: ignore[arg-type]
        self.folder = Path(cfg.folder)
        self.checkpoints = Checkpoints(self.folder / "checkpoints", self.config, self.identity)
        self.evaluation: Metrics = {}
        self.rows = 0
        self.cpu = self.wall = 0.0
        self.stop: int | None = None

    def summary(self) -> dict[str, Any] | None:
        """The summary of the finished run, if it is one of this config."""
        try:
            summary = results.table(self.folder / "summary.json")
        except (OSError, ValueError):
            return None
        return summary if summary.get("config_hash") == self.identity else None

    def go(self) -> dict[str, Any]:
        """Runs from the start or the last checkpoint to the end."""
        cfg = self.cfg
        self.dyna = build(cfg)
        self.held_out = self._test(harder(cfg.env, cfg.get("generalise")))
        state = self.checkpoints.latest()
        if state is None and cfg.start is not None:
            foreign.inherit(self.dyna.agent, cfg)
        self.loggers: list[Logger] = []
        if find(cfg.logger._target_) is not JSONL:
            self.loggers.append(make(cfg.logger, folder=self.folder, config=self.config))
        jsonl = JSONL(self.folder, self.config)
        self.loggers.insert(0, jsonl)
        if state is None:
            jsonl.load_state_dict({"bytes": 0})
            write_config(self.config, self.folder / "config.yaml")
        else:
            with foreign.fitting(self.checkpoints.folder):
                self._restore(state)
        if self.dyna.model is None and has_model(cfg):
            print("imagined_frames=0: model-free, no world model is fitted", file=sys.stderr)
        try:
            with _Signals(self), self._bar() as bar:
                self._drive(bar)
            return self._finish()
        finally:
            for logger in self.loggers:
                logger.close()

    def _test(self, env: DictConfig) -> Tracking:
        return make(env, split="test", batch_size=BATCH, seed=0, device=self.cfg.device)

    def _drive(self, bar: tqdm) -> None:
        dyna = self.dyna
        self._start_cpu, self._start_wall = time.process_time(), time.perf_counter()
        saved = time.monotonic()
        before, began = dyna.real + dyna.imagined, time.perf_counter()
        if dyna.model is not None and dyna.fits == 0:
            bar.set_postfix_str("the model is fitted after the real frames", refresh=False)
        for row in dyna.steps():
            frames = dyna.real + dyna.imagined
            seconds = time.perf_counter() - began
            row["speed/frames_per_second"] = (frames - before) / max(seconds, 1e-9)
            if self._due(before, frames):
                with dyna.clock("evaluate"):
                    self.evaluation = self._evaluate()
                row |= self.evaluation
            self._log(row)
            bar.update(frames - before)
            if row.get("eval/iou") is not None:
                bar.set_postfix_str(f"held-out IoU {row['eval/iou']:.3f}", refresh=False)
            fitted = before == frames
            if fitted and dyna.model is not None:
                model_log.keep_choices(dyna.model.choices, self.folder)
            late = time.monotonic() - saved >= self.cfg.checkpoint_every
            if late or fitted or self.stop or self._over:
                self._save()
                saved = time.monotonic()
            if self.stop:
                self._leave()
            before, began = frames, time.perf_counter()

    @property
    def _over(self) -> bool:
        dyna = self.dyna
        return dyna.real + dyna.imagined >= dyna.total_frames

    def _due(self, before: int, frames: int) -> bool:
        """Whether the frames passed one of the evenly spaced evaluations, or are all done."""
        count, total = self.cfg.evaluations, self.dyna.total_frames
        if self._over:
            return True
        return before * count // total < frames * count // total

    def _evaluate(self) -> Metrics:
        episodes = self.cfg.final_episodes if self._over else self.cfg.evaluation_episodes
        return evaluate(self.dyna.agent, self.held_out, episodes)

    def _own_times(self) -> tuple[float, float]:
        cpu = self.cpu + time.process_time() - self._start_cpu
        return cpu, self.wall + time.perf_counter() - self._start_wall

    def _times(self) -> tuple[float, float]:
        """CPU and wall seconds, also those that another run spent on a fit that is shared."""
        cpu, wall = self._own_times()
        shared = self.dyna.seconds
        return cpu + shared.get("shared_cpu", 0.0), wall + shared.get("shared", 0.0)

    def _log(self, row: Metrics) -> None:
        dyna = self.dyna
        cpu, wall = self._times()
        whole: Metrics = {
            "real_frames": dyna.real,
            "imagined_frames": dyna.imagined,
            "agent_frames": dyna.real + dyna.imagined,
            **row,
            "time/cpu_seconds": round(cpu, 3),
            "time/wall_seconds": round(wall, 3),
        }
        self.rows += 1
        for logger in self.loggers:
            logger.log(whole)

    def _save(self) -> None:
        with self.dyna.clock("save"):
            cpu, wall = self._own_times()
            state = {
                **self.dyna.state_dict(),
                "loggers": {type(x).__name__: x.state_dict() for x in self.loggers},
                "task": describe(self.dyna.env),
                "evaluation": self.evaluation,
                "rows": self.rows,
                "cpu": cpu,
                "wall": wall,
            }
            self.checkpoints.save(state, self.rows)

    def _restore(self, state: dict[str, Any]) -> None:
        self.dyna.load_state_dict(state)
        self.evaluation, self.rows = state["evaluation"], state["rows"]
        self.cpu, self.wall = state["cpu"], state["wall"]
        for logger in self.loggers:
            known = state["loggers"].get(type(logger).__name__)
            if known is not None:
                logger.load_state_dict(known)
        frames = self.dyna.real + self.dyna.imagined
        print(f"goes on after {frames:,} frames in {self.folder}", file=sys.stderr)

    def _bar(self) -> tqdm:
        shown = sys.stderr.isatty()
        return tqdm(
            total=self.dyna.total_frames,
            initial=self.dyna.real + self.dyna.imagined,
            desc=f"{self.cfg.name} seed={self.cfg.seed}",
            unit="frame",
            unit_scale=True,
            disable=not self.cfg.progress,
            mininterval=0.5 if shown else 30.0,
            maxinterval=30.0,
            dynamic_ncols=shown,
        )

    def _leave(self) -> None:
        """Ends the process after a signal; everything is saved."""
        stop = signal.Signals(self.stop or 0)
        print(f"stopped by {stop.name}; saved: the same command goes on", file=sys.stderr)
        raise SystemExit(128 + stop)

    def _finish(self) -> dict[str, Any]:
        cfg, dyna = self.cfg, self.dyna
        cpu, wall = self._times()
        summary: dict[str, Any] = {
            "name": self.config["name"],
            "arm": choice("world_model", cfg.world_model if dyna.model else None),
            "agent": choice("agent", cfg.agent),
            "seed": cfg.seed,
            "real_frames": dyna.real,
            "imagined_frames": dyna.imagined,
            "agent_frames": dyna.real + dyna.imagined,
            **results.of_world_model(self.folder),
            **model_log.flat(dyna.model.choices if dyna.model else {}),
            **self.evaluation,
            "time/cpu_seconds": cpu,
            "time/wall_seconds": wall,
            **{f"time/{part}": seconds for part, seconds in dyna.seconds.items()},
            "config_hash": self.identity,
            **results.provenance(shlex.join(["python", "-m", "dyna", *sys.argv[1:]])),
        }
        from dyna.running.evaluate import put_beside  # it draws, which is slow to import

        world = self.held_out if cfg.get("generalise") is None else self._test(cfg.env)
        summary |= put_beside(dyna.agent, world, dyna.dream, cfg.final_episodes)
        if cfg.pictures:
            from dyna.reporting import pages

            summary["references"] = references.score(self.held_out, cfg.final_episodes)
            for video in pages.make_videos(self.folder, dyna.agent, self.held_out, dyna.dream):
                for logger in self.loggers:
                    logger.video(f"videos/{video.stem}", video, summary)
        for logger in self.loggers:
            logger.summary({k: v for k, v in summary.items() if isinstance(v, int | float | str)})
        temporary = self.folder / "summary.json.tmp"
        temporary.write_text(json.dumps(summary, indent=1) + "\n")
        temporary.replace(self.folder / "summary.json")
        if cfg.pictures:
            pages.write_run_or_warn(self.folder)
        return summary


class _Signals:
    """Turns the first SIGTERM or SIGINT into a wish to stop; the second has its usual force."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.old: dict[int, Any] = {}

    def __enter__(self) -> None:
        def note(number: int, frame: Any) -> None:
            self.run.stop = number
            signal.signal(number, self.old[number])
            print(
                f"{signal.Signals(number).name}: will save and stop after this step "
                "(again to stop at once)",
                file=sys.stderr,
            )

        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                self.old[number] = signal.getsignal(number)
                signal.signal(number, note)
        except ValueError:  # not in the main thread: whoever runs us minds the signals
            self.old = {}

    def __exit__(self, *error: object) -> None:
        for number, handler in self.old.items():
            signal.signal(number, handler)


def run(cfg: DictConfig) -> dict[str, Any]:
    """Runs a config, or goes on where its last checkpoint was; returns the summary.

    A finished run is not repeated: its summary is returned (``overwrite=true`` starts anew).

    Args:
        cfg: ``conf/train.yaml`` with overrides; outside ``python -m dyna`` set ``folder``.

    Raises:
        ValueError: A setting or a checkpoint is bad; the message names it and the mend.
        SystemExit: A signal came; all is saved.
    """
    torch.set_num_threads(cfg.threads)
    # The same as use_deterministic_algorithms(True), which takes seconds to import a compiler.
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if "cuda" in str(cfg.device):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    this = Run(cfg)
    if not cfg.overwrite and (summary := this.summary()) is not None:
        print(f"{this.folder} is finished; overwrite=true runs it again", file=sys.stderr)
        return summary
    with locked(this.folder):
        if cfg.overwrite:
            clear(this.folder)
        return this.go()
