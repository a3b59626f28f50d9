"""Who is compared: arms (ways to learn) and reference trackers, as ``conf/arms.yaml`` has them."""

import dataclasses
import functools
import importlib.resources
from typing import Any

from omegaconf import OmegaConf

SPARE = (("#56B4E9", "P", "-"), ("#E69F00", "X", "--"))
"""Looks of arms that nobody has declared."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """A way to learn.

    Attributes:
        name: In results files and of ``study.arms``.
        label: For people.
        kind: ``model_free``, ``free`` (a world model that learns nothing), ``learned``, or
            ``simulator``.
        hint: What it is, in a few words.
        colour: In every figure.
        marker: In every figure.
        stroke: In every figure.
        overrides: Of the configuration, that make a run this arm.
        of: The arm that it is a variant of, if it is one.
    """

    name: str
    label: str
    kind: str
    hint: str
    colour: str
    marker: str
    stroke: str
    overrides: tuple[str, ...]
    of: str = ""

    @property
    def is_rival(self) -> bool:
        """Whether a learned model must beat it."""
        return self.kind in ("model_free", "free")


@dataclasses.dataclass(frozen=True)
class Tracker:
    """A reference tracker.

    Attributes:
        name: In results files; the agent of that name in the configuration.
        label: For people.
        classical: Whether it is one of the classical trackers.
        cost: Of an episode, in frames that an agent trains on in the same time.
    """

    name: str
    label: str
    classical: bool = False
    cost: int = 5


@functools.cache
def _declared() -> dict[str, dict[str, Any]]:
    text = importlib.resources.files("conf").joinpath("arms.yaml").read_text()
    return OmegaConf.to_container(OmegaConf.create(text))  # type: ignore[return-value]


def arms() -> list[Arm]:
    """Every declared arm, in the order of sentences and legends."""
    return [arm(name) for name in _declared()["arms"]]


def arm(name: str) -> Arm:
    """The arm of that name; one that nobody has declared is a learned world model."""
    known = _declared()["arms"].get(name)
    if known is not None:
        return Arm(name, **{**known, "overrides": tuple(known["overrides"])})
    look = SPARE[sum(map(ord, name)) % len(SPARE)]
    return Arm(name, name, "learned", "a learned world model", *look, (f"world_model={name}",))


def tracker(name: str) -> Tracker:
    """The reference tracker of that name, declared or not."""
    known = _declared()["trackers"].get(name, {})
    return Tracker(name, **{"label": name.replace("_", " "), **known})
