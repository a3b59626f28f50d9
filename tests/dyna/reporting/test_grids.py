"""Tables of results files that name their columns."""

from dyna.reporting import grids

DOCUMENT = {
    "command": "python -m benchmarks.some",
    "commit": "0123456789abcdef",
    "date": "2026-11-30T00:00:00",
    "machine": {"processor": "a core"},
    "kind": grids.KIND,
    "columns": {"what": "measure", "iou": "seeds", "mean": "IoU"},
    "rows": [
        {"what": "one", "mean": 0.8549, "iou": [0.84, 0.87], "unasked": 3},
        {"what": "two", "mean": 12345.6},
    ],
}


def test_columns_are_those_that_the_file_names_in_their_order() -> None:
    lines = grids.block(DOCUMENT, "some", "docs").splitlines()
    assert lines[0] == "| measure | seeds | IoU |"
    assert lines[2] == "| one | 0.840 0.870 | 0.855 |"
    assert lines[3] == "| two |  | 12,346 |"
    assert "`python -m benchmarks.some` at 012345678, 2026-11-30, a core" in lines[-1]
    assert "[some.json](../results/some.json)" in lines[-1]


def test_whole_numbers_stay_whole() -> None:
    assert [grids.cell(x) for x in (3, 3.0, 0.00123, None, "a")] == [
        "3",
        "3.00",
        "0.00123",
        "",
        "a",
    ]
