"""The documents tell the truth: files, functions, links, commands and pictures that they name."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dyna.reporting.blocks import DOCUMENTS
from tests.conftest import PACKAGES, ROOT
from tests.documents import PAGES, prose

README = (ROOT / "README.md").read_text()
LINK = re.compile(r'\]\(([^)\s]+)\)|src="([^"]+)"')
PLACE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+|\w+\.py|setup\.cfg|Makefile)(?::\s*([\w.]+))?`")
"""In running text: `folder/file.py`, from the root or from a room, or `file.py: Class.method`."""
CREATED = ("outputs/", "data/", "training/", "gt/")
"""Folders that a run, or whoever has the data, makes."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def find(file: str) -> Path | None:
    """The file that is meant: from the root, or the only one whose path ends so."""
    if (ROOT / file).is_file():
        return ROOT / file
    found = [p for package in PACKAGES for p in (ROOT / package).rglob(Path(file).name)]
    found = [path for path in found if path.as_posix().endswith(f"/{file}")]
    return found[0] if len(found) == 1 else None


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
    path = find(file)
    assert path is not None, f"{page} names {file}: no such file, or several"
    if name:
        assert name in defined(path), f"{page} names {name}, which {file} does not define"


def test_the_page_of_the_rooms_names_places() -> None:
    named = [name for page, _, name in places() if page == "docs/architecture.md" and name]
    assert len(named) >= 20


def anchors(page: Path) -> list[str]:
    """What a link to a heading ends with, for every heading of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_leads_somewhere(page: Path) -> None:
    for pair in LINK.findall(page.read_text()):
        link = pair[0] or pair[1]
        if link.startswith(("https://", "http://", "#")):
            continue
        file, _, anchor = link.partition("#")
        assert (page.parent / file).exists(), link
        assert not anchor or anchor in anchors(page.parent / file), link


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_command_needs_files_beside_the_repository(page: Path) -> None:
    assert "../shared" not in prose(page)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 250


@pytest.mark.parametrize("snippet", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_every_snippet_runs(snippet: str) -> None:
    names: dict[str, object] = {}
    exec(compile(snippet, "README.md", "exec"), names)
    assert "env" in names or "metrics" in names


def test_results_stand_in_one_place() -> None:
    readme, results, speed = ((ROOT / name).read_text() for name in DOCUMENTS)
    assert re.findall(r"<!-- results:(\S+) -->", readme) == ["answer", "headline"]
    assert len(re.findall(r"<!-- results:(\S+) -->", results)) >= 8
    assert re.findall(r"<!-- results:(\S+) -->", speed) == ["speed_peers", "speed_before"]


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    command = [sys.executable, "docs/draw_rooms.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
