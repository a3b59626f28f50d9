"""Settings of whatever a config builds: default, range and help text of a key have one home.

A member says what can be set about it in a frozen dataclass:

    @dataclasses.dataclass(frozen=True)
    class AIRSettings(Settings):
        num_slots: int = setting(4, "most objects followed at a time", least=1)

and names it by the class attribute ``Settings`` (a ``make`` function: by ``@configured_by``). The
configuration takes the dataclass for the schema of the member's YAML (``conf/__init__.py``).
"""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeGuard, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
AUTO = "auto"
"""The value of a key that whoever has it is to choose by itself, from what it is shown."""


def setting(
    default: Any,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Iterable[str] | None = None,
    pair: type | None = None,
) -> Any:
    """A field of a `Settings` class.

    Args:
        default: Its value if nothing else is said; lists are copied for each instance. Where it is
            `AUTO`, that is allowed beside all others.
        help: What it means, in a few words, with its unit.
        least: The lowest value that is allowed.
        most: The highest value that is allowed.
        above: All values must be above this.
        below: All values must be below this.
        choices: The only texts that are allowed.
        pair: Two numbers of this type are meant, each within the limits.
    """
    told: dict[str, Any] = {"help": help}
    limits = {"least": least, "most": most, "above": above, "below": below}
    told |= {name: limit for name, limit in limits.items() if limit is not None}
    if default == AUTO:
        told["auto"] = True
    if choices is not None:
        told["choices"] = tuple(choices)
    if pair is not None:
        told["pair"] = pair
    if isinstance(default, list | dict):
        whole = default
        return dataclasses.field(default_factory=lambda: type(whole)(whole), metadata=told)
    return dataclasses.field(default=default, metadata=told)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What can be set about a member; every value is checked when it is given.

    Attributes:
        DREAMING: Keys of a world model that only say how it dreams, and change nothing that it
            learns.

    Raises:
        ValueError: A value has another type, or lies out of its range; names both and the mend.
    """

    DREAMING: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            check(field.name, getattr(self, field.name), hints[field.name], field.metadata)


Kind = TypeVar("Kind", bound=Settings)


def from_config(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """The settings of a node of a config, whose own nodes become the settings in fields.

    Args:
        kind: Their class.
        given: Values by key; None for settings in a field means all their defaults.
    """
    made, hints = dict(given), typing.get_type_hints(kind)
    for name, value in given.items():
        hint = hints.get(name)
        if is_settings(hint) and not isinstance(value, hint):
            made[name] = from_config(hint, value or {})
    return kind(**made)


def is_settings(hint: Any) -> TypeGuard[type[Settings]]:
    """Whether a field of this type holds settings of its own."""
    return isinstance(hint, type) and issubclass(hint, Settings)


def configured_by(settings: type[Settings]) -> Callable[[Function], Function]:
    """Names the settings that a ``make`` function takes, as its attribute ``Settings``."""

    def name(make: Function) -> Function:
        make.__dict__["Settings"] = settings
        return make

    return name


def check(name: str, value: Any, hint: Any, told: typing.Mapping[str, Any]) -> None:
    """Refuses what a key cannot be; see `setting` for ``told``.

    Raises:
        ValueError: The message has the key, the value and what is allowed.
    """
    allowed = typing.get_args(hint) if typing.get_origin(hint) in _UNIONS else (hint,)
    auto = told.get("auto", False)
    if (value is None and type(None) in allowed) or (auto and value == AUTO):
        return
    choices = told.get("choices", ())
    # Beside numbers and switches "auto" is the only text.
    kinds = [kind for kind in allowed if kind in _NAMES and not (auto and kind is str)]
    if kinds and not any(_is(value, kind) for kind in kinds):
        names = [_NAMES[kind] for kind in kinds] + [AUTO] * auto
        raise ValueError(f"{name}={value} is not {' or '.join(names)}")
    if choices and value not in choices:
        known = ", ".join([*choices, *[AUTO] * auto])
        raise ValueError(f"{name}={value} is unknown: choose one of {known}")
    if "pair" in told:
        _check_pair(name, value, told)
    if isinstance(value, int | float):
        _check_range(name, value, told)


def _check_pair(name: str, value: Any, told: typing.Mapping[str, Any]) -> None:
    kind = told["pair"]
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_list or len(value) != 2 or not all(_is(item, kind) for item in value):
        raise ValueError(f"{name}={value} is no pair [a, b], each {_NAMES[kind]}")
    for item in value:
        _check_range(name, item, told)


def _check_range(name: str, value: float, told: typing.Mapping[str, Any]) -> None:
    if not abs(value) < (LARGEST if isinstance(value, int) else math.inf):
        raise ValueError(f"{name} must be finite, and below 2^63 if it is whole, got {value}")
    for limit, (broken, words) in _LIMITS.items():
        if limit in told and broken(value, told[limit]):
            raise ValueError(f"{name} must be {words} {told[limit]:g}, got {value}")


LARGEST = 2**63
"""Whole numbers must be below: what follows computes with 64 bits."""
_UNIONS = (typing.Union, types.UnionType)
_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}
_LIMITS: dict[str, Any] = {
    "least": (lambda value, limit: not value >= limit, "at least"),
    "most": (lambda value, limit: not value <= limit, "at most"),
    "above": (lambda value, limit: not value > limit, "above"),
    "below": (lambda value, limit: not value < limit, "below"),
}


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def helps(settings: type) -> dict[str, str]:
    """What each key means, in the order of the class."""
    return {f.name: f.metadata.get("help", "") for f in dataclasses.fields(settings)}
