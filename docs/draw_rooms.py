"""Draws docs/rooms.svg, who imports whom: ``python docs/draw_rooms.py [--check]`` (make rooms).

Nothing in it is placed by hand. Blocks are packages, boxes are their rooms (a folder, or the files
that setup.cfg names side by side), words in boxes are the first of their docstrings, arrows are
imports. An arrow that others imply is left out. ``--check`` writes nothing and fails if the
picture is out of date.
"""

import ast
import configparser
import dataclasses
import html
import re
import sys
import textwrap
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "rooms.svg"
PACKAGES = ("dyna", "agents", "world_models", "envs")
WIDTH, EDGE, BETWEEN = 1000, 10, 56
"""Pixels: of the picture, around it, between packages."""
BOX, LANE, GAP, PAD = 208, 10, 16, 14
"""Pixels: width of a box and of an arrow that passes a row, between boxes, within a package."""
ROWS_APART, TITLE, LINE = 38, 32, 16
COLOURS = {"dyna": "#0072B2", "agents": "#D55E00", "world_models": "#CC79A7", "envs": "#009E73"}
HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z" fill="#555"/></marker>'
    '<marker id="big" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="16" markerHeight="16" '
    'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z" fill="#555"/></marker>'
)


@dataclasses.dataclass
class Room:
    """A box, or (``names`` empty) the place where a long arrow passes a row.

    Attributes:
        names: Children of the package that it holds: one folder, or files.
        below: Rooms of the next row to which arrows go.
        row: From 0, the lowest.
        x: Left edge.
        y: Upper edge.
        height: Of the box.
    """

    names: tuple[str, ...] = ()
    title: list[str] = dataclasses.field(default_factory=list)
    text: list[str] = dataclasses.field(default_factory=list)
    below: list["Room"] = dataclasses.field(default_factory=list)
    row: int = 0
    x: float = 0.0
    y: float = 0.0
    height: float = 0.0

    @property
    def width(self) -> int:
        """Of the box or the lane."""
        return BOX if self.names else LANE

    @property
    def middle(self) -> float:
        """Where its centre is, from left to right."""
        return self.x + self.width / 2


def docstring(package: str, name: str) -> str:
    """The first words of a folder's or file's docstring, up to the first stop after a few."""
    path = ROOT / package / name
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    told = ast.get_docstring(ast.parse(path.read_text())) or ""
    told = " ".join(told.replace("`", "").split())
    return re.split(r"(?<=.{12})[:;.]", told)[0]


def layers(package: str) -> list[list[str]]:
    """What setup.cfg names side by side in a package, top to bottom."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    for name in config.sections():
        if config[name].get("containers", "").split() == [package]:
            lines = config[name]["layers"].strip().splitlines()
            return [[part.strip() for part in line.split("|")] for line in lines]
    raise ValueError(f"setup.cfg has no contract of layers for {package}")


def rooms(package: str, graph: grimp.ImportGraph) -> list[Room]:
    """The rooms of a package; arrows that others imply are left out."""
    groups = []
    for layer in layers(package):
        groups += [(name,) for name in layer if (ROOT / package / name).is_dir()]
        groups += [tuple(name for name in layer if not (ROOT / package / name).is_dir())]
    known = {name for group in groups for name in group}
    children = {name.rpartition(".")[2] for name in graph.find_children(package)}
    groups += [(name,) for name in sorted(children - known)]
    groups = [group for group in groups if group]
    found = {group: Room(group, *words(package, group)) for group in groups}
    home = {name: group for group in groups for name in group}
    arrows: dict[tuple[str, ...], set[tuple[str, ...]]] = {group: set() for group in groups}
    for module in sorted(graph.modules):
        for other in graph.find_modules_directly_imported_by(module):
            a, b = module.split("."), other.split(".")
            if a[0] == b[0] == package and len(a) > 1 and len(b) > 1 and a[1] != b[1]:
                arrows[home[a[1]]] |= {home[b[1]]} - {home[a[1]]}
    for group in groups:
        implied = {far for near in arrows[group] for far in reach(near, arrows) - {near}}
        found[group].below = [found[g] for g in groups if g in arrows[group] - implied]
    return list(found.values())


def reach(start: tuple[str, ...], arrows: dict) -> set[tuple[str, ...]]:
    """Everything that can be reached along arrows, the start included."""
    seen, todo = {start}, [start]
    while todo:
        new = arrows[todo.pop()] - seen
        seen |= new
        todo += sorted(new)
    return seen


def words(package: str, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Title and text of a box, in lines."""
    if len(names) > 1:
        return textwrap.wrap(", ".join(names), 25), []
    title = names[0] + ("/" if (ROOT / package / names[0]).is_dir() else "")
    return [title], textwrap.wrap(docstring(package, names[0]), 30)


