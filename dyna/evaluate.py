"""Scores agents on held-out scenes: ``python -m dyna.evaluate agent=csrt env.tier=medium``."""

import torch

from agents.base import Agent
from dyna import metrics
from dyna.rollout import rollout
from envs.tracking import Tracking

SEED = 1_000_003
"""Seed of the held-out episodes, far from those that training uses."""
BATCH = 64
"""Episodes side by side, at most; it decides which episodes a seed draws."""


def evaluate(
    agent: Agent,
    env: Tracking,
    episodes: int = 256,
    horizon: int | None = None,
    seed: int = SEED,
) -> dict[str, float]:
    """Scores an agent that does not explore; the same seed gives the same episodes every time.

    Args:
        agent: Whom to score.
        env: Held-out scenes; its generator is set to ``seed``, its batch size to what is needed.
        episodes: How many to score.
        horizon: Frames per episode, at most the task's (which is the default).
        seed: Seed of the episodes.

    Returns:
        * ``eval/iou``: mean over the steps after the first that show more than 0.3 of the target,
          then over episodes; ``eval/iou_se`` is its standard error over episodes.
        * ``eval/iou_1_object``, ``eval/iou_2_objects`` ...: the same by the number of objects.
        * ``eval/success_0.5``, ``eval/success_auc``: share of such steps with an IoU above 0.5,
          and above 0, 0.05, ... 1 on average.
        * ``eval/lost``: share of episodes whose last such step has an IoU below 0.05.
        * ``eval/reappearance_iou``: at the first such step after 3 or more that are none; left
          out when there are none.
        * ``eval/visible``: share of such steps; ``eval/episodes``: how many were scored.

    Raises:
        ValueError: ``episodes`` is below 1, or ``horizon`` not between 2 and the task's.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    horizon = env.horizon if horizon is None else horizon
    if not 2 <= horizon <= env.horizon:
        raise ValueError(
            f"horizon must be from 2 to the task's {env.horizon} frames, got {horizon}; "
            "a longer one needs env.horizon"
        )
    env.rng.manual_seed(seed)
    parts, objects, missing = [], [], episodes
    while missing > 0:
        env.batch_size = min(BATCH, missing)
        trajectory = rollout(env, agent, horizon, explore=False)
        iou = metrics.overlap(trajectory, env.centre_gain, env.size_gain)
        parts.append(metrics.episode_scores(iou, metrics.counted(trajectory)))
        objects.append(metrics.num_objects(trajectory))
        missing -= trajectory.num_episodes
    scores = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return metrics.summary(scores, torch.cat(objects))


def main() -> None:
    """Entry point of the command line."""
    from dyna import score  # which builds on this module

    score.main()


if __name__ == "__main__":
    main()
