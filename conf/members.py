"""What a config may build: members, which are what the YAMLs of ``conf/`` name as ``_target_``.

A config can come with a checkpoint from somebody else. So a ``_target_`` is never just imported:
it must be one that a YAML names at the same place. The YAMLs are ours, and those of folders that
the user names on the command line.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

HOME = Path(__file__).parent
PLACES: dict[str, set[str]] = {}
"""Every member, and where in a config it may stand: ``agent``; its parts at ``agent.policy``."""
FOLDERS: list[Path] = []
"""Folders like ``conf/`` that the user named on the command line (`own`)."""
OWN = ("_target_", "_partial_")
"""Keys of a node that are no arguments; others of Hydra's are refused."""


def targets(node: object, place: str = "") -> Iterator[tuple[str, bool, str]]:
    """Every ``_target_`` in plain values, whether it is ``_partial_``, and its place."""
    if isinstance(node, dict):
        if node.get("_target_"):
            yield node["_target_"], bool(node.get("_partial_")), place
        for key, value in node.items():
            yield from targets(value, f"{place}.{key}" if place else str(key))
    elif isinstance(node, list):
        for value in node:
            yield from targets(value, place)


def declared(folder: Path) -> Iterator[tuple[str, bool, str]]:
    """The same, of all YAMLs in a folder like ``conf/``; places begin with the group."""
    for path in sorted(folder.glob("*/*.yaml")):
        yield from targets(OmegaConf.to_container(OmegaConf.load(path)), path.parent.name)


def names(group: str) -> set[str]:
    """What a group of the configuration can be: the YAMLs in it."""
    return {path.stem for home in (HOME, *FOLDERS) for path in (home / group).glob("*.yaml")}


def find(target: Any, place: str | None = None) -> Any:
    """The class or function that a ``_target_`` names.

    Args:
        target: Its dotted path.
        place: Where it stands in the config; None: anywhere.

    Raises:
        ValueError: No YAML names it at that place. Nothing was imported.
    """
    places = PLACES.get(target, set()) if isinstance(target, str) else set()
    if not places or (place is not None and place not in places):
        at = f"{place}." if place else ""
        raise ValueError(
            f"{at}_target_={target} is no member, so it is not made: only what the YAMLs of conf/ "
            "name there is, and those of your own folder, path=FOLDER"
        )
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def check(node: object, place: str) -> None:
    """Makes sure that all of a config, as plain values, names members at their places.

    Raises:
        ValueError: Something else is named; the message has it and its place.
    """
    if isinstance(node, dict):
        if "_target_" in node:
            find(node["_target_"], place)
            orders = [key for key in node if str(key).startswith("_") and key not in OWN]
            if orders:
                raise ValueError(f"{place}.{orders[0]} is not allowed: a node has arguments alone")
        for key, value in node.items():
            check(value, f"{place}.{key}")
    elif isinstance(node, list):
        for value in node:
            check(value, place)
