"""The documents tell the truth: files, functions, links, commands and pictures that they name."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dyna.reporting.blocks import DOCUMENTS
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r'\]\(([^)\s]+)\)|src="([^"]+)"')
PLACE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+|setup\.cfg|Makefile)(?::\s*([\w.]+))?`")
"""In running text: `folder/file.py` or `folder/file.py: Class.method`."""
CREATED = ("outputs/", "data/", "training/", "gt/")
"""Folders that a run, or whoever has the data, makes."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """A page without what is drawn from results (where commands stay as they were recorded)."""
    return re.sub(
        r"<!-- results:(\S+) -->.*?<!-- /results:\1 -->", "", path.read_text(), flags=re.S
    )


def defined(path: Path) -> set[str]:
    """Names of a file: functions, classes, constants, and what classes hold (``Class.name``)."""
    found: set[str] = set()

    def gather(body: list[ast.stmt], before: str) -> None:
        for node in body:
            names: list[str] = []
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [t.id for t in node.targets if isinstance(t, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            found.update(before + name for name in names)
            if isinstance(node, ast.ClassDef):
                gather(node.body, f"{before}{node.name}.")

    gather(ast.parse(path.read_text()).body, "")
    return found


def places() -> list[tuple[str, str, str]]:
    """Page, file and name of everything that a page names in backquotes."""
    return sorted(
        {
            (relative(page), file, name)
            for page in PAGES
            for file, name in PLACE.findall(prose(page))
            if "<" not in file and not file.startswith(CREATED)
        }
    )


@pytest.mark.parametrize(("page", "file", "name"), places(), ids=lambda text: text or "file")
def test_every_place_that_is_named_exists(page: str, file: str, name: str) -> None:
    """To mend: find where the name went (git grep), and say so in the page."""
    assert (ROOT / file).is_file(), f"{page} names {file}, which is not there"
    if name:
        assert name in defined(ROOT / file), f"{page} names {name}, which {file} does not define"


def test_the_page_of_the_rooms_names_places() -> None:
    named = [name for page, _, name in places() if page == "docs/architecture.md" and name]
    assert len(named) >= 20


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_leads_somewhere(page: Path) -> None:
    for pair in LINK.findall(page.read_text()):
        link = pair[0] or pair[1]
        if link.startswith(("https://", "http://", "#")):
            continue
        assert (page.parent / link.partition("#")[0]).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_command_needs_files_beside_the_repository(page: Path) -> None:
    assert "../shared" not in prose(page)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 250


def test_results_stand_in_one_place() -> None:
    readme, results = ((ROOT / name).read_text() for name in DOCUMENTS)
    assert re.findall(r"<!-- results:(\S+) -->", readme) == ["headline"]
    assert len(re.findall(r"<!-- results:(\S+) -->", results)) >= 11


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    command = [sys.executable, "docs/draw_rooms.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
