"""Tables, sentences, pages and documents: what they say is what the rows say."""

import html.parser
import json
import re
from pathlib import Path

import numpy as np
import pytest

from dyna.pictures import render
from dyna.reporting import blocks, pages, plots, tables
from dyna.scores import results
from envs import drawing
from tests.conftest import ROOT
from tests.dyna.rows import HEADER, row, seeds, study_rows


def text_of(line_start: str, text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(line_start))


def test_table_holds_means_intervals_and_failures():
    text = tables.as_text(study_rows())
    # .50 .51 .52: mean .51, sd .01, 4.303 * .01 / sqrt(3) = .0248
    assert text_of("model-free", text).split()[1:5] == ["1,000", "0", "0.510", "±"]
    assert "0.510 ± 0.025" in text
    assert "failed" in text_of("rigid", text)
    assert "0.570 ± 0.020" in text_of("KCF", text)  # 1.96 standard errors over episodes
    lines = text.splitlines()
    assert lines.index(text_of("oracle (reads", text)) < lines.index(text_of("KCF", text))
    assert "2 objects" in lines[0]
    assert "0.41" in text_of("model-free", text)  # IoU with two objects


def test_one_seed_claims_no_interval():
    assert "±" not in tables.as_text(seeds("air", 0.7))
    assert "±" in tables.as_text(seeds("air", 0.7, 0.72))


def test_what_agents_reach_in_dreams_has_a_column_where_it_is_known():
    known = [{**one, tables.DREAMED: 0.777} for one in seeds("air", 0.7, 0.72)]
    rows = [*known, *seeds("rigid", 0.6, 0.61)]
    assert "in dreams" not in tables.as_text(study_rows())
    assert "in dreams" in tables.as_text(rows).splitlines()[0]
    assert "0.78" in text_of("Dyna (air)", tables.as_text(rows))
    assert "In dreams:" in tables.note(rows)
    assert "In dreams:" not in tables.note(study_rows())


def test_markdown_table_is_rectangular():
    widths = {line.count("|") for line in tables.as_markdown(study_rows()).splitlines()}
    assert len(widths) == 1


def test_figures_are_svg_that_takes_the_colour_of_the_page():
    rows = study_rows()
    for draw in (plots.learning_curves, plots.efficiency, plots.standings):
        svg = draw(rows)
        assert svg.startswith("<svg")
        assert "currentColor" in svg
        assert plots.INK not in svg
        assert "currentColor" not in draw(rows, page_ink=False)
    assert plots.efficiency(rows) == plots.efficiency(rows)  # the same rows, the same bytes
    assert ">Dyna (air), 1k + 120k<" in plots.standings(rows)
    assert plots.standings([row("air", 0.7)]) is None
    assert plots.efficiency([row("air", 0.7)]) is None
    assert plots.learning_curves([row("reference", 0.5, agent="kcf")]) is None