def into_rows(found: list[Room]) -> list[list[Room]]:
    """Rows from the lowest up; long arrows get a lane in every row that they pass."""

    def row(room: Room) -> int:
        return 1 + max((row(other) for other in room.below), default=-1)

    for room in found:
        room.row = row(room)
    for room in sorted(found, key=lambda r: -r.row):  # as high as importers allow
        above = [other.row for other in found if room in other.below]
        room.row = min(above, default=room.row + 1) - 1
    rows: list[list[Room]] = [[] for _ in range(1 + max(room.row for room in found))]
    for room in found:
        rows[room.row].append(room)
    for room in found:
        for place, other in enumerate(room.below):
            for level in range(other.row + 1, room.row):
                lane = Room(below=[other], row=level)
                rows[level].append(lane)
                other = lane
            room.below[place] = other
    return rows


def arrange(rows: list[list[Room]], left: float, width: float) -> None:
    """Sets x: rows centred, each room near those that it is joined to."""

    def spread(row: list[Room]) -> None:
        gap = (width - sum(room.width for room in row)) / (len(row) + 1)
        gap = max(min(gap, 70.0), GAP)
        x = left + (width - sum(room.width for room in row) - gap * (len(row) - 1)) / 2
        for room in row:
            room.x = x
            x += room.width + gap

    for row in rows:
        spread(row)
    for turn in range(8):
        down = turn % 2 == 0
        for number in range(len(rows)) if not down else reversed(range(len(rows))):
            row, places = rows[number], {}
            for room in row:
                above = rows[number + 1] if number + 1 < len(rows) else []
                joined = [r for r in above if room in r.below] if down else room.below
                middles = [other.middle for other in joined] or [room.middle]
                places[id(room)] = sum(middles) / len(middles)
            row.sort(key=lambda room: places[id(room)])
            spread(row)


def box(room: Room, colour: str) -> str:
    """A room with its words."""
    lines = [(text, "600 13.5px", "#111") for text in room.title]
    lines += [(text, "12px", "#444") for text in room.text]
    y = room.y + (room.height - LINE * len(lines)) / 2 + 12.5
    out = [
        f'<rect x="{room.x:.1f}" y="{room.y:.1f}" width="{BOX}" height="{room.height:.1f}" rx="5" '
        f'fill="#fff" stroke="{colour}"/>'
    ]
    for text, font, ink in lines:
        out.append(
            f'<text x="{room.middle:.1f}" y="{y:.1f}" style="font:{font} sans-serif" '
            f'fill="{ink}" text-anchor="middle">{html.escape(text)}</text>'
        )
        y += LINE
    return "\n".join(out)


