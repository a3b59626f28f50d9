"""The pages that people read, and the commands in them."""

import re
from pathlib import Path

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
DRAWN = re.compile(r"<!-- results:(\S+) -->.*?<!-- /results:\1 -->", re.DOTALL)
COMMAND = re.compile(
    r"^\s*(python -m (?:dyna|benchmarks)\b.*)$|`(python -m (?:dyna|benchmarks)\b[^`\n]*)`",
    re.MULTILINE,
)


def prose(page: Path) -> str:
    """A page without what is drawn from results, where commands stay as they were recorded."""
    return DRAWN.sub("", page.read_text())


def commands() -> list[str]:
    """The ``python -m ...`` lines of the pages, continuations resolved."""
    texts = [prose(page).replace("\\\n", " ") for page in PAGES]
    return [match[1] or match[2] for text in texts for match in COMMAND.finditer(text)]
