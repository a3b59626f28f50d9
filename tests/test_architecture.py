"""The rules of the layout that no linter knows."""

import ast
import configparser
import importlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from jaxtyping import TypeCheckError

from conf.members import targets
from envs import boxes
from tests.conftest import PACKAGES, ROOT

MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
YAMLS = sorted((ROOT / "conf").rglob("*.yaml"))
# Files that serve the members of agents/ and world_models/ and are none themselves.
NO_MEMBERS = {"__init__", "base"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    return subprocess.run(
        [*command, "--no-cache"], cwd=directory, capture_output=True, text=True, check=False
    )


def test_imports_run_one_way() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("envs/boxes.py", "import agents.base"),
        ("agents/last_box.py", "import agents.oracle"),
        ("world_models/rigid.py", "import world_models.cut_paste"),
        ("agents/last_box.py", "import world_models.rigid"),
    ],
)
def test_a_planted_arrow_against_the_rules_is_caught(
    module: str, line: str, tmp_path: Path
) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    planted = tmp_path / module
    planted.write_text(planted.read_text() + f"\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert f"{module.removesuffix('.py').replace('/', '.')} -> {line.split()[1]}" in result.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_the_packages_under_test_are_ours(package: str) -> None:
    """`agents` is a generic name: other distributions install one, too."""
    assert Path(str(importlib.import_module(package).__file__)).parent == ROOT / package


@pytest.mark.parametrize("path", YAMLS, ids=relative)
def test_every_target_of_a_yaml_can_be_imported(path: Path) -> None:
    for target, *_ in targets(yaml.safe_load(path.read_text())):
        module, _, name = target.rpartition(".")
        assert hasattr(importlib.import_module(module), name), target


@pytest.mark.parametrize(
    ("package", "group"), [("agents", "agent"), ("world_models", "world_model")]
)
def test_every_member_has_a_yaml(package: str, group: str) -> None:
    """A class that can be built and is an Agent or a WorldModel is named by a YAML."""
    base_name = {"agents": "Agent", "world_models": "WorldModel"}[package]
    base = getattr(importlib.import_module(f"{package}.base"), base_name)
    paths = (ROOT / "conf" / group).glob("*.yaml")
    named = {name for path in paths for name, *_ in targets(yaml.safe_load(path.read_text()))}
    for path in (ROOT / package).glob("*.py"):
        if path.stem in NO_MEMBERS:
            continue
        module = importlib.import_module(f"{package}.{path.stem}")
        for name, value in vars(module).items():
            is_member = isinstance(value, type) and issubclass(value, base) and value is not base
            if is_member and value.__module__ == module.__name__ and not name.startswith("_"):
                abstract = getattr(value, "__abstractmethods__", frozenset())
                assert abstract or f"{module.__name__}.{name}" in named, f"{name} has no YAML"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_files_and_functions_fit_the_eye(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{node.name} is {length} lines long"
            given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            names = [one.arg for one in given if one.arg not in ("self", "cls")]
            assert len(names) <= 8, f"{node.name} takes {len(names)} arguments"


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_are_small_and_say_what_they_are_for(package: str) -> None:
    folders = [path for path in (ROOT / package).rglob("*") if (path / "__init__.py").exists()]
    for folder in [ROOT / package, *folders]:
        assert len(list(folder.glob("*.py"))) <= 15, f"{relative(folder)} is crowded"
        told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        assert told, f"{relative(folder)} does not say what it is for"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_drawer_for_odds_and_ends(path: Path) -> None:
    assert not re.fullmatch(r"(utils?|helpers?|common|misc)", path.stem)
    assert "from __future__ import annotations" not in path.read_text()


def test_every_import_is_a_declared_dependency() -> None:
    """What comes along by chance today may be gone tomorrow."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    lines = (config["options"]["install_requires"] + extras["dev"]).lower().splitlines()
    declared = {re.split(r"[<>=!~;\[ ]", line, maxsplit=1)[0] for line in lines if line}
    distributions = importlib.metadata.packages_distributions()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for top in {name.split(".")[0] for name in names}:
                if top in sys.stdlib_module_names or top in (*PACKAGES, "conf"):
                    continue
                found = {name.lower().replace("_", "-") for name in distributions.get(top, [top])}
                assert found & declared, f"{relative(path)} imports {top}: name it in setup.cfg"


def test_the_console_scripts_exist() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    for group in config["options.entry_points"].values():
        for line in group.strip().splitlines():
            module, name = line.split("=")[1].strip().split(":")
            assert callable(getattr(importlib.import_module(module), name)), line


def test_every_command_has_a_script() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    scripts = config["options.entry_points"]["console_scripts"]
    for path in (ROOT / "dyna").glob("*.py"):
        if "def main" in path.read_text():
            assert f"= dyna.{path.stem}:main" in scripts, path.stem


def test_shapes_are_checked_in_tests() -> None:
    boxes.to_xyxy(torch.zeros(2, 4))
    with pytest.raises(TypeCheckError):
        boxes.to_xyxy(torch.zeros(2, 5))
