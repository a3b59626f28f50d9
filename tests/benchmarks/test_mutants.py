"""Planting faults: only in what functions do, and the same ones every time."""

import ast

import pytest

from benchmarks.mutants import __main__ as command
from benchmarks.mutants.__main__ import affordable, draw
from benchmarks.mutants.faults import faults
from benchmarks.mutants.noticing import Noticer, noticers
from tests.conftest import ROOT

CODE = '''
"""Not 1 + 1."""

LIMIT = 2 * 3


def f(x, rate: float = 0.5, camera: Tensor | None = None, other: int = 0) -> Shape["B 1 + 1"]:
    """Not 1 + 1."""
    if x < 3:
        raise ValueError(f"{x - 1} is less")
    logger.info("é", x + 1)
    y = -rate * x[..., :2] + camera
    self.count += 1
    return torch.where(y > 0, y, x[0]).clamp(min=1)
'''


def planted() -> set[str]:
    found = [fault.describe(CODE) for fault in faults("a.py", CODE)]
    return {text.removeprefix("a.py:") for text in found}


@pytest.mark.parametrize(
    "slip",
    [
        "12 sign: -rate * x[..., :2] + camera -> ((-rate * x[..., :2]) - camera)",
        "12 term: -rate * x[..., :2] + camera -> (-rate * x[..., :2])",
        "12 factor: -rate * x[..., :2] -> (-rate)",
        "12 sign: -rate -> rate",
        "12 index: :2 -> 2:",
        "9 comparison: x < 3 -> (x >= 3)",
        "9 comparison: x < 3 -> (x <= 3)",
        "13 step: self.count += 1 -> pass",
        "13 sign: self.count += 1 -> self.count -= 1",
        "14 index: 0 -> 1",
        "14 index: torch.where(y > 0, y, x[0]) -> torch.where((y > 0), x[0], y)",
        "14 argument: torch.where(y > 0, y, x[0]).clamp(min=1) -> "
        "torch.where(y > 0, y, x[0]).clamp()",
    ],
)
def test_slips_of_the_pen_are_planted(slip: str) -> None:
    assert slip in planted()


def test_arguments_are_ignored() -> None:
    ignored = [text for text in planted() if text.startswith("9 argument")]
    assert len(ignored) == 2
    assert any("camera = None" in text for text in ignored)
    assert any("rate = 0.5" in text for text in ignored)


def test_texts_types_errors_and_constants_are_left_alone() -> None:
    lines = {fault.line for fault in faults("a.py", CODE)}
    assert lines == {9, 12, 13, 14}


def test_every_fault_is_another_program_that_can_be_read() -> None:
    source = (ROOT / "dyna" / "loop" / "replay.py").read_text()
    for fault in faults("replay.py", source):
        assert ast.dump(ast.parse(fault.plant(source))) != ast.dump(ast.parse(source))


def test_the_same_faults_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PLACES", ("dyna/loop",))
    assert draw(20, 3) == draw(20, 3) != draw(20, 4)


def test_tests_of_a_line_are_tried_nearest_and_fastest_first() -> None:
    recorded = {
        "tests/envs/test_boxes.py": {
            "read": {"tests/envs/test_boxes.py": "a"},
            "lines": {"envs/boxes.py": {"7": ["slow"], "8": None}},
            "seconds": {"slow": 4.0},
        },
        "tests/test_far.py": {
            "read": {"tests/test_far.py": "b"},
            "lines": {"envs/boxes.py": {"7": ["far", "fast"], "9": ["other"]}},
            "seconds": {"far": 2.0, "fast": 1.0, "other": 0.0},
        },
    }
    found = noticers(recorded, "envs/boxes.py", {7, 8})
    assert [test.name for test in found] == ["slow", "fast", "far"]
    assert [test.name for test in affordable(found, 5.5)] == ["slow", "fast"]
    assert [test.name for test in affordable(found, 1.0)] == ["slow"]
    assert found[0] == Noticer(0, 4.0, "slow", "a")
