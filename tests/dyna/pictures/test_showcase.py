"""The films of a run: they are written, of the right length, and show boxes where they are."""

import av
import numpy as np
import pytest
import torch

from agents.last_box import LastBox
from dyna.loop.imagination import Imagination
from dyna.loop.rollout import rollout
from dyna.pictures import showcase
from envs import drawing
from envs.digits import make
from envs.tracking import Tracking
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
    real, seen, dreamed = clips[0].rows
    assert not (real == seen).all()
    # While the model may look, it dreams what it sees; afterwards it does not.
    assert (seen[: showcase.CONTEXT] == dreamed[: showcase.CONTEXT]).all()
    assert (seen[-1] != dreamed[-1]).any()
