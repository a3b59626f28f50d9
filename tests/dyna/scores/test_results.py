"""Files of results: tables of JSON, or refused in one line that names them."""

from pathlib import Path

import pytest

from dyna.scores import results

ODD = ["[]", "3", "null", '"x"', "[1, {}]", "", "{", "[" * 100_000, "\\ud800", "\xff\xfe"]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_what_is_no_table_is_named(tmp_path: Path, text: str) -> None:
    for name in ("summary.json", "evaluation.json", "results.json"):
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    for read, name in (
        (lambda: results.final_metrics(tmp_path), "summary"),
        (lambda: results.training(tmp_path), "summary"),
        (lambda: results.evaluation_metrics(tmp_path), "evaluation"),
        (lambda: results.load(tmp_path / "results.json"), "results"),
        (lambda: results.read(tmp_path / "results.json"), "results"),
    ):
        with pytest.raises(ValueError, match=rf"{name}\.json is (no )?JSON") as found:
            read()
        assert "\n" not in str(found.value)


@pytest.mark.parametrize("text", ["{}", '{"rows": 3}', '{"rows": [3]}', '{"rows": {"a": 1}}'])
def test_a_table_without_rows_is_no_results_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="is no results file"):
        results.load(tmp_path / "x.json")


def test_metrics_end_where_a_line_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(b'{"a": 1}\n[2]\n{"a": 3}\n')
    assert results.read_metrics(tmp_path) == [{"a": 1}]
    (tmp_path / "metrics.jsonl").write_bytes(b'{"a": 1}\n\xff\n')
    assert results.read_metrics(tmp_path) == [{"a": 1}]
    (tmp_path / "evaluation.json").write_text('{"metrics": [1]}')
    with pytest.raises(ValueError, match="holds no metrics"):
        results.evaluation_metrics(tmp_path)
