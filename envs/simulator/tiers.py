"""The tiers of digits: named choices of factors (``envs.factors``).

Each tier isolates a claim: ``easy`` curves in minutes, ``medium`` learned against classical
trackers, ``hard`` memory (a dark bar hides, objects leave), ``interaction`` and ``occlusion``
collisions, ``active`` a camera that the action moves, ``pan`` one that moves by itself, ``stress``
everything at once. ``passing`` is the field's own test (SQAIR): 0 to 2 white digits on black that
start apart and then pass over each other; to be watched (``envs.watching``) for 10 frames.

Any factor of a tier can be changed; ``env.factors={camera: action, camera_speed: 3, world: 96}``
gives a camera to a tier that has none.
"""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from envs.factors import Factors
from envs.settings import check

PLAIN = Factors()
EASY = Factors(
    colour="grey", size=14, size_jitter=0.1, velocity_jitter=0.1, rotation=6, scale=0.15,
    depth=True, background=0.2,
)  # fmt: skip
MEDIUM = Factors(
    colour="rgb", size=13, size_jitter=0.1, speed=2.5, velocity_jitter=0.1, rotation=10,
    scale=0.25, morph="same_class", gain=0.2, lookalikes=0.5, depth=True,
)  # fmt: skip
HARD = Factors(
    min_objects=2, max_objects=4, colour="rgb", size=13, size_jitter=0.1, velocity_jitter=0.1,
    rotation=8, scale=0.25, morph="same_class", gain=0.3, lookalikes=0.5, depth=True, bars=1,
    leave=6,
)  # fmt: skip
INTERACTION = Factors(
    min_objects=4, max_objects=4, colour="rgb", size=13, size_jitter=0.1, speed=2.5,
    velocity_jitter=0.03, rotation=6, lookalikes=0.5, depth=True, collide=True,
)  # fmt: skip
OCCLUSION = dataclasses.replace(INTERACTION, bars=1, bar_width=14)
ACTIVE = Factors(
    min_objects=2, max_objects=4, colour="rgb", size=15, size_jitter=0.2, velocity_jitter=0.1,
    rotation=8, scale=0.35, morph="same_class", gain=0.3, lookalikes=0.5, depth=True,
    camera="action", camera_speed=3, world=112,
)  # fmt: skip
STRESS = Factors(
    frame_size=64, min_objects=3, max_objects=5, colour="rgb", size=15, size_jitter=0.2,
    velocity_jitter=0.1, acceleration=0.3, rotation=12, scale=0.35, morph="same_class", gain=0.3,
    lookalikes=0.5, depth=True, bars=1, bar_width=8, bar_brightness=(0.5, 0.8), clutter=10,
    noise=0.08, camera="pan", camera_speed=2.5, camera_follow=0.03, world=96,
)  # fmt: skip
PASSING = Factors(
    frame_size=50, min_objects=0, max_objects=2, size=20, size_jitter=0.05, speed=3,
    velocity_jitter=0, apart=True, background=0, noise=0.02,
)  # fmt: skip
PAN = dataclasses.replace(
    MEDIUM, background=0.45, background_detail=0.3, camera="pan", camera_speed=1.5,
    camera_follow=0.1, world=72,
)  # fmt: skip

TIERS: Mapping[str, Factors] = {
    "plain": PLAIN,
    "easy": EASY,
    "medium": MEDIUM,
    "hard": HARD,
    "interaction": INTERACTION,
    "occlusion": OCCLUSION,
    "active": ACTIVE,
    "stress": STRESS,
    "passing": PASSING,
    "pan": PAN,
}


def named(tier: str, changes: Any = None, tiers: Mapping[str, Factors] = TIERS) -> Factors:
    """The factors of one of ``tiers``, with ``changes`` to some of them, by name.

    Raises:
        ValueError: No such tier or factor, or a factor is out of range.
    """
    if tier not in tiers:
        raise ValueError(f"unknown tier {tier!r}: choose one of {', '.join(tiers)}")
    if changes is not None and not isinstance(changes, Mapping):
        raise ValueError(f"factors={changes} names none: give factors={{max_objects: 5}}")
    changes = dict(changes or {})
    names = [field.name for field in dataclasses.fields(Factors)]
    unknown = [name for name in changes if name not in names]
    if unknown:
        raise ValueError(f"unknown factor {unknown[0]!r}: choose among {', '.join(names)}")
    hints = typing.get_type_hints(Factors)
    for field in dataclasses.fields(Factors):
        if field.name in changes:
            check(field.name, changes[field.name], hints[field.name], field.metadata)
    if "bar_brightness" in changes:
        changes["bar_brightness"] = tuple(changes["bar_brightness"])
    return dataclasses.replace(tiers[tier], **changes)
