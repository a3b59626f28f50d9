"""Which law objects move by: what predicts tracks of other episodes best, steps ahead."""

from collections.abc import Callable
from typing import Any

import torch

from world_models.air.motion.learning import Tracks, fit_motion, motion_loss
from world_models.air.motion.transition import Transition
from world_models.air.settings import AIRSettings

TRANSITIONS = ("rnn", "kalman")
RELATIONS = ("none", "pairwise")
MOST_EPISODES = 96
"""So many are enough to choose; all teach what was chosen."""
EVERY = 4
"""Every so-manieth episode is held out."""
DRAWS = 8
MARGIN = 0.05
"""A later candidate must err less by this (logarithm of squared pixels) than those before it."""


def choose_law(
    settings: AIRSettings,
    tracks: Tracks,
    make: Callable[[str, str], Transition],
    steps: int,
    rng: torch.Generator,
) -> tuple[dict[str, Any], dict[str, float]]:
    """The transition, and then whether objects act on each other, as far as that is left open.

    Args:
        settings: What is not open in them stays.
        tracks: Scenes as the filter saw them.
        make: A new transition of these names (transition, relation).
        steps: Gradient steps of each candidate.
        rng: Source of all randomness.

    Returns:
        What was chosen, and the open-loop error of each candidate on held-out episodes: the mean
        logarithm of squared pixels over ten steps, as in `overshoot`.
    """
    scene = torch.arange(len(tracks.where), device=tracks.where.device)
    taught, held_out = scene[scene % EVERY > 0], scene[scene % EVERY == 0]
    errors: dict[tuple[str, str], float] = {}

    def error(law: tuple[str, str]) -> float:
        if law not in errors:
            transition = make(*law)
            fit_motion(transition, tracks[taught], steps, rng)
            errors[law] = _open_loop(transition, tracks[held_out])
        return errors[law]

    transition, relation = settings.transition, settings.relation
    none = "none" if "relation" in settings.open else relation
    chosen: dict[str, Any] = {}
    if "transition" in settings.open:
        transition = _least({name: error((name, none)) for name in TRANSITIONS})
        chosen["transition"] = transition
    if "relation" in settings.open and transition != "constant_velocity":
        chosen["relation"] = _least({name: error((transition, name)) for name in RELATIONS})
    return chosen, {f"law_{a}_{b}": value for (a, b), value in errors.items()}


def _least(errors: dict[str, float]) -> str:
    """The first that no later one beats by `MARGIN`."""
    best, *others = errors
    for name in others:
        if errors[name] < errors[best] - MARGIN:
            best = name
    return best


@torch.no_grad()
def _open_loop(transition: Transition, tracks: Tracks) -> float:
    """See `choose_law`; the same moments are asked of each candidate."""
    rng = torch.Generator(tracks.where.device).manual_seed(0)
    draws = [motion_loss(transition, tracks, rng)[1] for _ in range(DRAWS)]
    return torch.stack(draws).mean().item()
