"""Puts the dreams of a run beside the held-out episodes of its world."""

import warnings

from agents.base import Agent
from dyna.diagnosis.beside import EPISODES, beside
from dyna.evaluation.heldout import SEED, available, start_over
from dyna.loop.rollout import rollout
from envs.scene import Scene
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from envs.video import Video
from world_models.base import WorldModel


def put_beside(
    agent: Agent,
    held_out: Tracking,
    dream: Tracking | None,
    episodes: int = EPISODES,
    model: WorldModel | None = None,
) -> dict[str, float]:
    """Lets the agent of a run act in both; a failure is only a warning.

    Args:
        agent: It does not explore.
        held_out: The real task; its generator and batch size are set anew.
        dream: The same in the model's imagination; likewise. None: nothing is compared.
        episodes: How many of either, at most.
        model: Looks at both, if it is given and can see, which takes seconds.

    Returns:
        What `beside` finds.
    """
    if dream is None:
        return {}
    try:
        shown = []
        for env in (held_out, dream):
            start_over(env, SEED)
            env.batch_size = min(available(env, episodes), EPISODES)
            shown.append(rollout(env, agent, explore=False))
        return beside(with_whole_truth(held_out.scene, shown[0]), shown[1], model)
    except Exception as error:  # the run and its numbers are worth more than this
        warnings.warn(f"dreams were not put beside reality: {error!r}", stacklevel=2)
        return {}


def with_whole_truth(scene: Scene, episodes: Trajectory) -> Trajectory:
    """The episodes, without truth where it may not be of all objects, as in annotated video."""
    return episodes.without_truth() if isinstance(scene, Video) else episodes
