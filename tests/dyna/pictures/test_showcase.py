"""The films of a run: they are written, of the right length, and show boxes where they are."""

import av
import numpy as np
import pytest
import torch
from PIL import Image

from agents.last_box import LastBox
from dyna.loop.imagination import Imagination
from dyna.loop.rollout import rollout
from dyna.pictures import render, showcase
from envs import drawing
from envs.digits import make
from envs.tracking import Tracking
from tests.dyna.diagnosis.test_measure import episodes
from tests.dyna.seeing import Seer
from world_models.air.model import AIR
from world_models.cut_paste import CutPaste

HORIZON = 8


@pytest.fixture(scope="module")
def env() -> Tracking:
    return make(tier="plain", split="test", batch_size=4, horizon=HORIZON)


def frames_of(path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_films_of_a_run(env, tmp_path):
    model = CutPaste(env.scene.frame_shape)
    real = rollout(env, LastBox()).without_truth()
    model.fit(real, torch.Generator().manual_seed(0))
    dream = Tracking(Imagination(model), batch_size=2, horizon=HORIZON)
    films = showcase.make_videos(tmp_path / "videos", LastBox(), env, dream)
    assert [film.stem for film in films] == ["tracking", "imagination"]
    for film in films:
        assert frames_of(film) == HORIZON + 3  # the end stays a while
        assert film.with_suffix(".png").exists()
    assert showcase.make_videos(tmp_path / "free", LastBox(), env, None)[0].stem == "tracking"


def test_boxes_are_where_target_and_agent_are(env):
    episodes = rollout(env, LastBox())
    clip = showcase.tracking(episodes, env)[0]
    picture = clip.rows[0][HORIZON - 1]
    side = picture.shape[0]
    for colour, box in (
        (drawing.TARGET, episodes.truth.target_box[0, -1]),
        (drawing.AGENT, episodes.box[0, 0]),
    ):
        rows, columns = np.nonzero((picture == colour).all(-1))
        assert columns.min() == pytest.approx(max(0, float(box[0] - box[2] / 2) * side), abs=8)
        assert rows.max() == pytest.approx(min(side, float(box[1] + box[3] / 2) * side), abs=8)
    assert clip.video.shape[1] > side  # and a caption above


def test_world_model_beside_reality(env):
    # The background that is seen follows every frame; the one that is dreamt stands still.
    model = AIR(env.scene.frame_shape, num_slots=2, keep_background=False)
    episodes = rollout(env, LastBox())
    clips = showcase.panels(model, episodes, episodes=2)
    assert len(clips) == 2
    side = clips[0].rows[0].shape[2]
    assert [row.shape[0] for row in clips[0].rows] == [HORIZON] * 3
    assert clips[0].video.shape[2] == 3 * side + 2 * 8
    assert clips[0].titles == ("real", "reconstruction", "imagined")
    real, seen, dreamed = clips[0].rows
    assert not (real == seen).all()
    # While the model may look, it dreams what it sees; afterwards it does not.
    assert (seen[: showcase.CONTEXT] == dreamed[: showcase.CONTEXT]).all()
    assert (seen[-1] != dreamed[-1]).any()


def test_the_target_is_marked_among_the_boxes_of_a_model():
    real = episodes("hard", horizon=8, number=3)
    for b, clip in enumerate(showcase.panels(Seer(real), real)):
        many = int((real.truth.visible[b, 0] > 0).sum()) > 1
        for row, colour in zip(
            clip.rows, (drawing.TARGET, drawing.AGENT, drawing.AGENT), strict=True
        ):
            for t in (0, 7):  # while it looks, and as it dreams
                found, box = (row[t] == colour).all(-1), real.truth.target_box[b, t]
                assert extent(found) == pytest.approx(pixels(box, row.shape[1]), abs=6)
            assert (row[0] == drawing.OTHER).all(-1).any() == many


def extent(mask: np.ndarray) -> list[int]:
    """Left, right, top and bottom of what is marked."""
    rows, columns = np.nonzero(mask)
    return [columns.min(), columns.max(), rows.min(), rows.max()]


def pixels(box: torch.Tensor, side: int) -> list[float]:
    """The same of a box, as far as it is in the frame."""
    x, y, w, h = (float(v) for v in box)
    edges = (x - w / 2, x + w / 2, y - h / 2, y + h / 2)
    return [min(max(edge, 0), 1) * side for edge in edges]


def test_letters_of_films_can_be_read_on_a_phone(env, tmp_path):
    for film in showcase.make_videos(tmp_path, LastBox(), env, None):
        with av.open(str(film)) as container:
            wide = container.streams.video[0].width
        assert render.TEXT * 362 / wide >= 11
        with Image.open(film.with_suffix(".png")) as still:
            assert still.width <= 800
