"""Who is compared: arms (ways to learn) and reference trackers, as ``conf/arms.yaml`` has them.

Beside them the simulator that is wrong by a known amount, as ``conf/faults.yaml`` has it:
``oracle:box_jitter=4`` is an arm, too.
"""

import dataclasses
import functools
import importlib.resources
from typing import Any

from omegaconf import OmegaConf

SIMULATOR, FAULT = "oracle", ":"
"""The arm that faults are put into, and what stands between it and a fault in a name."""
SPARE = (("#56B4E9", "P", "-"), ("#E69F00", "X", "--"))
"""Looks of arms that nobody has declared."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """A way to learn.

    Attributes:
        name: In results files and of ``study.arms``.
        label: For people.
        kind: ``model_free``, ``free`` (a world model that learns nothing), ``learned``,
            ``simulator``, or ``wrong`` (a simulator with a fault).
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


@dataclasses.dataclass(frozen=True)
class Fault:
    """A way in which a world model can be wrong, and by how much the simulator was made so.

    Attributes:
        name: In names of arms.
        label: For people.
        unit: Of levels.
        levels: Overrides by level, from the least wrong on; 0 is right.
        figure: Of rows, ``beside/FIGURE/dreamed``, that shows it; empty if none does.
    """

    name: str
    label: str
    unit: str
    levels: dict[float, tuple[str, ...]]
    figure: str = ""

    def sized(self, level: float) -> str:
        """A level with its unit."""
        return f"{level:g} {self.unit}".replace(" %", "%")

    @property
    def every(self) -> str:
        """The name that stands for all of its arms."""
        return f"{SIMULATOR}{FAULT}{self.name}"

    @property
    def arms(self) -> list[str]:
        """Names of its arms, one for each level."""
        return [f"{self.every}={level:g}" for level in self.levels]


@functools.cache
def _read(file: str) -> dict[str, dict[str, Any]]:
    text = importlib.resources.files("conf").joinpath(file).read_text()
    return OmegaConf.to_container(OmegaConf.create(text))  # type: ignore[return-value]


def _declared() -> dict[str, dict[str, Any]]:
    return _read("arms.yaml")


@functools.cache
def faults() -> dict[str, Fault]:
    """Every declared fault, by name."""
    return {
        name: Fault(name, **{**told, "levels": _tuples(told["levels"])})
        for name, told in _read("faults.yaml").items()
    }


def _tuples(levels: dict[float, list[str]]) -> dict[float, tuple[str, ...]]:
    return {float(level): tuple(overrides) for level, overrides in levels.items()}


def fault(name: str) -> tuple[Fault, float] | None:
    """The fault of an arm and its level; None if the arm is no faulty simulator."""
    for one in faults().values():
        for level, own in zip(one.levels, one.arms, strict=True):
            if own == name:
                return one, level
    return None


def expanded(name: str) -> list[str]:
    """The arms that a name stands for: a fault without a level is all of its levels."""
    return next((fault.arms for fault in faults().values() if fault.every == name), [name])


def arms() -> list[Arm]:
    """Every declared arm, in the order of sentences and legends."""
    return [arm(name) for name in _declared()["arms"]]


def arm(name: str) -> Arm:
    """The arm of that name; one that nobody has declared is a learned world model."""
    known = _declared()["arms"].get(name)
    if known is not None:
        return Arm(name, **{**known, "overrides": tuple(known["overrides"])})
    if (found := fault(name)) is not None:
        return _wrong(name, *found)
    look = SPARE[sum(map(ord, name)) % len(SPARE)]
    return Arm(name, name, "learned", "a learned world model", *look, (f"world_model={name}",))


def _wrong(name: str, made: Fault, level: float) -> Arm:
    """The simulator with a fault."""
    right = arm(SIMULATOR)
    return dataclasses.replace(
        right,
        name=name,
        label=f"simulator, {made.label} ({made.sized(level)})",
        kind="wrong",
        hint="the simulator, made wrong by so much",
        overrides=(*right.overrides, *made.levels[level]),
        of=SIMULATOR,
    )


def tracker(name: str) -> Tracker:
    """The reference tracker of that name, declared or not."""
    known = _declared()["trackers"].get(name, {})
    return Tracker(name, **{"label": name.replace("_", " "), **known})
