"""Plain tables of what was measured, from results files that name their columns."""

from collections.abc import Mapping
from typing import Any

from dyna.reporting import tables

KIND = "grid"
"""What such a results file calls itself."""


def block(document: Mapping[str, Any], name: str, folder: str) -> str:
    """The table, and where it is from.

    Args:
        document: The results file; ``columns`` says how keys of rows are headed.
        name: Of the file, without its ending.
        folder: Where the page is, from the root of the repository.
    """
    columns: dict[str, str] = document["columns"]
    body = [[cell(row.get(key)) for key in columns] for row in document["rows"]]
    table = tables.in_markdown(list(columns.values()), body)
    made = f"`{document['command']}` at {str(document['commit'])[:9]}, {document['date'][:10]}"
    source = tables.source(f"{name}.json", folder)
    return f"{table}\n\n<sub>{made}, {document['machine']['processor']}; {source}</sub>\n"


def cell(value: Any) -> str:
    """A text, a number with three digits that tell, or several of them; nothing for None."""
    if isinstance(value, list):
        return " ".join(cell(each) for each in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"
    return "" if value is None else str(value)
