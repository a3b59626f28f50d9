"""Trackers that are never trained, on the held-out episodes of a run: what to judge it by."""

import contextlib

from agents.base import Agent
from agents.last_box import LastBox
from dyna.evaluation.heldout import evaluate
from dyna.scores.results import Row, short_names
from envs.tracking import Tracking

EPISODES = 64
"""On how many they are scored, at most: seconds, beside the minutes of a run."""


def score(held_out: Tracking, episodes: int) -> dict[str, Row]:
    """The metrics of the last box held and of template matching, by name.

    Args:
        held_out: The task of the run; its generator and batch size are set anew.
        episodes: On how many the run itself was scored.
    """
    agents: dict[str, Agent] = {"last_box": LastBox()}
    with contextlib.suppress(ImportError):  # OpenCV is not always there
        from agents.classical import Classical

        agents["ncc"] = Classical(held_out.scene.frame_shape, algorithm="ncc")
    few = min(episodes, EPISODES)
    return {name: short_names(evaluate(one, held_out, few)) for name, one in agents.items()}
