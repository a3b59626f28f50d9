"""Draws the README's tables and figures from ``results/*.json``: ``python -m dyna.readme``.

What stands between ``<!-- results:NAME -->`` and ``<!-- /results:NAME -->`` is written from
``results/NAME.json``. ``--check`` writes nothing and fails if anything is out of date.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from dyna.reporting import comparison, model_tables, plots, tables
from dyna.reporting.findings import findings
from dyna.scores import results

MARKED = re.compile(
    r"(<!-- results:(?P<name>[\w-]+) -->\n)(?P<old>.*?)(<!-- /results(?::(?P=name))? -->)",
    re.DOTALL,
)


def block(path: Path) -> str:
    """What the README says of one results file (or, of world models, of several of a kind).

    It says so if there is none yet.
    """
    if path.stem in model_tables.KINDS:
        return model_tables.block(path.stem, path.parent)
    if not path.exists():
        return f"_Not run yet: `python -m dyna experiment={path.stem}`._\n"
    if results.load(path).get("kind") == comparison.KIND:
        return comparison.block(results.load(path), path.stem)
    document = results.read(path)
    rows = document["rows"]
    said = "\n".join(f"- {sentence}" for sentence in findings(rows))
    commits = sorted({str(row.get("commit") or document["commit"])[:9] for row in rows})
    source = f"`{document['command']}` at {', '.join(commits)}, {document['date'][:10]}"
    machine = document["machine"]
    note = f"{source}, {machine['processor']}; [{path.name}](results/{path.name})"
    text = f"{tables.as_markdown(rows)}\n\n{said}\n\n<sub>{note}</sub>\n"
    if plots.efficiency(rows) is None:
        return text
    alt = f"Held-out IoU against real frames, {path.stem}"
    return f'<img src="docs/{path.stem}.svg" alt="{alt}" width="560">\n\n{text}'


def filled(text: str, folder: Path) -> str:
    """The README with every marked block written anew.

    Raises:
        ValueError: A marker has no end.
    """
    begun = re.findall(r"<!-- results:([\w-]+) -->", text)
    whole = [match["name"] for match in MARKED.finditer(text)]
    if begun != whole:
        lost = sorted(set(begun) - set(whole))
        raise ValueError(f"README markers without an end: {lost}; add <!-- /results:NAME -->")

    def fill(match: re.Match[str]) -> str:
        return f"{match[1]}{block(folder / (match['name'] + '.json'))}{match[4]}"

    return MARKED.sub(fill, text)


def figures(folder: Path) -> dict[str, str]:
    """File names under ``docs/`` and their SVG, for every results file that can be drawn."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            rows = results.read(path)["rows"]
        except ValueError:
            continue  # other kinds of figures live here too
        svg = plots.efficiency(rows, page_ink=False)
        if svg is not None:
            found[f"{path.stem}.svg"] = svg
    return found


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Writes or, with ``--check``, compares; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    root = root or Path()
    path = root / "README.md"
    wanted = {path: filled(path.read_text(), root / "results")}
    for name, svg in figures(root / "results").items():
        wanted[root / "docs" / name] = svg
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text() != text]
    if given:
        for p in stale:
            print(f"{p} is out of date: run `python -m dyna.readme`", file=sys.stderr)
        return 1 if stale else 0
    for p in stale:
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_text(wanted[p])
        print(f"wrote {p}")
    return 0
