"""What is shown of a world model that was measured: pictures, page, tables, rows of loggers."""

import json
import re
from pathlib import Path

import hydra
import numpy as np
import pytest

from dyna.diagnosis import beside
from dyna.diagnosis.matching import match
from dyna.diagnosis.measure import diagnose
from dyna.diagnosis.protocol import Protocol
from dyna.pictures import beside as strip
from dyna.pictures import sheet
from dyna.reporting import blocks, model_page, model_tables
from dyna.running import model_log
from dyna.running.diagnose import flat
from dyna.scores import results
from dyna.scores.results import Row
from envs import drawing
from envs.trajectory import Trajectory
from tests.dyna.diagnosis.test_measure import episodes
from tests.dyna.seeing import Seer


@pytest.fixture(scope="module")
def hard() -> Trajectory:
    return episodes("hard", horizon=14, number=3)


@pytest.fixture(scope="module")
def rows(hard: Trajectory) -> list[Row]:
    found = flat(diagnose(Seer(hard, wander=0.02), hard))
    known = {"arm": "seer", "tier": "hard", "episodes": 3, "cpu_seconds": 1.0, "parameters": 2}
    three = [{**known, "seed": seed, **found} for seed in range(3)]
    more = {"test_factors": {"min_objects": 4, "max_objects": 6}, "test_slots": 7}
    return [*three, {**three[0], **more, "count_accuracy": 0.5}]


def test_sheet_and_film_show_what_is_seen_and_dreamed(hard: Trajectory, tmp_path: Path) -> None:
    model = Seer(hard)
    stories = sheet.tell(model, hard, samples=2)
    assert len(stories) == 3
    assert [len(v) for v in stories[0].imagined] == [8, 8]
    # Who knows all has the colours of the truth.
    assert np.array_equal(stories[0].real, stories[0].filtered)
    assert _shown(stories[0].real[0]) & set(sheet.COLOURS)
    assert len(sheet.animation(stories)) == hard.horizon
    written = sheet.write(tmp_path, model, hard, number=3)
    assert [path.name for path in written] == ["sheet.png", "film.mp4"]


def test_no_more_is_shown_than_was_dreamed(hard: Trajectory, tmp_path: Path) -> None:
    written = sheet.write(tmp_path, Seer(hard), hard, ahead=4, number=3)
    assert [path.name for path in written] == ["sheet.png", "film.mp4"]
    assert len(sheet.tell(Seer(hard), hard, ahead=4, samples=1)[0].imagined[0]) == 4


def test_the_target_has_a_rim_of_its_own(hard: Trajectory) -> None:
    assert hard.truth is not None
    stories = sheet.tell(Seer(hard), hard, samples=1)
    for b, story in enumerate(stories):
        box = hard.truth.target_box[b]
        factor = story.real.shape[1] // hard.frame.shape[-2]
        for video, first in ((story.real, 0), (story.filtered, 0), (story.imagined[0], 6)):
            bare = drawing.upscale(hard.frame[b].numpy(), factor)[first]
            if first:
                bare = np.zeros_like(bare)
            rim = (video[0] == sheet.RIM).all(-1) & (bare != 255).any(-1)
            rows, columns = np.nonzero(rim)
            x, y, w, h = (float(v) * len(bare) for v in box[first])
            left, bottom = max(0, x - w / 2 - 2), min(len(bare) - 1, y + h / 2 + 2)
            assert columns.min() == pytest.approx(left, abs=2)
            assert rows.max() == pytest.approx(bottom, abs=2)


def test_an_identity_that_is_forgotten_changes_its_colour() -> None:
    real = episodes("hard", horizon=30)
    model = Seer(real, forget=True)
    posterior = model.posterior(real)
    again = posterior.id >= 100
    b, _, k = again.nonzero()[0].tolist()
    palette = sheet.own_colours(posterior, match(posterior, model.truth).identity)[b]
    names = {name for name in posterior.id[b, :, k].tolist() if name >= 0}
    assert len({palette[name] for name in names}) == len(names) > 1


