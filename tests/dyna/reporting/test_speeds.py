"""The page of speeds beside peers is drawn from its results file."""

from pathlib import Path

from dyna.reporting import blocks, speeds
from dyna.scores import results
from dyna.scores.results import Row

PAIR: Row = {
    "part": "scenes",
    "ours": "plain",
    "peer": "them",
    "wanted": 60.0,
    "status": "ok",
    "frames_per_cpu_second": 30000.0,
    "peer_frames_per_cpu_second": 600.0,
    "ratio": 50.0,
    "ratio_low": 48.0,
    "ratio_high": 123.0,
    "repeats": 3,
}
GONE: Row = {**PAIR, "peer": "gone", "status": "missing", "note": "no wheel"}
GROWN: Row = {"part": "growth", "of": "scenes", "axis": "objects", "frames_per_cpu_second": 1e4}
ROWS = [PAIR, GONE, {**GROWN, "value": 1}, {**GROWN, "value": 16, "frames_per_cpu_second": 5e3}]


def drawn(folder: Path, rows: list[Row]) -> str:
    path = folder / "speed_peers.json"
    results.write(path, {"kind": speeds.KIND, **results.provenance("python -m x")}, rows)
    return blocks.block(path, "docs")


def test_the_block_is_drawn_from_the_file(tmp_path: Path) -> None:
    text = drawn(tmp_path, ROWS)
    assert "| times as fast as | its frames a CPU second | plain |" in text
    assert "| frames a CPU second |  | 30,000 |" in text
    assert "| them | 600 | 50.0 (48.0 to 123) |" in text
    assert "| scenes | objects | 1: 10,000; 16: 5,000 |" in text
    assert "the best of 3 turns" in text
    assert "[speed_peers.json](../results/speed_peers.json): `python -m x` at" in text


def test_a_ratio_that_falls_short_says_so(tmp_path: Path) -> None:
    short = "plain is 50.0 (48.0 to 123) times as fast as them: 60 or more are wanted, which it"
    assert f"- {short} falls short of\n" in drawn(tmp_path, ROWS)
    enough = speeds.sentences([{**PAIR, "wanted": 20.0}])
    assert enough == ["plain is 50.0 (48.0 to 123) times as fast as them: 20 or more are wanted"]


def test_a_missing_peer_says_why(tmp_path: Path) -> None:
    text = drawn(tmp_path, ROWS)
    assert "| gone | missing | missing |" in text
    assert "- gone is missing: no wheel\n" in text
    assert "| frames a CPU second |  | missing |" in drawn(tmp_path, [GONE])


def test_who_did_not_meet_has_no_ratio() -> None:
    other = {**PAIR, "ours": "decoded", "peer": "their decoded"}
    _, body = speeds.cells([PAIR, other])
    assert body[1] == ["them", "600", "50.0 (48.0 to 123)", ""]
    assert body[2] == ["their decoded", "600", "", "50.0 (48.0 to 123)"]


def test_the_same_stands_on_a_terminal() -> None:
    printed = speeds.as_text(ROWS)
    assert printed.splitlines()[0] == "Scenes"
    assert "falls short of" in printed
    assert "16: 5,000" in printed


def test_before_the_first_run_the_page_says_how(tmp_path: Path) -> None:
    assert (
        blocks.block(tmp_path / "speed_peers.json", "docs") == "_Not run yet: `make benchmark`._\n"
    )
