"""Do the same policies earn in dreams what they earn in the world?

If they do not, whoever learns in dreams learns what is worth nothing outside. The rank correlation
of policies is what counts for learning; what they earn in dreams alone is what can be exploited.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import stats

from agents.base import Agent
from dyna.checking.finding import DOUBTFUL, GOOD, WRONG, Finding, graded, mean_and_error, worst
from dyna.loop.rollout import rollout
from envs.tracking import Tracking

RANKS = (0.9, 0.7)
"""Rank correlations from here on are good, and doubtful."""
RETURNS, OF_ONE = (0.05, 0.15), (0.15, 0.3)
"""Differences of the mean reward up to here are good, and doubtful: over policies, and of one."""


@dataclasses.dataclass(frozen=True)
class Earned:
    """What one policy earns in a frame on average, and two standard errors of that.

    Attributes:
        real: In the world.
        dreamed: In dreams.
    """

    real: tuple[float, float]
    dreamed: tuple[float, float]


def earn(
    policies: Mapping[str, Agent], world: Tracking, dream: Tracking, seed: int
) -> dict[str, Earned]:
    """Lets every policy act in both, in the same episodes each time."""
    found = {}
    for name, policy in policies.items():
        both = []
        for env in (world, dream):
            env.rng.manual_seed(seed)
            reward = rollout(env, policy, explore=False).reward[:, 1:]
            both.append(mean_and_error(reward.mean(1)))
        found[name] = Earned(*both)
    return found


def judge(earned: Mapping[str, Earned]) -> Finding:
    """Compares the order of policies, and what they earn."""
    real = np.array([one.real[0] for one in earned.values()])
    dreamed = np.array([one.dreamed[0] for one in earned.values()])
    rank = float(stats.spearmanr(real, dreamed).statistic)
    more = dreamed - real
    errors = [max(one.real[1], one.dreamed[1]) for one in earned.values()]
    noise = 1.5 * sum(errors) / len(errors)  # of the difference of two
    mean, most = float(more.mean()), int(np.abs(more).argmax())
    order = GOOD if rank >= RANKS[0] else DOUBTFUL if rank >= RANKS[1] else WRONG
    of_all, of_one = graded(mean, *RETURNS, noise), graded(float(more[most]), *OF_ONE, noise)
    name = list(earned)[most]
    said = (
        f"{len(earned)} policies earn {mean:+.3f} IoU more in dreams than in the world, {name} "
        f"{more[most]:+.3f}; the rank correlation of their order is {rank:.2f}."
    )
    figures = {"rank": rank, "difference": mean, "largest_difference": float(more[most])}
    return Finding("returns", worst(order, of_all, of_one), said, figures)
