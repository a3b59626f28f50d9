"""What all tests share: checked shapes, one thread, fixed seeds, the members of conf/.

A contract test joins every member of a group by ``@pytest.mark.parametrize("name",
names("agent"))`` with ``from tests.conftest import names``: a new YAML is a new test.
"""

from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

# Shapes and types of the packages are checked while tests run, and only then. Like mypy, the
# checker takes an int for a float. Nothing of ours may be imported before this line.
PACKAGES = ["dyna", "envs", "agents", "world_models"]
TYPECHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
install_import_hook(PACKAGES, TYPECHECKER)

ROOT = Path(__file__).resolve().parents[1]

torch.set_num_threads(1)


def names(group: str) -> list[str]:
    """Stems of ``conf/<group>/*.yaml``."""
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


NEEDS_FILES = {"nano"}
"""Agents that need files which are not ours to ship; they have tests of their own."""


def agents() -> list[str]:
    """Names of the agents that can be made anywhere."""
    return [name for name in names("agent") if name not in NEEDS_FILES]


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Tests may draw with ``torch.rand``; it repeats. The packages take generators instead."""
    torch.manual_seed(0)


@pytest.fixture
def rng() -> torch.Generator:
    """A generator with a fixed seed, to pass in."""
    return torch.Generator().manual_seed(0)
