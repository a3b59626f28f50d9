"""The Dyna loop (Sutton 1991): learn from real episodes, model the world, learn from dreams."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import torch

from agents.base import Agent
from dyna.loop import trust
from dyna.loop.replay import Replay
from dyna.loop.rollout import rollout
from dyna.loop.sharing import Fits
from envs.scene import restore
from envs.tracking import Tracking
from envs.trajectory import Labels, Trajectory
from world_models.base import WorldModel

Metrics = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How much of everything a run has.

    Attributes:
        real_frames: Budget of frames from the real env.
        imagined_frames: Budget of frames from the dream; the agent trains on the sum of both.
        rounds: How often to go through collect, fit, imagine; budgets are split evenly.
        batch_size: Episodes side by side.
        effort: Share of the model's training schedule at its first fit.
        refit_effort: The same at later fits.
        warmup: Real frames before anything is imagined.
        gate: Least skill at foretelling rewards (`trust.skill`) that a model must show to be used
            at all. It is asked once, after a tenth of the real frames, of episodes that it was not
            fitted to; until then the agent does not learn. A model that fails is given up, and the
            rest of the run is model-free. None: not asked.
    """

    real_frames: int
    imagined_frames: int
    rounds: int = 1
    batch_size: int = 32
    effort: float = 1.0
    refit_effort: float = 0.5
    warmup: int = 0
    gate: float | None = None


TRIED, HELD_OUT = 0.1, 0.2
"""Share of the real frames after which a model is asked, and of these what it is asked about."""


