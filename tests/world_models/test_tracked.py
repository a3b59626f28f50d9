"""A tracker's boxes as labels: they are of the frames shown, and begin with the first box."""

import hydra
import pytest
import torch

from agents.last_box import LastBox
from dyna.loop.rollout import rollout
from dyna.running.build import make as member
from envs.boxes import iou
from envs.digits import make
from envs.trajectory import Trajectory
from world_models.tracked import Tracked

HORIZON = 8


@pytest.fixture(scope="module")
def real() -> Trajectory:
    env = make(batch_size=12, seed=0, horizon=HORIZON, factors={"max_objects": 1, "speed": 1.0})
    return rollout(env, LastBox(frame_shape=env.scene.frame_shape))


@pytest.fixture(scope="module")
def model(real: Trajectory) -> Tracked:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        overrides = ["world_model=tracked", "world_model.tracker.algorithm=ncc"]
        cfg = hydra.compose("train", overrides)
    model = member(cfg.world_model, frame_shape=(1, 48, 48))
    assert isinstance(model, Tracked)
    model.fit(real.without_truth(), torch.Generator().manual_seed(0))
    return model


def test_labels_are_of_the_frames_that_are_shown(
    model: Tracked, real: Trajectory, rng: torch.Generator
) -> None:
    assert real.truth is not None
    state, seen = model.start(64, rng), []
    for _ in range(HORIZON):
        view, at = model.decode(state), (state.episode, state.time)
        assert torch.equal(view.frame, real.frame[at])
        seen.append(iou(view.box[:, 0], real.truth.target_box[at]))
        state = model.prior(state, rng)
    assert torch.stack(seen).mean() > 0.7, "one object alone is easy to follow"
    still = iou(real.box[:, :1].expand(-1, HORIZON, -1), real.truth.target_box).mean()
    assert torch.stack(seen).mean() > still + 0.1


def test_the_first_box_is_what_was_given(model: Tracked, real: Trajectory) -> None:
    assert model.seen is not None
    assert torch.equal(model.seen.box[:, 0, 0], real.box[:, 0])
    assert (model.seen.id == 0).all()


def test_boxes_out_of_view_leave_nothing_to_follow(real: Trajectory, rng: torch.Generator) -> None:
    class Away:
        def initial(self, obs: object) -> None:
            return None

        def locate(self, obs: object, state: None) -> tuple[torch.Tensor, None]:
            return torch.full((real.num_episodes, 4), 5.0), None

    away = Tracked((1, 48, 48), tracker=Away())
    away.fit(real, rng)
    assert away.seen is not None
    assert (away.seen.time == 0).all(), "only there the target is known to be in view"
    assert away.decode(away.start(4, rng)).visible.gt(0.5).all()


def test_what_cannot_track_is_refused() -> None:
    with pytest.raises(ValueError, match=r"tracker=csrt is none: set tracker\.algorithm=ncc"):
        Tracked((1, 48, 48), tracker="csrt")
