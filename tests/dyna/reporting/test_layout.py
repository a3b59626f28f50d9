"""Pages on a phone and on a desk: nothing is wider than the page, and letters can be read."""

import html
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dyna.pictures import render
from dyna.reporting import model_page, pages, plots
from dyna.reporting.beside import LABELS
from dyna.scores import results
from tests.dyna.rows import HEADER, row, study_rows

PHONE, MARGINS = 390, 28
"""Pixels of CSS: a phone's width, and what of it is left blank."""
WIDTHS = (320, PHONE, 700, 1000, 1001, 1280)
LEGIBLE = 10
"""Pixels of CSS that the smallest letters have, at least."""
NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), "")


def film(folder: Path, name: str) -> None:
    """A film and its stills, wider than any page."""
    folder.mkdir(parents=True, exist_ok=True)
    video = np.zeros((3, 40, 2000, 3), dtype=np.uint8)
    render.write_mp4(video, folder / f"{name}.mp4")
    (folder / f"{name}.png").write_bytes(render.png_bytes(video[0]))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    rows = [{**r, "folder": str(folder / r["arm"])} for r in study_rows()]
    rows += [row("a_world_model_with_a_name_as_long_as_a_phone_is_wide", 0.5)]
    for name in pages.SECTIONS:
        film(folder / "air" / "videos", name)
    header = {**HEADER, "command": f"python -m dyna {'x' * 200} {'y=z ' * 90}"}
    results.write(folder / "made_up.json", header, rows)
    return pages.write_study(folder / "made_up.json", folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    film(folder / "seed=0", "film")
    for name in ("sheet.png", "beside.png"):
        shutil.copy(folder / "seed=0" / "film.png", folder / "seed=0" / name)
    figures = ("count_accuracy", "box_iou", "switches", "target_iou", "refound_1_5", "elbo",
               "predicted_1_5", "held_1_5", "extrapolated_1_5", "reconstruction_mse",
               "iou_at_5", "bounce_iou_at_5", "copy_iou_at_5", "oracle_iou_at_5", "error_at_10",
               "bounce_error_at_10", "copy_error_at_10", "oracle_error_at_10", "trust_horizon",
               "spread_at_10", "sample_error_at_10", "presence_at_10", "simulator_iou_at_5",
               "no_action_iou_at_5", "target_iou_at_5", "error_at_20", "bounce_error_at_20",
               "reward_error_at_5", "parameters", "cpu_seconds")  # fmt: skip
    steps = [{"step": t, "error": 1.0 * t, "iou": 0.5} for t in (1, 2)]
    known: dict[str, Any] = {
        "arm": "air",
        "tier": "interaction",
        "episodes": 200,
        "cpu_seconds": 1,
        "steps": steps,
    }
    names = [f"{how}/{name}" for how in ("model", "truth") for name in (*LABELS, "speed_19")]
    names += [f"boxes/{axis}_{n}" for axis in ("width", "height") for n in range(1, 5)]
    parts = {"real": 123.456, "dreamed": 0.00123456, "ratio": 0.123456, "error": 0.01}
    known |= {f"beside/{name}/{part}": value for name in names for part, value in parts.items()}
    rows = [{**known, **dict.fromkeys(figures, 123.456), "seed": seed} for seed in range(2)]
    results.write(folder / "world_model.json", HEADER, rows)
    return model_page.write(folder / "world_model.json", folder)


MEASURE = """
<body><script>
const found = {}, widths = %s;
const settle = (ms) => new Promise((go) => setTimeout(go, ms));
(async () => {
  for (const width of widths) {
    const frame = document.createElement("iframe");
    frame.style = `width: ${width}px; height: 800px; border: 0`;
    const loaded = new Promise((go) => { frame.onload = go; });
    frame.src = "%s";
    document.body.append(frame);
    await loaded;
    await settle(200);
    const page = frame.contentDocument, limit = page.documentElement.clientWidth + 0.5;
    const all = [...page.querySelectorAll("body *")];
    found[width] = {
      seen: limit,
      wide: all.filter((e) => e.getBoundingClientRect().right > limit)
        .map((e) => `${e.outerHTML.slice(0, 80)} ${e.getBoundingClientRect().right}`),
      covered: [...page.querySelectorAll("video")].filter((film) => film.controls
        || film.nextSibling.getBoundingClientRect().top < film.getBoundingClientRect().bottom
        || film.nextSibling.getBoundingClientRect().left > film.getBoundingClientRect().left + 1)
        .length,
      films: page.querySelectorAll("video").length,
    };
    frame.remove();
  }
  document.body.textContent = `[${JSON.stringify(found)}]`;
})();
</script></body>
"""


FOUND = re.compile(r"\[\{")


def measured(path: Path, budget: int) -> str:
    """What is left of the page that measures, after so many seconds of the browser's time."""
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--allow-file-access-from-files", f"--virtual-time-budget={1000 * budget}"),
            *(f"--user-data-dir={path.parent / 'profile'}", "--dump-dom"),
            str(path.with_name("measure.html")),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return html.unescape(done.stdout)


@pytest.mark.skipif(not BROWSER, reason="no Chromium here")
@pytest.mark.parametrize("kind", ["study", "model"])
def test_no_element_is_wider_than_the_page(kind: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(kind)
    path.with_name("measure.html").write_text(MEASURE % (list(WIDTHS), path.name))
    # On a busy machine the browser's own time may be over before all frames are loaded.
    said = next(filter(FOUND.search, (measured(path, budget) for budget in (20, 60, 200))))
    (found,) = json.loads(said[said.index("[{") : said.rindex("}]") + 2])
    assert [found[str(width)]["seen"] for width in WIDTHS] == [w + 0.5 for w in WIDTHS]
    for width in WIDTHS:
        assert found[str(width)]["wide"] == [], width
        assert found[str(width)]["films"] > 0
        assert found[str(width)]["covered"] == 0, "controls lie over the film, or beside it"


class Reader(html.parser.HTMLParser):
    """Gathers every element with the classes and tags that it stands in."""

    VOID = ("img", "meta", "input", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.found: list[tuple[str, dict[str, str | None], set[str]]] = []
        self.style = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        within = {
            word for name, has in self.open for word in (name, *(has.get("class") or "").split())
        }
        self.found.append((tag, dict(attrs), within))
        if tag not in self.VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][0] == "style":
            self.style += data


def rules(style: str, selector: str) -> str:
    """All that a style sheet says of a selector, media queries left aside."""
    found = re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", style))
    return " ".join(body for names, body in found if selector in map(str.strip, names.split(",")))


@pytest.mark.parametrize("kind", ["study", "model"])
def test_wide_things_can_shrink_or_wrap(kind: str, request: pytest.FixtureRequest) -> None:
    """What the browser measures, by its causes, where there is no browser."""
    page = Reader(request.getfixturevalue(kind).read_text())
    tags = [tag for tag, _, _ in page.found]
    assert {"table", "video", "img", "svg", "pre"} - set(tags) <= (
        {"pre"} if kind == "study" else set()
    )
    for tag, has, within in page.found:
        if tag == "table":
            assert "scroll" in within
        if tag == "td":  # its column's head is gone where the page is narrow
            assert has["data-name"]
        if tag in ("img", "video", "svg"):
            assert "figure" in within
    assert "overflow-x: auto" in rules(page.style, ".scroll")
    assert "overflow-wrap: anywhere" in rules(page.style, "body")
    assert "white-space: pre-wrap" in rules(page.style, "pre")
    for thing in ("figure svg", "figure img", "figure video"):
        assert "width: 100%" in rules(page.style, thing)
    narrow = page.style[page.style.index("@media (max-width: 1000px)") :]
    assert "flex-wrap: wrap" in rules(narrow, "tr")
    assert "white-space: normal" in rules(narrow, "tr td")
    assert 'content: attr(data-name) " "' in rules(narrow, "td::before")


@pytest.mark.parametrize("kind", ["study", "model"])
def test_letters_of_charts_can_be_read_on_a_phone(
    kind: str, request: pytest.FixtureRequest
) -> None:
    charts = re.findall(r"<svg.*?</svg>", request.getfixturevalue(kind).read_text(), re.DOTALL)
    assert charts
    for svg in charts:
        wide = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])  # type: ignore[index]
        letters = [float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )*([\d.]+)px", svg)]
        assert min(letters) * (PHONE - MARGINS) / wide >= LEGIBLE


def test_figures_of_documents_keep_their_size() -> None:
    svg = plots.efficiency(study_rows(), page_ink=False)
    assert svg is not None
    assert f'viewBox="0 0 {plots.WIDE[1] * 72:.1f}'[:-2] in svg
