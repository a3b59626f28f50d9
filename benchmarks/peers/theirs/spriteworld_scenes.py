"""Spriteworld (Watters et al., 2019): frames per CPU second of one env, resets included.

A worker, in the peer's environment. Sprites of the size of our digits glide and are drawn as in
the package's own examples. They are placed by ourselves: the package's samplers ask for an older
NumPy.
"""

import sys

import numpy as np
from spriteworld import action_spaces, environment, renderers, tasks
from spriteworld.sprite import Sprite

from benchmarks.peers.contest import repeated
from benchmarks.peers.theirs.serving import serve

HORIZON = 20
SHAPES = ("triangle", "square", "circle")


def make(objects: int, size: int, anti_aliasing: int) -> environment.Environment:
    """An env of so many white sprites in frames of ``size`` pixels."""
    rng = np.random.default_rng(0)

    def sprites() -> list[Sprite]:
        return [
            Sprite(
                *rng.uniform(0.15, 0.85, 2),
                shape=SHAPES[rng.integers(len(SHAPES))],
                scale=0.25,
                c0=255,
                c1=255,
                c2=255,
                x_vel=rng.uniform(-0.04, 0.04),
                y_vel=rng.uniform(-0.04, 0.04),
            )
            for _ in range(objects)
        ]

    return environment.Environment(
        task=tasks.NoReward(),
        action_space=action_spaces.SelectMove(),
        renderers={"image": renderers.PILRenderer((size, size), anti_aliasing)},
        init_sprites=sprites,
        max_episode_length=HORIZON,
    )


def main() -> None:
    """Takes turns: objects, size, anti-aliasing and CPU seconds are given."""
    objects, size, anti_aliasing, seconds = sys.argv[1:]
    env = make(int(objects), int(size), int(anti_aliasing))

    def stint() -> int:
        for _ in range(HORIZON):
            env.step(env.action_space.sample())
        return HORIZON

    serve(repeated(stint, float(seconds)))


if __name__ == "__main__":
    main()