def test_single_images_have_a_sheet_alone(tmp_path: Path) -> None:
    stills = episodes(horizon=1, number=7)
    assert [p.name for p in sheet.write(tmp_path, Seer(stills), stills)] == ["sheet.png"]


def test_tables_average_seeds_and_mark_other_tests(rows: list[Row]) -> None:
    header, body = model_tables.cells(rows, model_tables.SEES)
    trained, other = (dict(zip(header, texts, strict=True)) for texts in body)
    assert trained["seeds"] == "3"
    assert trained["count right"].startswith("1.000 ± 0.000")
    assert other["tested on"] == "4 to 6 objects"
    assert other["count right"] == "0.500"
    plain = [{k: v for k, v in row.items() if "test_" not in k} for row in rows[:1]]
    assert "tested on" not in model_tables.cells(plain, model_tables.SEES)[0]


def test_documents_gather_all_files_of_a_kind(rows: list[Row], tmp_path: Path) -> None:
    marked = "<!-- results:world_models -->\n<!-- /results:world_models -->"
    assert "Not run yet" in blocks.filled(marked, tmp_path)
    header = results.provenance("python -m dyna.diagnose")
    for tier in ("easy", "hard"):
        named = [{**row, "tier": tier} for row in rows]
        results.write(tmp_path / f"world_model_{tier}.json", header, named)
    text = blocks.filled(marked, tmp_path)
    assert "| easy | seer |" in text
    assert "[world_model_hard.json](results/world_model_hard.json)" in text
    assert text == blocks.filled(text, tmp_path)
    assert "](../results/world_model_hard.json)" in blocks.filled(text, tmp_path, "docs")


def test_page_stands_alone(rows: list[Row], hard: Trajectory, tmp_path: Path) -> None:
    output = tmp_path / "world_model_hard.json"
    results.write(output, results.provenance("python -m dyna.diagnose"), rows)
    sheet.write(tmp_path / "seed=0", Seer(hard), hard)
    text = model_page.write(output, tmp_path).read_text()
    assert text.count("<svg") == 4
    assert "Counts rightly in 100.0% of the frames" in text
    assert "data:video/mp4;base64," in text
    assert 'poster="data:image/jpeg;base64,' in text
    assert "target: a white rim" in text
    assert 'src="http' not in text
    assert 'class="wrong"' not in text
    assert "Real and dreamed episodes" not in text


def test_page_puts_dreams_beside_reality(
    rows: list[Row], hard: Trajectory, tmp_path: Path
) -> None:
    found = beside.beside(hard, episodes("plain", horizon=14, number=8))
    output = tmp_path / "world_model_hard.json"
    asked = [{**row, **found} for row in rows[:1]]
    results.write(output, results.provenance("python -m dyna.diagnose"), [*asked, rows[3]])
    strip.write(tmp_path / "seed=0", hard, hard)
    text = model_page.write(output, tmp_path).read_text()
    table = text[text.index("<h2>Dreams beside reality") : text.index("<h2>Real and dreamed")]
    assert table.count('class="wrong"') == len(
        re.findall(r'class="wrong">\d+\.\d+ (?:low|high)<', table)
    )
    assert re.search(r'class="wrong">\d+\.\d+ low<', table)
    assert "Dreams are like the world in" in text
    assert text.count("data:image/png;base64,") == 1


def test_loggers_get_the_figures_step_by_step(rows: list[Row], tmp_path: Path) -> None:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        config = hydra.compose("diagnose")
    for _ in range(2):  # the second time replaces the first
        model_log.log(config, tmp_path, rows[0])
    lines = [json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 1 + len(rows[0]["steps"])
    assert lines[0]["diagnose/count_accuracy"] == 1
    assert lines[5]["forecast/step"] == 5
    assert lines[5]["agent_frames"] == 3 * 20 + 5
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


def test_protocol_refuses_bad_numbers() -> None:
    with pytest.raises(ValueError, match="context=0"):
        Protocol(context=0)


def _shown(picture: drawing.Array) -> set[tuple[int, ...]]:
    return {tuple(int(c) for c in pixel) for pixel in picture.reshape(-1, 3)}
