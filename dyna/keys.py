"""What the keys of members mean: ``python -m dyna.keys world_model=air agent=hart``."""

import sys
from collections.abc import Iterator
from typing import Any

import hydra
from omegaconf import DictConfig

from conf import settings_of
from dyna.command_line import call
from envs.settings import helps

WORDS = {"None": "null", "True": "true", "False": "false"}
"""YAML's for Python's."""
GROUPS = ("env", "agent", "world_model")


def lines(node: Any, prefix: str) -> Iterator[str]:
    """One line for each key of a node that has help, and of the nodes in it."""
    if not isinstance(node, DictConfig):
        return
    target = node.get("_target_")
    settings = settings_of(str(target)) if target else None
    if settings is not None:
        yield f"\n{prefix}: {target}"
        for key, text in helps(settings).items():
            if not isinstance(node[key], DictConfig):
                value = WORDS.get(str(node[key]), node[key])
                yield f"  {f'{prefix}.{key}={value}':44} {text}"
    for inner in node:
        yield from lines(node[inner], f"{prefix}.{inner!s}")


def _task() -> None:
    given = sys.argv[1:]
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("train", overrides=given)
        chosen = {override.partition("=")[0].split(".")[0] for override in given} & {*GROUPS}
        for group in GROUPS:
            if not chosen or group in chosen:
                print("\n".join(lines(cfg[group], group)))


def main() -> None:
    """Entry point of the command line."""
    call(_task)


if __name__ == "__main__":
    main()
