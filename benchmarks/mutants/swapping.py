"""Planting a fault in code that has been imported, which is much faster than importing it anew."""

import gc
import importlib
import sys
import types
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


def swap(functions: list[types.FunctionType], path: Path, source: str) -> bool:
    """Gives the functions of an imported file the code of other source, if that can be done.

    They are told apart by their names, and those of the same name by their order.

    Returns:
        Whether it was done: not where a function does not use what it used around it (``super``).
    """
    lines: dict[str, set[int]] = {}
    for one in functions:
        lines.setdefault(one.__code__.co_qualname, set()).add(one.__code__.co_firstlineno)
    codes = _codes(path, source)
    for one in functions:
        name, line = one.__code__.co_qualname, one.__code__.co_firstlineno
        code = codes[name][sorted(lines[name]).index(line)]
        if code.co_freevars != one.__code__.co_freevars:
            return False
        one.__code__ = code
    return True


def forget() -> None:
    """Lets tests import the packages anew: a fault in what importing runs needs that."""
    for name in list(sys.modules):
        if name.split(".")[0] in (*PACKAGES, "conf", "gymnasium"):
            del sys.modules[name]


def _codes(path: Path, source: str) -> dict[str, list[types.CodeType]]:
    """All code of a file by its name, in its order."""
    found: dict[str, list[types.CodeType]] = {}
    waiting = [compile(source, path, "exec")]
    while waiting:
        code = waiting.pop()
        found.setdefault(code.co_qualname, []).append(code)
        waiting += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return {name: sorted(codes, key=lambda c: c.co_firstlineno) for name, codes in found.items()}
