"""Draws the documents' tables and figures from ``results/*.json``: ``python -m dyna.readme``.

What stands between ``<!-- results:NAME -->`` and ``<!-- /results:NAME -->`` in README.md,
docs/results.md and docs/speed.md is written from ``results/NAME.json``.
"""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dyna.reporting import comparison, grids, model_tables, pages, plots, speeds, tables
from dyna.reporting.accuracy import plot, words
from dyna.reporting.findings import findings
from dyna.reporting.front import answer
from dyna.reporting.front import tiers as by_tier
from dyna.scores import results
from dyna.scores.arms import arm

DOCUMENTS = ("README.md", "docs/results.md", "docs/speed.md")
"""The files with marked blocks, from the root of the repository."""
HEADLINE = ("dreams", 1000)
"""The block ``headline`` is drawn from this results file, at so many real frames."""
KINDS: dict[Any, Callable[[dict[str, Any], str, str], str]] = {
    comparison.KIND: comparison.block,
    speeds.KIND: speeds.block,
    grids.KIND: grids.block,
}
"""Who writes of results files that say of what kind they are."""
COMMANDS = {
    "speed_peers": speeds.COMMAND,
    "speed_before": "python -m benchmarks.before",
    "learners": "python -m benchmarks.learners",
    "rewards": "python -m dyna experiment=dreams 'study.arms=[air,air_boxes]' "
    "'study.real_frames=[1000,4000,20000]' '~study.references' "
    "+study.results=results/rewards.json",
}
"""What writes a results file that is of no experiment."""
MARKED = re.compile(
    r"(<!-- results:(?P<name>[\w-]+) -->\n)(?P<old>.*?)(<!-- /results(?::(?P=name))? -->)",
    re.DOTALL,
)


def block(path: Path, folder: str) -> str:
    """What a document says of one results file (or, of world models, of several of a kind).

    It says so if there is none yet.

    Args:
        path: The results file.
        folder: Where the document is, from the root of the repository; links start there.
    """
    if path.stem in model_tables.KINDS:
        return model_tables.block(path.stem, path.parent, folder)
    if path.stem == "answer":
        return answers(path.parent, folder)
    if path.stem == "headline":
        return headline(path.with_name(f"{HEADLINE[0]}.json"), folder)
    if not path.exists():
        command = COMMANDS.get(path.stem, f"python -m dyna experiment={path.stem}")
        return f"_Not run yet: `{command}`._\n"
    if (write := KINDS.get(results.load(path).get("kind"))) is not None:
        return write(results.load(path), path.stem, folder)
    document = results.read(path)
    rows = document["rows"]
    said = "\n".join(f"- {one}" for one in (*pages.analyses(rows), *findings(rows)))
    commits = sorted({str(row.get("commit") or document["commit"])[:9] for row in rows})
    made = f"`{document['command']}` at {', '.join(commits)}, {document['date'][:10]}"
    machine = document["machine"]
    note = f"{made}, {machine['processor']}; {tables.source(path.name, folder)}"
    right = [row for row in rows if arm(row["arm"]).kind != "wrong"]
    table = tables.as_markdown(right)
    if len(right) < len(rows):
        parts = (words.table(rows), words.models(rows), table)
        table = "\n\n".join(part for part in parts if part)
    return f"{_picture(path, rows, folder)}{table}\n\n{said}\n\n<sub>{note}</sub>\n"


def answers(published: Path, folder: str) -> str:
    """What the studies of a folder say to the questions that the project exists for.

    With the figure of the first that can be drawn.
    """
    said = "".join(f"- {sentence}\n" for sentence in answer.sentences(published))
    if not said:
        return "_Not run yet: `python -m dyna experiment=accuracy`._\n"
    paths = [published / f"{name}.json" for name in answer.QUESTIONS]
    pictures = [_picture(p, results.read(p)["rows"], folder) for p in paths if p.exists()]
    return f"{said}\n{next(filter(None, pictures), '')}"


def headline(path: Path, folder: str) -> str:
    """Figure, table of tiers and what they say of one study, at one budget of real frames."""
    if not path.exists():
        return f"_Not run yet: `python -m dyna experiment={path.stem}`._\n"
    rows, real = results.read(path)["rows"], HEADLINE[1]
    found = by_tier.tiers(rows, real)
    said = "\n".join(f"- {sentence}" for sentence in by_tier.sentences(found))
    dreams = by_tier.usual_dreams(rows, real)
    spread = f"±: {text}; " if (text := tables.intervals(rows)) else ""
    note = f"{real:,} real frames, {dreams:,} imagined; {spread}{tables.source(path.name, folder)}"
    return f"{_picture(path, rows, folder)}{by_tier.table(found)}\n\n{said}\n\n<sub>{note}</sub>\n"


def _drawn(rows: Sequence[results.Row]) -> tuple[str, str] | None:
    """The figure of a results file and what it shows, if there is something to draw."""
    if (panels := plot.panels(rows, page_ink=False)) is not None:
        return panels, "Held-out IoU against the size of a fault"
    if (curve := plots.efficiency(rows, page_ink=False)) is not None:
        return curve, "Held-out IoU against real frames"
    return None


def _picture(path: Path, rows: Sequence[results.Row], folder: str) -> str:
    if (drawn := _drawn(rows)) is None:
        return ""
    place = tables.link(f"docs/{path.stem}.svg", folder)
    return f'<img src="{place}" alt="{drawn[1]}, {path.stem}" width="560">\n\n'


def filled(text: str, results_folder: Path, folder: str = ".") -> str:
    """A document of ``folder`` with every marked block written anew.

    Raises:
        ValueError: A marker has no end.
    """
    begun = re.findall(r"<!-- results:([\w-]+) -->", text)
    whole = [match["name"] for match in MARKED.finditer(text)]
    if begun != whole:
        lost = sorted(set(begun) - set(whole))
        raise ValueError(f"markers without an end: {lost}; add <!-- /results:NAME -->")

    def fill(match: re.Match[str]) -> str:
        return f"{match[1]}{block(results_folder / (match['name'] + '.json'), folder)}{match[4]}"

    return MARKED.sub(fill, text)


def figures(folder: Path) -> dict[str, str]:
    """File names under ``docs/`` and their SVG, for every results file that can be drawn."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            rows = results.read(path)["rows"]
        except ValueError:
            continue  # other kinds of figures live here too
        if (drawn := _drawn(rows)) is not None:
            found[f"{path.stem}.svg"] = drawn[0]
    return found


def draw(root: Path, check: bool = False) -> int:
    """Writes what is out of date, or with ``check`` only names it; returns the exit status."""
    wanted = {
        root / name: filled((root / name).read_text(), root / "results", str(Path(name).parent))
        for name in DOCUMENTS
    }
    for name, svg in figures(root / "results").items():
        wanted[root / "docs" / name] = svg
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text() != text]
    for p in stale:
        if check:
            print(f"{p} is out of date: run `python -m dyna.readme`", file=sys.stderr)
            continue
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_text(wanted[p])
        print(f"wrote {p}")
    return 1 if stale and check else 0
