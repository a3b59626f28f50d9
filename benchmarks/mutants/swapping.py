"""Planting a fault in code that has been imported, which is much faster than importing it anew."""

import gc
import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.mutants.noticing import PACKAGES


def preload(tree: Path) -> dict[str, list[types.FunctionType]]:
    """Imports the packages of a tree as its tests do, and what torch loads at its first use.

    Returns:
        The functions of every file.
    """
    sys.path.insert(0, str(tree))
    importlib.import_module("tests.conftest")  # checks of shapes come in here
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]
    for package in PACKAGES:
        for path in sorted((tree / package).rglob("*.py")):
            name = ".".join(path.relative_to(tree).with_suffix("").parts)
            if path.name != "__main__.py":
                importlib.import_module(name.removesuffix(".__init__"))
    layer = torch.nn.Linear(1, 1)
    torch.optim.Adam(layer.parameters())
    torch.testing.assert_close(layer.bias, layer.bias)
    found: dict[str, list[types.FunctionType]] = {}
    for one in gc.get_objects():
        if type(one) is types.FunctionType and one.__code__.co_filename.startswith(str(tree)):
            found.setdefault(one.__code__.co_filename, []).append(one)
    gc.freeze()  # forks need not look through all of this again
    return found


def swap(functions: list[types.FunctionType], path: Path, clean: str, source: str) -> None:
    """Gives the functions of an imported file the code of other source."""
    new, old = (dict(_functions(path, text)) for text in (source, clean))
    place = {(name, code.co_firstlineno): (name, n) for (name, n), code in old.items()}
    for one in functions:
        code = new.get(place.get((one.__code__.co_qualname, one.__code__.co_firstlineno)))
        if code and code.co_freevars == one.__code__.co_freevars:
            one.__code__ = code


def forget() -> None:
    """Lets tests import the packages anew: a fault in what importing runs needs that."""
    for name in list(sys.modules):
        if name.split(".")[0] in (*PACKAGES, "conf", "gymnasium"):
            del sys.modules[name]


def _functions(path: Path, source: str) -> Iterator[tuple[tuple[str, int], types.CodeType]]:
    """All code of a file by its name, and a count of those of the same name."""
    count: dict[str, int] = {}
    waiting = [compile(source, path, "exec")]
    while waiting:
        code = waiting.pop()
        count[code.co_qualname] = count.get(code.co_qualname, 0) + 1
        yield (code.co_qualname, count[code.co_qualname]), code
        waiting += [c for c in reversed(code.co_consts) if isinstance(c, types.CodeType)]
