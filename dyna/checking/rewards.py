"""Are the rewards of real episodes those that the model foretells?"""

import torch

from dyna.checking.finding import DOUBTFUL, GOOD, UNASKED, WRONG, Finding
from dyna.loop.trust import AHEAD, agreement, foretold
from envs.trajectory import Trajectory
from world_models.base import WorldModel

AGREES = (0.7, 0.4)
"""Correlations from here on are good, and doubtful."""


def judge(model: WorldModel, real: Trajectory, rng: torch.Generator) -> Finding:
    """Compares foretold with received rewards; shifted by a frame they must agree less."""
    if not model.sees:
        return Finding("rewards", UNASKED, "The model cannot look at real frames.")
    boxes = foretold(model, real.without_truth(), rng)
    now, early, late = (agreement(real, boxes, shift) for shift in (0, -1, 1))
    state = GOOD if now >= AGREES[0] else DOUBTFUL if now >= AGREES[1] else WRONG
    shifted = max(early, late)
    if shifted >= now:
        state = WRONG
    said = (
        f"Up to {AHEAD} frames ahead, rewards that the model foretells for real boxes have a "
        f"correlation of {now:.2f} with those received, and of {shifted:.2f} shifted by a frame."
    )
    return Finding("rewards", state, said, {"agreement": now, "shifted": shifted})
