"""What is not written down: what a config looks up in the environment, and secrets.

Everything that a command writes (configs, results, checkpoints, what loggers get) goes through
`masked` or `writable`, so that it can be shown and shared.
"""

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

WORDS = r"(?:api_?key|key|token|secret|password|passwd|passphrase|credential)s?"
SECRET = re.compile(rf"(?:^|[_.-]){WORDS}(?:$|[_.-])", re.IGNORECASE)
"""Names of variables, and of keys, whose values are secret."""
GIVEN = re.compile(
    rf"""((?:^|[\s'"{{,.+_-]){WORDS}\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,'"}}\]]+)""", re.IGNORECASE
)
"""The same in a command, with the value: ``logger.api_key=...``."""
SHORTEST = 6
"""Shorter values are no secrets, and could be found anywhere."""
HIDDEN = "***"


def masked(text: str) -> str:
    """A text without the values of secret variables and keys.

    Example:
        >>> masked("python -m dyna +api_key=abcdefgh seed=1")
        'python -m dyna +api_key=*** seed=1'
    """
    secrets = {
        value: name
        for name, value in os.environ.items()
        if len(value) >= SHORTEST and SECRET.search(name)
    }
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, f"${{oc.env:{secrets[value]}}}")
    return GIVEN.sub(lambda found: found[1] + (HIDDEN if "${" not in found[2] else found[2]), text)


def masked_argument(argument: str) -> str:
    """The same for one argument of a command, whose value may hold blanks."""
    key, equals, value = argument.partition("=")
    if equals and SECRET.search(key.lstrip("+~-")) and "${" not in value:
        return f"{key}={HIDDEN}"
    return masked(argument)


def masked_command(command: str) -> str:
    """The same for a command as a shell is given it."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quote is left open
        return masked(command)
    hidden = [masked_argument(word) for word in words]
    return command if hidden == words else shlex.join(hidden)


def writable(cfg: Any) -> Any:
    """A config as plain values, resolved but for what it looks up in the environment.

    Values of secret keys are hidden.
    """
    with _environment_left_alone():
        try:
            return _without_secrets(OmegaConf.to_container(cfg, resolve=True))
        except OmegaConfBaseException:  # a number that comes from the environment, say
            return _without_secrets(OmegaConf.to_container(cfg, resolve=False))


def write_config(config: Mapping[str, Any], path: Path) -> None:
    """Writes plain values as YAML, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
    temporary.replace(path)


def _without_secrets(node: Any, key: str = "") -> Any:
    if isinstance(node, Mapping):
        return {name: _without_secrets(value, str(name)) for name, value in node.items()}
    if isinstance(node, list):
        return [_without_secrets(value, key) for value in node]
    if not isinstance(node, str):
        return node
    return HIDDEN if SECRET.search(key) and "${" not in node else masked(node)


@contextlib.contextmanager
def _environment_left_alone() -> Iterator[None]:
    """``${oc.env:NAME}`` stands for itself, also within other interpolations."""

    def same(*given: object) -> str:
        return f"${{oc.env:{','.join('null' if x is None else str(x) for x in given)}}}"

    OmegaConf.register_new_resolver("oc.env", same, replace=True)
    try:
        yield
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)


@contextlib.contextmanager
def masked_arguments() -> Iterator[None]:
    """The process's command line without secrets, for libraries that write it down."""
    given = sys.argv
    sys.argv = [masked_argument(argument) for argument in given]
    try:
        yield
    finally:
        sys.argv = given