class Links(html.parser.HTMLParser):
    """Gathers what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = ("src", "href", "poster", "data", "srcset", "xlink:href")
        self.found += [value for name, value in attrs if name in named and value]


def fetched(page: Path) -> list[str]:
    links = Links()
    text = page.read_text()
    links.feed(text)
    assert not re.search(r"@import|url\((?![\"']?(#|data:))", text)
    return [link for link in links.found if not link.startswith(("data:", "#"))]


def film(folder: Path) -> None:
    (folder / "videos").mkdir(parents=True)
    video = drawing.upscale(np.zeros((3, 1, 8, 8), dtype=np.uint8), 2)
    render.write_mp4(video, folder / "videos" / "tracking.mp4")
    (folder / "videos" / "tracking.png").write_bytes(render.png_bytes(video[0]))


def test_page_of_a_study_needs_nothing_beside_it(tmp_path):
    film(tmp_path / "air")
    rows = [{**r, "folder": str(tmp_path / r["arm"])} for r in study_rows()]
    results.write(tmp_path / "made_up.json", HEADER, rows)
    page = pages.write_study(tmp_path / "made_up.json", tmp_path)
    text = page.read_text()
    assert fetched(page) == []
    assert "it does NOT beat cut_paste" in text
    assert "no &lt;disk&gt; left" in text
    assert text.count("<video") == 1
    assert "data:video/mp4;base64," in text
    assert HEADER["commit"] in text


def test_page_of_a_run(tmp_path):
    with pytest.raises(ValueError, match="no finished run"):
        pages.write_run(tmp_path)
    summary = {**HEADER, "seed": 3, "real_frames": 640, "imagined_frames": 20, "eval/iou": 0.625}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    (tmp_path / "config.yaml").write_text(
        "env: {tier: hard}\nworld_model: {_target_: world_models.air.AIR}\n"
        "agent: {policy: {_target_: agents.hart.HART}}\n"
    )
    history = [{"agent_frames": n, "train/reward": n / 9} for n in range(3)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in history))
    text = pages.write_run(tmp_path).read_text()
    assert "reward (IoU)" in text
    assert "Dyna (air), seed 3" in text
    assert "Dyna (air) reaches IoU 0.625 (1 seed)." in text
    assert "nothing tells whether Dyna (air) earns its keep" in text
    assert "world_models.air.AIR" in text
    assert "Dreams beside reality" not in text
    compared = {"real": 2.0, "dreamed": 1.0, "ratio": 0.5, "error": 0.1}
    summary |= {f"beside/truth/speed/{name}": value for name, value in compared.items()}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    text = pages.write_run(tmp_path).read_text()
    assert "Dreams beside reality" in text
    assert 'class="wrong">0.50 low</td>' in text


@pytest.mark.parametrize(
    ("summary", "config"),
    [
        ("[]", "{}"),
        ("{}", "world_model:\nagent: {_target_: a.b}\nenv: {}"),
        ('{"eval/iou": 0.5, "seed": null}', "world_model:\nagent: {_target_: a.b}\nenv: {}"),
        ('{"eval/iou": 0.5}', "3"),
        ('{"eval/iou": 0.5}', "{: ["),
        ('{"eval/iou": 0.5}', "agent: {_target_: ab}\nenv: 3\nworld_model:"),
    ],
)
def test_a_run_of_another_shape_is_one_line(tmp_path, summary, config):
    (tmp_path / "summary.json").write_text(summary)
    (tmp_path / "config.yaml").write_text(config)
    with pytest.raises(ValueError, match="holds no finished run"):
        pages.write_run(tmp_path)


def test_a_page_looks_nothing_up_and_runs_nothing(tmp_path, monkeypatch):
    """Its run may be from somebody else."""
    monkeypatch.setenv("MY_SECRET", "hunter22")
    code = "</script><script>alert(1)</script>--><svg onload=alert(1)>"
    summary = {"eval/iou": 0.5, "arm": code, "agent": code, "command": code, "commit": code}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    config = {"env": {"tier": "${oc.env:MY_SECRET}" + code}, "agent": {"_target_": "a.b"}}
    (tmp_path / "config.yaml").write_text(json.dumps({**config, "world_model": None}))
    text = pages.write_run(tmp_path).read_text()
    assert "hunter22" not in text
    assert text.count("<script>") == 1  # that of films
    assert "onload=alert" not in text.replace("&lt;svg onload=alert", "")


def test_a_run_is_judged_by_trackers_and_by_the_runs_beside_it(tmp_path):
    known = {**HEADER, "seed": 0, "real_frames": 640, "agent": "hart"}
    for arm, agent, iou in (("air", "hart", 0.6), ("rigid", "hart", 0.7), ("oracle", "ratm", 0.9)):
        folder = tmp_path / arm / "seed=0"
        folder.mkdir(parents=True)
        summary = {**known, "arm": arm, "imagined_frames": 20, "eval/iou": iou}
        summary["references"] = {"ncc": {"iou": 0.65, "iou_se": 0.001}}
        (folder / "summary.json").write_text(json.dumps(summary))
        config = f"env: {{tier: hard}}\nagent: {{_target_: agents.{agent}.X}}\n"
        (folder / "config.yaml").write_text(config)
    (tmp_path / "broken" / "seed=0").mkdir(parents=True)
    (tmp_path / "broken" / "seed=0" / "summary.json").write_text("[")
    text = pages.write_run(tmp_path / "air" / "seed=0").read_text()
    assert "it is behind rigid (-0.100, one seed)" in text
    assert "Dyna (air) is below it (-0.050, one seed)" in text
    assert "simulator as model (" not in text  # with another agent: not the same task
    text = pages.write_run(tmp_path / "rigid" / "seed=0").read_text()
    assert "rigid reaches IoU 0.700 (1 seed)." in text
    assert "rigid is above it (+0.050, one seed)" in text


def write_documents(root: Path, name: str = "made_up") -> list[Path]:
    """All documents that have blocks, each with one block that is not filled."""
    paths = [root / document for document in blocks.DOCUMENTS]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"A\n<!-- results:{name} -->\nold\n<!-- /results:{name} -->\nB\n")
    return paths


def test_documents_are_filled_and_checked(tmp_path, capsys):
    paths = write_documents(tmp_path)
    results.write(tmp_path / "results" / "made_up.json", HEADER, study_rows())
    assert blocks.draw(tmp_path, check=True) == 1
    assert "out of date" in capsys.readouterr().err
    assert blocks.draw(tmp_path) == 0
    for path, picture, source in zip(
        paths,
        ("docs/made_up.svg", "made_up.svg", "made_up.svg"),
        ("results/made_up.json", "../results/made_up.json", "../results/made_up.json"),
        strict=True,
    ):
        text = path.read_text()
        assert text.startswith(f'A\n<!-- results:made_up -->\n<img src="{picture}"')
        assert f"[made_up.json]({source})" in text
        assert "\n| method |" in text
        assert text.endswith("<!-- /results:made_up -->\nB\n")
    assert (tmp_path / "docs" / "made_up.svg").read_text().startswith("<svg")
    assert blocks.draw(tmp_path, check=True) == 0


def test_the_headline_is_one_budget_of_one_study(tmp_path):
    study, real_frames = blocks.HEADLINE
    readme, *_ = write_documents(tmp_path, "headline")
    assert blocks.draw(tmp_path) == 0
    assert f"_Not run yet: `python -m dyna experiment={study}`._" in readme.read_text()
    rows = [*study_rows(), row("air", 0.9, real=real_frames + 1)]
    results.write(tmp_path / "results" / f"{study}.json", HEADER, rows)
    assert blocks.draw(tmp_path) == 0
    text = readme.read_text()
    assert f"{real_frames:,} real frames, 120,000 imagined" in text
    assert f"{real_frames + 1:,} real" not in text
    assert "| plain | 0.510" in text
    assert "(KCF) |" in text
    assert "| method |" not in text


def test_documents_say_what_was_not_run_and_what_is_not_closed(tmp_path):
    paths = write_documents(tmp_path)
    assert blocks.draw(tmp_path) == 0
    for path in paths:
        assert "_Not run yet: `python -m dyna experiment=made_up`._" in path.read_text()
    with pytest.raises(ValueError, match="without an end: \\['x'\\]"):
        blocks.filled("<!-- results:x -->\n", tmp_path)


def test_our_documents_are_up_to_date():
    assert blocks.draw(ROOT, check=True) == 0


def test_results_files_are_whole_or_refused(tmp_path):
    path = tmp_path / "x.json"
    results.write(path, HEADER, [row("air", float("nan"))])
    document = results.read(path)
    assert document["rows"][0]["iou"] is None
    assert document["command"] == HEADER["command"]
    with pytest.raises(ValueError, match="missing: run"):
        results.read(tmp_path / "y.json")
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ValueError, match="no results file"):
        results.read(path)
