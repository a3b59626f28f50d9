"""Scores agents on held-out scenes: ``python -m dyna.evaluate agent=csrt env.tier=medium``."""

import dataclasses
import time

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from agents.base import Agent
from dyna.evaluation import metrics, one_pass
from dyna.loop.rollout import rollout
from envs.tracking import Tracking

SEED = 1_000_003
"""Seed of the held-out episodes, far from those that training uses."""
BATCH = 64
"""Episodes side by side, at most; it decides which episodes a seed draws."""
BYTES = 2**28
"""Frames that are held at a time, at most: large ones are scored in smaller batches."""
EPISODES = 256
"""How many are scored if nobody says, and the scene has no end."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How an agent fared, step by step, in E episodes.

    Attributes:
        iou: Overlap with the target, both boxes cut at the border.
        counts: Which steps count (``metrics.counted``).
        error: Distance of the centres in pixels.
        objects: How many objects each episode starts with.
    """

    iou: Float[Tensor, "E T"]
    counts: Bool[Tensor, "E T"]
    error: Float[Tensor, "E T"]
    objects: Float[Tensor, " E"]

    def first(self, steps: int) -> "Outcome":
        """The same, had the episodes ended after so many steps."""
        cut = (self.iou[:, :steps], self.counts[:, :steps], self.error[:, :steps])
        return Outcome(*cut, self.objects)

    def episode_scores(self) -> dict[str, Float[Tensor, " E"]]:
        """One number per episode and metric."""
        return metrics.episode_scores(self.iou, self.counts, self.error)

    def curves(self) -> dict[str, list[float]]:
        """Means over episodes, as plain numbers.

        ``iou_by_step`` (the first step included) and its standard error ``se_by_step``;
        ``success_curve`` over ``one_pass.OVERLAPS``, ``precision_curve`` over
        ``one_pass.DISTANCES``.
        """
        counts = self.counts.clone()
        counts[:, 0] = True
        centre, error = one_pass.by_step(self.iou, counts)
        success = one_pass.success_curve(self.iou, self.counts).nanmean(0)
        precision = one_pass.precision_curve(self.error, self.counts).nanmean(0)
        return {
            "iou_by_step": centre.tolist(),
            "se_by_step": error.tolist(),
            "success_curve": success.tolist(),
            "precision_curve": precision.tolist(),
        }


def observe(
    agent: Agent,
    env: Tracking,
    episodes: int | None = None,
    horizon: int | None = None,
    seed: int = SEED,
) -> Outcome:
    """Lets an agent that does not explore act; the same seed gives the same episodes every time.

    Scenes that end (videos) show each of their episodes once, in order, whatever the seed.

    Args:
        agent: Whom to watch.
        env: Held-out scenes; its generator is set to ``seed``, its batch size to what is needed.
        episodes: How many; at most, and by default, as many as there are (``EPISODES`` if the
            scene has no end).
        horizon: Frames per episode, at most the task's (which is the default).
        seed: Seed of the episodes.

    Raises:
        ValueError: ``episodes`` is below 1, or ``horizon`` not between 2 and the task's.
    """
    if episodes is not None and episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    horizon = env.horizon if horizon is None else horizon
    if not 2 <= horizon <= env.horizon:
        raise ValueError(
            f"horizon must be from 2 to the task's {env.horizon} frames, got {horizon}; "
            "a longer one needs env.horizon"
        )
    start_over(env, seed)
    channels, height, width = env.scene.frame_shape
    most = max(1, min(BATCH, BYTES // (horizon * channels * height * width)))
    parts, missing = [], available(env, episodes)
    while missing > 0:
        env.batch_size = min(most, missing)
        trajectory = rollout(env, agent, horizon, explore=False)
        parts.append(
            Outcome(
                metrics.overlap(trajectory, env.action_scale),
                metrics.counted(trajectory),
                metrics.centre_error(trajectory, env.action_scale),
                metrics.num_objects(trajectory),
            )
        )
        missing -= trajectory.num_episodes
    names = [field.name for field in dataclasses.fields(Outcome)]
    return Outcome(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def available(env: Tracking, episodes: int | None) -> int:
    """How many episodes are scored if so many are asked for (None: what is usual)."""
    there = env.scene.num_episodes
    if there is None:
        return EPISODES if episodes is None else episodes
    return there if episodes is None else min(episodes, there)


def start_over(env: Tracking, seed: int) -> None:
    """Makes the env show the episodes of a seed from the first one on."""
    env.rng.manual_seed(seed)
    env.scene.rewind()


@torch.no_grad()
def speed(agent: Agent, env: Tracking, frames: int = 60, seed: int = SEED) -> dict[str, float]:
    """Frames per second of the agent alone, one episode at a time; its start is not counted.

    Args:
        agent: Whom to time.
        env: Held-out scenes; generator and batch size are set anew.
        frames: How many, at most the task's horizon.
        seed: Seed of the episode.

    Returns:
        ``fps`` by the wall clock and ``fps_cpu`` by the clock of the process.
    """
    start_over(env, seed)
    env.batch_size = 1
    agent.prepare(env)
    obs = env.reset()
    state = agent.initial(obs)
    wall = cpu = 0.0
    frames = min(frames, env.horizon)
    for _ in range(frames):
        begin = time.perf_counter(), time.process_time()
        action, state, _ = agent.act(obs, state)
        wall += time.perf_counter() - begin[0]
        cpu += time.process_time() - begin[1]
        obs = env.step(action).obs
    return {"fps": frames / max(wall, 1e-9), "fps_cpu": frames / max(cpu, 1e-9)}


def evaluate(
    agent: Agent,
    env: Tracking,
    episodes: int | None = None,
    horizon: int | None = None,
    seed: int = SEED,
) -> dict[str, float]:
    """Scores an agent (arguments and errors as of ``observe``).

    Returns:
        * ``eval/iou``: mean over the steps after the first that show more than 0.3 of the target,
          then over episodes; ``eval/iou_se`` is its standard error over episodes.
        * ``eval/iou_with_first``: the same with the first step, whose box was given.
        * ``eval/iou_1_object``, ``eval/iou_2_objects`` ...: the same by the number of objects.
        * ``eval/success_0.5``, ``eval/success_auc``: share of such steps with an IoU above 0.5,
          and above 0, 0.05, ... 1 on average.
        * ``eval/precision_20px``: share of such steps whose centre is at most 20 pixels off.
        * ``eval/lost``: share of episodes whose last such step has an IoU below 0.05.
        * ``eval/losses``: how often the target was lost in an episode (``one_pass.losses``), and
          ``eval/refound``: the share of such losses that ended; left out when there are none.
        * ``eval/reappearance_iou``: at the first such step after 3 or more that are none; left
          out when there are none.
        * ``eval/visible``: share of such steps; ``eval/episodes``: how many were scored.
    """
    outcome = observe(agent, env, episodes, horizon, seed)
    return metrics.summary(outcome.episode_scores(), outcome.objects)
