"""Our speeds beside those of peers, from the rows that ``python -m benchmarks.peers`` wrote.

A cell is how many times as fast as the peer we are: the ratio of the best turns, and in brackets
the least and the largest of single turns. Timings are noisy; ratios of one run less so.
"""

from collections.abc import Sequence
from typing import Any

from dyna.reporting import tables
from dyna.scores.results import Row

KIND = "peers"
"""What such a results file calls itself."""
COMMAND = "make benchmark"
TITLES = {
    "training": "Learning to track (collecting and learning), `plain`",
    "scenes": "Scenes",
    "imagination": "Imagination, 64 x 64, 256 episodes side by side, 20 frames each",
    "tracking": "Tracking, 320 x 240, one video",
}
"""Of the parts, in their order."""
OURS, THEIRS = "frames_per_cpu_second", "peer_frames_per_cpu_second"
NOTE = (
    "Frames a CPU second: one thread, the best of {repeats} turns that everybody took one after "
    "another. Other cells: how many times as fast as the peer, and the range of single turns."
)


def _times(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _cell(row: Row | None) -> str:
    if row is None:  # these two did not meet
        return ""
    if row["status"] != "ok":
        return "missing"
    return f"{_times(row['ratio'])} ({_times(row['ratio_low'])} to {_times(row['ratio_high'])})"


def _speed(rows: Sequence[Row], name: str) -> str:
    known = [row[name] for row in rows if row["status"] == "ok"]
    return f"{known[0]:,.0f}" if known else "missing"


def cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and body of one part: a line a peer, a column for each of ours."""
    ours = list(dict.fromkeys(row["ours"] for row in rows))
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    found = {(row["ours"], row["peer"]): row for row in rows}
    speeds = [_speed([row for row in rows if row["ours"] == mine], OURS) for mine in ours]
    body = [["frames a CPU second", "", *speeds]]
    for peer in peers:
        theirs = _speed([row for row in rows if row["peer"] == peer], THEIRS)
        body.append([peer, theirs, *(_cell(found.get((mine, peer))) for mine in ours)])
    return ["times as fast as", "its frames a CPU second", *ours], body


def growth(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and body of how speeds change: a line for each thing that was changed."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        text = f"{row['value']:,}: {row[OURS]:,.0f}"
        groups.setdefault((row["of"], row["axis"]), []).append(text)
    body = [[of, axis, "; ".join(points)] for (of, axis), points in groups.items()]
    return ["of", "changed", "its values: frames a CPU second"], body


def sentences(rows: Sequence[Row]) -> list[str]:
    """Whether ratios are as wanted, and why a peer is missing."""
    said = []
    for row in rows:
        if row["status"] == "ok" and "wanted" in row:
            told = f"{row['ours']} is {_cell(row)} times as fast as {row['peer']}"
            short = "" if row["ratio"] >= row["wanted"] else ", which it falls short of"
            said.append(f"{told}: {row['wanted']:g} or more are wanted{short}")
    absent = {row["peer"]: row["note"] for row in rows if row["status"] != "ok"}
    return said + [f"{peer} is missing: {note}" for peer, note in absent.items()]


def parts(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by part, in their order; growth is told apart (`growth`)."""
    found = {part: [row for row in rows if row["part"] == part] for part in TITLES}
    return {part: chosen for part, chosen in found.items() if chosen}


def _grown(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["part"] == "growth"]


def as_text(rows: Sequence[Row]) -> str:
    """All tables for a terminal."""
    printed = []
    for part, chosen in parts(rows).items():
        said = "".join(f"\n- {sentence}" for sentence in sentences(chosen))
        printed.append(f"{TITLES[part]}\n{tables.in_columns(*cells(chosen))}{said}")
    if grown := _grown(rows):
        printed.append(f"Growth\n{tables.in_columns(*growth(grown))}")
    return "\n\n".join(printed)


def block(document: dict[str, Any], name: str, folder: str) -> str:
    """What a document in ``folder`` says of one results file: tables, and where they are from."""
    rows, machine = document["rows"], document["machine"]
    printed = []
    for part, chosen in parts(rows).items():
        said = "\n".join(f"- {sentence}" for sentence in sentences(chosen))
        table = tables.in_markdown(*cells(chosen))
        printed.append(f"**{TITLES[part]}**\n\n{table}\n" + (f"\n{said}\n" if said else ""))
    if grown := _grown(rows):
        printed.append(f"**Growth**\n\n{tables.in_markdown(*growth(grown))}\n")
    repeats = " or ".join(map(str, sorted({row["repeats"] for row in rows if "repeats" in row})))
    source = (
        f"{tables.source(f'{name}.json', folder)}: `{document['command']}` at "
        f"{str(document['commit'])[:9]}, {document['date'][:10]}, {machine['processor']}, "
        f"Python {machine['python']}"
    )
    return "\n".join(printed) + f"\n<sub>{NOTE.format(repeats=repeats)} {source}</sub>\n"
