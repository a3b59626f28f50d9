"""The camera in the world model: watched while filtering, moved while dreaming."""

import copy

import pytest
import torch

from agents.random_actions import RandomActions
from dyna.loop.rollout import rollout
from envs.digits import make
from envs.trajectory import Trajectory
from tests.usual import USUAL
from tests.world_models.air.objects.test_slots import SIZE, slots_at
from world_models.air.frame.scene_model import SceneModel
from world_models.air.model import AIR, STAGES
from world_models.air.settings import AIRChoices
from world_models.air.viewpoint import uncovered

TINY = {f"{stage}_steps": 1 for stage in STAGES}


@pytest.fixture(scope="module")
def real() -> Trajectory:
    return rollout(make(tier="active", batch_size=3, horizon=9), RandomActions()).without_truth()


def _model(real: Trajectory, **options: object) -> AIR:
    torch.manual_seed(0)
    model = AIR((3, 48, 48), **{**USUAL, "keep_background": False, **TINY, **options})
    # So few steps find nothing; detached thresholds keep the machinery running end to end.
    model.scene.what_encoder[-1].bias.data[-1] = 5.0
    model.scene.what_decoder[-1].bias.data[-256:] = 2.0
    model.fit(real, torch.Generator().manual_seed(3))
    return model


@pytest.fixture(scope="module")
def watching(real: Trajectory) -> AIR:
    return _model(real, camera="inferred", canvas=True)


def test_masks_say_where_the_background_is_seen() -> None:
    torch.manual_seed(0)
    scene = SceneModel((1, SIZE, SIZE), AIRChoices(what_dim=5))
    scene.what_decoder[-1].bias.data[-256:] = 9.0  # objects are solid
    slots = slots_at([[8.0, 8.0, 2.0], [17.0, 17.0, 2.0]], [1.0, 1.0], [0.0, 1.0])
    clear = uncovered(scene, slots)[0]
    assert clear[8, 8] == clear[6, 10] == 0  # an object, and its rim
    assert clear[17, 17] == 1  # one that is hidden itself
    assert clear[20, 4] == 1
    assert ((clear >= 0) & (clear <= 1)).all()
    moved = uncovered(scene, slots, torch.full((1, 2, 2), 9.0))[0]
    assert (moved[8, 8], moved[17, 17]) == (1, 0)


def test_actions_move_objects_and_background_in_dreams(watching: AIR) -> None:
    prior = watching.viewpoint.prior
    assert prior is not None
    prior.gain.copy_(torch.eye(2))
    for part in (prior.memory, prior.drift, prior.scale):
        part.zero_()
    rng = torch.Generator().manual_seed(0)
    state = watching.start(4, rng)
    camera = torch.tensor([[3 / 48, -2 / 48]]).expand(4, 2)
    still = watching.prior(state, torch.Generator().manual_seed(1))
    moved = watching.prior(state, torch.Generator().manual_seed(1), camera)
    shift = (moved.where - still.where)[..., :2]
    assert torch.allclose(shift, torch.tensor([-3.0, 2.0]).expand_as(shift), atol=1e-4)
    before, after = still.background[:, :, :-2, 3:], moved.background[:, :, 2:, :-3]
    assert torch.allclose(before, after, atol=1e-4)


def test_a_given_camera_moves_over_what_is_remembered(real: Trajectory) -> None:
    model = _model(real, camera="given", canvas=True)
    state = model.start(4, torch.Generator().manual_seed(0))
    camera = torch.tensor([[3 / 48, -2 / 48]]).expand(4, 2)
    still = model.prior(state, torch.Generator().manual_seed(1), torch.zeros(4, 2))
    moved = model.prior(state, torch.Generator().manual_seed(1), camera)
    before, after = still.background[:, :, :-2, 3:], moved.background[:, :, 2:, :-3]
    assert torch.allclose(before, after, atol=1e-4)
    assert torch.equal(model.prior(state, torch.Generator()).background, state.background)


def test_without_actions_nothing_that_is_asked_matters(real: Trajectory) -> None:
    model = _model(real, actions=False)
    state = model.start(4, torch.Generator().manual_seed(0))
    camera = torch.full((4, 2), 0.1)
    still = model.prior(state, torch.Generator().manual_seed(1))
    moved = model.prior(state, torch.Generator().manual_seed(1), camera)
    assert torch.equal(still.where, moved.where)


def test_a_watching_model_resumes_and_is_saved_whole(watching: AIR, real: Trajectory) -> None:
    posterior = watching.posterior(real)
    state = watching.resume(posterior, 5)
    assert state.backdrop is not None
    assert state.backdrop.picture.shape == (3, 3, 96, 96)
    revived = AIR((3, 48, 48), keep_background=False, camera="inferred", canvas=True, **TINY)
    revived.load_state_dict(copy.deepcopy(watching.state_dict()))
    rngs = [torch.Generator().manual_seed(5) for _ in range(2)]
    views = [
        m.decode(m.prior(m.start(4, r), r)) for m, r in zip((watching, revived), rngs, strict=True)
    ]
    assert torch.equal(views[0].frame, views[1].frame)
    assert torch.equal(views[0].box, views[1].box)


def test_an_unknown_camera_is_named() -> None:
    with pytest.raises(ValueError, match="camera"):
        AIR((1, 48, 48), camera="psychic")
