"""The configuration: one YAML per member of a group, and the schemas that they begin with.

A member whose class (or ``make`` function) names its ``Settings`` has them as the config
``settings/<name>``: a YAML that lists ``/settings/<name>@_here_`` among its ``defaults`` has every
key with its default and type, and holds only what differs. ``<name>`` is the class name in lower
case, or the module of a ``make``. Members are found by the ``_target_`` of the YAMLs (`members`).
"""

import dataclasses
import typing
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore

from conf.members import HOME, PLACES, declared, find
from envs.settings import is_settings


def settings_of(target: str) -> type | None:
    """The `Settings` that the class or the ``make`` function of a ``_target_`` names.

    Raises:
        ValueError: It is no member.
    """
    return getattr(find(target), "Settings", None)


def schema(settings: type, target: str | None = None, partial: bool = False) -> type:
    """A dataclass with the keys of ``settings``, open to changes, that builds ``target``.

    Settings among the settings become nodes with keys of their own.

    Args:
        settings: The `Settings` of the target.
        target: Dotted path of what is built; None for a node that is handed over as it is.
        partial: Whether its builder is what is wanted (``_partial_`` of Hydra's).
    """
    hints = typing.get_type_hints(settings)
    fields: list[Any] = []
    if target is not None:
        fields.append(("_target_", str, dataclasses.field(default=target)))
    if partial:
        fields.append(("_partial_", bool, dataclasses.field(default=True)))
    for field in dataclasses.fields(settings):
        hint = hints[field.name]
        if float in typing.get_args(hint) and str in typing.get_args(hint):
            hint = int | hint  # among alternatives OmegaConf makes no float of a whole number
        home: dict[str, Any] = {"default": field.default, "default_factory": field.default_factory}
        if is_settings(hint):
            node = schema(hint)
            hint, home = node | None, {"default_factory": node}
        given = {name: x for name, x in home.items() if x is not dataclasses.MISSING}
        fields.append((field.name, hint, dataclasses.field(**given)))
    # By keyword: a key without a default may follow those with one. It is "???" till it is given.
    return dataclasses.make_dataclass(settings.__name__, fields, kw_only=True)


SCHEMAS: dict[str, str] = {}
"""Whose each schema is."""


def register(folder: Path = HOME) -> None:
    """Makes members of what the YAMLs of a folder name, and stores the schemas that they have."""
    members = set(declared(folder))
    for target, _, place in members:
        PLACES.setdefault(target, set()).add(place)
    for target, partial in sorted({(target, partial) for target, partial, _ in members}):
        settings = settings_of(target)
        if settings is None:
            continue
        *_, module, name = target.split(".")
        stem = module if name == "make" else name.lower()
        if SCHEMAS.setdefault(stem, target) != target:
            raise ValueError(f"{target} has the name of {SCHEMAS[stem]}: rename one of them")
        node = schema(settings, target, partial)
        ConfigStore.instance().store(group="settings", name=stem, node=node)


register()