def arrows_below(row: list[Room], below: list[Room]) -> str:
    """The arrows from one row to the next: they stay between the two, so they cross no word."""
    out = []
    for room in row:
        bottom = room.y + room.height
        if not room.names:
            out.append(f"M{room.middle:.1f} {room.y:.1f}V{bottom:.1f}")
        aims = sorted(room.below, key=lambda other: other.middle)
        for place, other in enumerate(aims):
            start = room.x + room.width * (place + 1) / (len(aims) + 1)
            sources = sorted((r for r in row if other in r.below), key=lambda r: r.middle)
            end = other.x + other.width * (sources.index(room) + 1) / (len(sources) + 1)
            half = (bottom + other.y) / 2
            path = f"M{start:.1f} {bottom:.1f}C{start:.1f} {half:.1f} {end:.1f} {half:.1f} "
            head = ' marker-end="url(#head)"' if other.names else ""
            out.append(f"{path}{end:.1f} {other.y:.1f}|{head}")
    paths = [part.partition("|") for part in out]
    return "\n".join(f'<path d="{d}" fill="none" stroke="#777"{head}/>' for d, _, head in paths)


def block(
    package: str, graph: grimp.ImportGraph, left: float, width: float, top: float
) -> tuple[str, float]:
    """A package and everything in it: the SVG, and where it ends."""
    rows = into_rows(rooms(package, graph))
    arrange(rows, left + PAD, width - 2 * PAD)
    y = top + TITLE
    for row in reversed(rows):
        height = LINE * max(len(room.title) + len(room.text) for room in row) + 12
        for room in row:
            room.y, room.height = y, height
        y += height + ROWS_APART
    bottom = y - ROWS_APART + PAD
    colour = COLOURS[package]
    parts = [
        f'<rect x="{left}" y="{top}" width="{width}" height="{bottom - top}" rx="9" '
        f'fill="{colour}" fill-opacity="0.08" stroke="{colour}"/>',
        f'<text x="{left + 12}" y="{top + 22}" style="font:700 17px sans-serif" '
        f'fill="{colour}">{package}/</text>',
    ]
    parts += [arrows_below(rows[i], rows[i - 1]) for i in range(len(rows) - 1, 0, -1)]
    parts += [box(room, colour) for row in rows for room in row if room.names]
    return "\n".join(parts), bottom


def draw() -> str:
    """The picture as SVG."""
    sys.path.insert(0, str(ROOT))
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    inner, corridor = WIDTH - 2 * EDGE, 40
    half, parts, middle = (inner - corridor) / 2, [], {}
    svg, bottom = block("dyna", graph, EDGE, inner, EDGE)
    parts.append(svg)
    tops = {"dyna": (EDGE, bottom)}
    start = bottom + BETWEEN
    for package, left in (("agents", EDGE), ("world_models", EDGE + half + corridor)):
        svg, bottom = block(package, graph, left, half, start)
        parts.append(svg)
        tops[package], middle[package] = (start, bottom), left + half / 2
    start = max(end for _, end in tops.values()) + BETWEEN
    svg, bottom = block("envs", graph, EDGE, inner, start)
    parts.append(svg)
    tops["envs"] = (start, bottom)
    for above, below in pairs(graph):
        x = middle.get(above, middle.get(below, WIDTH / 2))
        y, end = tops[above][1], tops[below][0]
        parts.append(
            f'<path d="M{x:.1f} {y:.1f}V{end - 1:.1f}" stroke="#555" stroke-width="4" '
            'marker-end="url(#big)"/>'
        )
    size = f'width="{WIDTH}" height="{bottom + EDGE:.0f}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} '
    opening += f'{bottom + EDGE:.0f}">\n<defs>{HEAD}</defs>\n<rect {size} fill="#fff"/>\n'
    return opening + "\n".join(part for part in parts if part) + "\n</svg>\n"


def pairs(graph: grimp.ImportGraph) -> list[tuple[str, str]]:
    """Packages of which the first imports the second."""
    return [
        (a, b)
        for a in PACKAGES
        for b in PACKAGES
        if a != b and graph.direct_import_exists(importer=a, imported=b, as_packages=True)
    ]


def main() -> int:
    """Writes the picture or, with ``--check``, compares; returns the exit status."""
    svg = draw()
    if sys.argv[1:] == ["--check"]:
        if PICTURE.exists() and PICTURE.read_text() == svg:
            return 0
        print("docs/rooms.svg is out of date: run `make rooms`", file=sys.stderr)
        return 1
    PICTURE.write_text(svg)
    print(f"wrote {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