@dataclasses.dataclass
class Dyna:
    """One run of the loop; ``steps`` is the algorithm, everything else counts and times.

    Attributes:
        env: Real episodes.
        agent: Who learns.
        model: The world model; None makes the run model-free, on real episodes alone.
        dream: The same task in the model's imagination; None without a model.
        replay: Real episodes so far, for the model.
        rng: For the fitting of the model.
        schedule: Its budgets.
        shared: Where fitted models are kept for other runs; None: nowhere.
        real, imagined, fits: Frames had and fits done so far. With `skill` they alone say where
            the loop is, so a resumed run goes on from any row.
        skill: Of the model, once it was asked.
        seconds: Wall seconds by part, and CPU seconds under ``part_cpu``; ``shared`` are those of
            another run.
    """

    env: Tracking
    agent: Agent
    model: WorldModel | None
    dream: Tracking | None
    replay: Replay
    rng: torch.Generator
    schedule: Schedule
    shared: Fits | None = None
    real: int = dataclasses.field(default=0, init=False)
    imagined: int = dataclasses.field(default=0, init=False)
    fits: int = dataclasses.field(default=0, init=False)
    skill: float | None = dataclasses.field(default=None, init=False)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict, init=False)

    def steps(self) -> Iterator[Metrics]:
        """Runs the loop; one row of metrics per step. It may be left for good after any row."""
        if self.asking and self.model is not None:
            while self.real < self.tried:
                yield self.learn(self.env, self.tried - self.real)
            yield self.ask(self.model)
        for done in range(1, self.schedule.rounds + 1):
            while self.real < self.due(self.schedule.real_frames, done):
                yield self.learn(self.env, self.due(self.schedule.real_frames, done) - self.real)
            if self.dreaming is not None and self.dream is not None:
                if self.fits < done:
                    yield self.fit(self.dreaming)
                due = self.due(self.schedule.imagined_frames, done)
                while self.imagined < due and self.real >= self.schedule.warmup:
                    yield self.learn(self.dream, due - self.imagined)

    @property
    def asking(self) -> bool:
        """Whether it is still open if the model is of use."""
        return self.model is not None and self.schedule.gate is not None and self.skill is None

    @property
    def tried(self) -> int:
        """Real frames after which the model is asked: whole episodes, two at least."""
        share = int(TRIED * self.schedule.real_frames) // self.env.horizon
        return max(share, 2) * self.env.horizon

    @property
    def dreaming(self) -> WorldModel | None:
        """The model, unless it is given up."""
        gate = self.schedule.gate
        failed = gate is not None and self.skill is not None and self.skill < gate
        return None if failed else self.model

    def learn(self, env: Tracking, left: int) -> Metrics:
        """Acts in new episodes, real or dreamed, at most ``left`` frames; learns from them."""
        real = env is self.env
        name, progress = "train" if real else "imagined", self.progress
        with self.clock("collect" if real else "imagine"):
            # A world model is fitted to whole episodes; otherwise the agent has its curriculum,
            # which those do not shorten.
            whole = real and self.dreaming is not None
            horizon = None if whole else self.agent.horizon(self.real if real else self.imagined)
            horizon = min(horizon or env.horizon, env.horizon, left)
            env.batch_size = min(self.schedule.batch_size, left // horizon)
            trajectory = rollout(env, self.agent, horizon)
            trajectory = dataclasses.replace(
                trajectory, truth=None, labels=self.labels(trajectory, real)
            )
            if whole:
                self.replay.add(trajectory)
        with self.clock("update"):
            metrics = {} if self.asking else self.agent.update(trajectory, progress)
        if real:
            self.real += trajectory.num_frames
        else:
            self.imagined += trajectory.num_frames
        return {f"{name}/reward": float(trajectory.reward.mean()), **metrics}

    def labels(self, trajectory: Trajectory, real: bool) -> Labels | None:
        """What a supervised agent is told: imagined boxes; real ones if all else is silent."""
        elsewhere = self.model is not None or self.agent.rewarded
        if not self.agent.supervised or (real and elsewhere):
            return None
        return None if trajectory.truth is None else trajectory.truth.labels

    def fit(self, model: WorldModel) -> Metrics:
        """Fits the world model to every real episode so far."""
        effort = self.schedule.effort if self.fits == 0 else self.schedule.refit_effort
        with self.clock("fit"):
            if self.shared is None or self.fits:
                metrics = model.fit(self.replay.all(), self.rng, effort)
            else:
                found = self.shared.fit(model, self.replay.all(), self.rng, effort)
                metrics = found.metrics
                self._spend("shared", found.wall, found.cpu)
        self.fits += 1
        return {f"world_model/{key}": value for key, value in metrics.items()}

    def ask(self, model: WorldModel) -> Metrics:
        """Fits the model to most episodes so far, and asks it what the others earned."""
        episodes = self.replay.all()
        effort = self.schedule.effort * self.schedule.refit_effort
        known = episodes.num_episodes - max(1, round(HELD_OUT * episodes.num_episodes))
        with self.clock("fit"):
            model.fit(episodes[:known], self.rng, effort)
            self.skill = trust.skill(model, episodes[known:], self.rng)
        return {"world_model/skill": self.skill}

    @property
    def total_frames(self) -> int:
        """Frames of the run in all."""
        return self.schedule.real_frames + (
            self.schedule.imagined_frames if self.dreaming is not None else self.imagined
        )

    @property
    def progress(self) -> float:
        """Share of the agent's training that is over."""
        if self.dreaming is not None and not self.agent.rewarded:  # real episodes teach it nothing
            return self.imagined / max(self.schedule.imagined_frames, 1)
        return (self.real + self.imagined) / self.total_frames

    def due(self, budget: int, rounds: int) -> int:
        """Frames of a budget to have after so many rounds: whole episodes, all in the end."""
        if rounds == self.schedule.rounds:
            return budget
        return budget * rounds // self.schedule.rounds // self.env.horizon * self.env.horizon

    @contextlib.contextmanager
    def clock(self, part: str) -> Iterator[None]:
        """Adds the seconds spent within to ``part`` (wall) and ``part_cpu`` (process)."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self._spend(part, time.perf_counter() - wall, time.process_time() - cpu)

    def _spend(self, part: str, wall: float, cpu: float) -> None:
        for key, seconds in ((part, wall), (f"{part}_cpu", cpu)):
            if seconds:
                self.seconds[key] = self.seconds.get(key, 0.0) + seconds

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the run depends on."""
        return {
            "env": self.env.state_dict(),
            "agent": self.agent.state_dict(),
            "world_model": None if self.model is None else dict(self.model.state_dict()),
            "dream": None if self.dream is None else self.dream.state_dict(),
            "replay": self.replay.state_dict(),
            "rng": self.rng.get_state(),
            "counters": [self.real, self.imagined, self.fits],
            "skill": self.skill,
            "seconds": dict(self.seconds),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        self.env.load_state_dict(state["env"])
        self.agent.load_state_dict(state["agent"])
        if self.model is not None and self.dream is not None:
            self.model.load_state_dict(state["world_model"])
            self.dream.load_state_dict(state["dream"])
        self.replay.load_state_dict(state["replay"])
        restore(self.rng, state["rng"])
        self.real, self.imagined, self.fits = state["counters"]
        self.skill = state.get("skill")  # older checkpoints were not asked
        self.seconds = dict(state["seconds"])
