"""Arguments of commands: paths that Hydra's grammar would take apart, and names of members."""

import contextlib
import re
from collections.abc import Collection
from pathlib import Path

from conf.members import names

PATHS = frozenset(
    {"checkpoint", "start", "folder", "output", "save", "load", "path", "study.results"}
    | {"env.path", "env.digits"}
)
"""Keys that hold one path."""
PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
"""What Hydra reads as it stands."""
SWEEPS = ("choice(", "glob(", "range(", "interval(", "shuffle(", "sort(", "tag(")
"""How Hydra's own words for many values begin."""

GROUPS = ("env", "agent", "world_model", "logger", "experiment")
MEMBERS = re.compile(r"(choice\()?[A-Za-z_][\w-]*(,[A-Za-z_][\w-]*)*\)?")
"""Names of members, several in a sweep."""


def quote_paths(arguments: list[str], keys: Collection[str] = PATHS) -> list[str]:
    """Quotes paths given as they are, with whatever characters they have.

    In a sweep (``-m``) a comma stands between paths, unless a path of that name exists. Where none
    of the very name exists, what is in quotes is left alone, and ``${seed}`` is an interpolation.

    Example:
        >>> quote_paths(["seed=1", "checkpoint=outputs/a=1,b=2/seed=0"])
        ['seed=1', 'checkpoint="outputs/a=1,b=2/seed=0"']
    """
    sweep = bool({"-m", "--multirun"} & set(arguments))
    return [_with_path_quoted(argument, keys, sweep) for argument in arguments]


def _with_path_quoted(argument: str, keys: Collection[str], sweep: bool) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+") not in keys:
        return argument
    if sweep and not _exists(value):
        if value.startswith(SWEEPS) or "'" in value or '"' in value:
            return argument
        return f"{key}={','.join(map(quoted, value.split(',')))}"
    return f"{key}={quoted(value)}"


def check_choices(arguments: list[str]) -> None:
    """Makes sure that groups of the configuration are given names of members.

    Raises:
        ValueError: One is given something else, over which Hydra would stumble.
    """
    for argument in arguments:
        key, equals, value = argument.lstrip("+").partition("=")
        if equals and key in GROUPS and not MEMBERS.fullmatch(value):
            raise ValueError(
                f"{argument} names no {key}: choose one of {', '.join(sorted(names(key)))}"
            )


def quoted(path: str, is_name: bool = False) -> str:
    """A path as Hydra must be given it; ``is_name``: it is one, even if nothing is there."""
    there = is_name or _exists(path)
    in_quotes = len(path) > 1 and path[0] == path[-1] and path[0] in "'\""
    if not there and (not path or path == "null" or in_quotes):
        return path
    if PLAIN.fullmatch(path) and not _is_other(path):
        return path
    if there:  # a name, no interpolation: OmegaConf wants a backslash, and two for each before it
        path = re.sub(r"(\\*)\$\{", r"\1\1\\${", path)
    # Hydra takes backslashes as they are, but for those before a quote.
    path = re.sub(r'(\\*)"', r'\1\1\\"', path)
    return '"' + re.sub(r"(\\+)$", r"\1\1", path) + '"'


def _is_other(text: str) -> bool:
    """Whether Hydra would read a number or a truth value."""
    with contextlib.suppress(ValueError):
        float(text)
        return True
    return text.lower() in ("true", "false", "null")


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False
