"""HART learning to track beside RecurrentPPO of sb3-contrib, on the very same vector env.

Frames are counted that an agent collects and learns from; scenes are part of it. RecurrentPPO sees
the env through its Gymnasium interface, all episodes as one batch, as our learners do.
"""

import contextlib
import dataclasses

from benchmarks.peers.contest import Measure, contest, repeated
from benchmarks.peers.environment import Worker
from benchmarks.training import build
from dyna.loop.rollout import rollout
from dyna.scores.results import Row
from envs import digits

TIER = "plain"
BATCH = 32
LATE = 40_000
"""Agent frames from which on every schedule has whole episodes and its last number of passes."""
EPISODES = 8
"""Of RecurrentPPO side by side, 128 steps each between updates, as is its default."""
OURS = {
    "hart_ppo": ("hart_ppo", LATE),
    "hart_full": ("hart_full", LATE),
    "hart, from labels": ("hart", LATE),
    "hart_ppo, its first 2,500 frames": ("hart_ppo", 0),
}
PEERS = {
    "RecurrentPPO, CnnLstmPolicy": ("CnnLstmPolicy", "defaults"),
    "RecurrentPPO, MultiInputLstmPolicy": ("MultiInputLstmPolicy", "defaults"),
    "RecurrentPPO, light": ("CnnLstmPolicy", "light"),
}
"""The second sees frames and boxes, the others frames; the light one has one LSTM of 128 units for
actor and critic, and 2 passes where 10 are the default."""
WANTED = {
    (mine, "RecurrentPPO, CnnLstmPolicy"): 20.0
    for mine in ("hart_ppo", "hart_full", "hart, from labels")
}


def learner(name: str, begin: int, seconds: float) -> Measure:
    """Turns of one of our learners that has had ``begin`` agent frames already."""
    env = digits.make(tier=TIER, batch_size=BATCH, seed=0)
    agent = build(name, env.scene.frame_shape, "cpu")
    horizon = agent.horizon(begin)

    def stint() -> int:
        trajectory = rollout(env, agent, horizon)
        assert trajectory.truth is not None
        labels = trajectory.truth.labels if agent.supervised else None
        agent.frames = begin
        agent.update(dataclasses.replace(trajectory, truth=None, labels=labels), 0.5)
        return trajectory.num_frames

    return repeated(stint, seconds)


def rows(seconds: float, repeats: int) -> list[Row]:
    """All of ours beside all of theirs."""
    with contextlib.ExitStack() as stack:
        peers = {}
        for label, words in PEERS.items():
            module = "benchmarks.peers.theirs.recurrent_ppo"
            peers[label] = Worker("sb3-contrib", module, *words, TIER, str(EPISODES))
            stack.callback(peers[label].close)
        ours = {label: learner(*words, seconds) for label, words in OURS.items()}
        return contest("training", ours, peers, repeats, WANTED)
