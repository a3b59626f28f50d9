"""The AIR world model: it learns to see without labels, follows, dreams, and can be saved."""

import copy
import dataclasses

import pytest
import torch

from agents.last_box import LastBox
from dyna.diagnosis.extrapolation import coast
from dyna.diagnosis.matching import match
from dyna.diagnosis.measure import diagnose
from dyna.loop.rollout import rollout
from envs.digits import make
from envs.trajectory import Trajectory
from tests.usual import USUAL
from world_models.air.calibration import Calibration
from world_models.air.frame.scene_model import composite
from world_models.air.model import AIR, STAGES
from world_models.air.objects.depth import blend_others
from world_models.blocks.noise import estimate_noise

TINY = {f"{stage}_steps": 2 for stage in STAGES}


def _episodes(split: str, number: int, tier: str = "plain", seed: int = 0) -> Trajectory:
    env = make(tier=tier, split=split, batch_size=number, seed=seed)
    return rollout(env, LastBox(frame_shape=env.scene.frame_shape))


@pytest.fixture(scope="module")
def real() -> Trajectory:
    return _episodes("train", 40)


@pytest.fixture(scope="module")
def trained(real: Trajectory) -> AIR:
    """A model after a few seconds: far from good, but it sees objects."""
    model = AIR(
        (1, 48, 48),
        background_steps=100,
        static_steps=80,
        sequence_steps=4,
        sharpening_steps=40,
        motion_steps=20,
    )
    model.fit(real.without_truth(), torch.Generator().manual_seed(0))
    return model


def test_it_finds_held_out_digits_without_labels(trained: AIR) -> None:
    test = _episodes("test", 40, seed=1)
    metrics = diagnose(trained, test)["perception"]
    assert metrics["box_iou"] > 0.5
    assert metrics["count_accuracy"] > 0.5
    untrained = AIR((1, 48, 48))
    history = untrained.posterior(test.without_truth())
    assert match(history, test.truth).iou.mean() < 0.3


def test_it_follows_identities(trained: AIR) -> None:
    test = _episodes("test", 40, seed=2)
    history = trained.posterior(test.without_truth())
    same = (history.id[:, 1:] == history.id[:, :-1]) & (history.id[:, 1:] >= 0)
    assert same.sum() / (history.id[:, 1:] >= 0).sum() > 0.7
    assert ((history.id >= 0) | (history.visible == 0)).all()


def test_dreams_keep_identities_and_move(trained: AIR) -> None:
    rng = torch.Generator().manual_seed(0)
    state = trained.start(16, rng)
    views = [trained.decode(state)]
    for _ in range(8):
        state = trained.prior(state, rng)
        views.append(trained.decode(state))
    assert all(torch.equal(v.id, views[0].id) for v in views)
    assert views[0].frame.dtype == torch.uint8
    assert (views[0].visible > 0.5).any(-1).float().mean() > 0.9
    moved = (views[8].box - views[0].box)[..., :2].norm(dim=-1)[views[0].id >= 0]
    assert 0.02 < moved.mean() < 0.6


def test_a_dream_is_as_grainy_as_what_was_seen(trained: AIR, real: Trajectory) -> None:
    rng = torch.Generator().manual_seed(0)
    state = trained.start(16, rng)
    seen = estimate_noise(real.frame.flatten(0, 1))
    for _ in range(2):
        assert estimate_noise(trained.decode(state).frame) == pytest.approx(seen, rel=0.2)
        state = trained.prior(state, rng)
    still = dataclasses.replace(trained.prior(state, rng), where=state.where)
    assert not torch.equal(trained.decode(still).frame, trained.decode(state).frame)


def test_boxes_are_calibrated_in_dreams_as_where_they_are_seen(
    trained: AIR, real: Trajectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = []
    for calibration in (Calibration(), Calibration(0.8, 0.02, -0.03)):
        monkeypatch.setattr(trained, "calibration", calibration)
        seen = trained.posterior(real[:4].without_truth())
        boxes.append((seen.box[:, 5], trained.decode(trained.resume(seen, 5)).box))
    there = seen.visible[:, 5] > 0  # empty slots have no size
    assert there.any()
    for loose, tight in zip(*boxes, strict=True):
        expected = loose * torch.tensor([1, 1, 0.8, 0.8]) + torch.tensor([0.02, -0.03, 0, 0])
        torch.testing.assert_close(tight[there], expected[there], atol=1e-5, rtol=0)
    # Dreams begin where the filter believes an object to be, which is not quite where it is seen.
    seen_now, dreamed = (box[there] for box in boxes[1])
    torch.testing.assert_close(dreamed[:, 2:], seen_now[:, 2:], atol=1e-5, rtol=0)
    torch.testing.assert_close(dreamed, seen_now, atol=0.02, rtol=0)


def test_objects_move_against_the_camera(trained: AIR) -> None:
    rng = torch.Generator().manual_seed(0)
    state = trained.start(8, rng)
    camera = torch.tensor([[0.05, -0.02]]).expand(8, 2)
    still = trained.prior(state, torch.Generator().manual_seed(1))
    panned = trained.prior(state, torch.Generator().manual_seed(1), camera)
    shift = (panned.where - still.where)[..., :2]
    assert torch.allclose(shift, torch.tensor([-2.4, 0.96]).expand_as(shift), atol=1e-4)
    assert torch.allclose(panned.velocity, still.velocity, atol=1e-4)


@pytest.mark.parametrize("tier", ["plain", "medium"])
def test_learning_is_reproducible_and_saved_whole(tier: str) -> None:
    real = _episodes("train", 8, tier).without_truth()
    shape = tuple(real.frame.shape[2:])
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        models.append(AIR(shape, **USUAL, **TINY))
    for model in models:
        # So few steps find nothing; detached thresholds keep the machinery running end to end.
        model.scene.what_encoder[-1].bias.data[-1] = 5.0
        model.scene.what_decoder[-1].bias.data[-256:] = 2.0
        model.fit(real, torch.Generator().manual_seed(3))
    first, second = (m.state_dict() for m in models)
    tensors = [k for k, v in first.items() if isinstance(v, torch.Tensor)]
    assert all(torch.equal(first[k], second[k]) for k in tensors)
    revived = AIR(shape, **USUAL, **TINY)
    revived.load_state_dict(copy.deepcopy(first))
    rngs = [torch.Generator().manual_seed(5) for _ in range(2)]
    states = [m.start(4, r) for m, r in zip((models[0], revived), rngs, strict=True)]
    for _ in range(4):
        pairs = list(zip((models[0], revived), states, rngs, strict=True))
        views = [m.decode(s) for m, s, _ in pairs]
        assert torch.equal(views[0].frame, views[1].frame)
        assert torch.equal(views[0].box, views[1].box)
        states = [m.prior(s, r) for m, s, r in pairs]


def test_a_model_that_found_nothing_says_so_after_the_fit(real: Trajectory) -> None:
    blind = AIR((1, 48, 48), **TINY)
    blind.scene.what_encoder[-1].bias.data[-1] = -20.0
    with pytest.raises(
        ValueError, match=r"0.00 objects.* 0% .*effort \(now 0.2\) or real_frames"
    ) as e:
        blind.fit(real[:4].without_truth(), torch.Generator().manual_seed(0), effort=0.2)
    assert "(now 80)" in str(e.value)
    assert "scene" not in str(e.value)


def test_a_model_that_finds_little_warns(trained: AIR, real: Trajectory) -> None:
    weak = copy.deepcopy(trained)
    elsewhere = dataclasses.replace(real, box=(real.box + 0.5) % 1.0)
    with pytest.warns(UserWarning, match=r"\d\.\d\d objects.*of the first boxes.*effort"):
        weak.fit(elsewhere[:4].without_truth(), torch.Generator().manual_seed(0), effort=0.01)


def test_no_more_episodes_are_followed_than_is_worth_it(
    trained: AIR, real: Trajectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AIR, "MOST_FOLLOWED", 3)
    model = copy.deepcopy(trained)
    found = model.fit(real.without_truth(), torch.Generator().manual_seed(0), effort=0.01)
    assert 0 < found["bank_moments"] <= 3 * real.horizon


def test_dreaming_before_seeing_says_so() -> None:
    with pytest.raises(RuntimeError, match="call fit"):
        AIR((1, 48, 48)).start(2, torch.Generator())


@pytest.mark.parametrize(("name", "value"), [("num_slots", 0), ("sigma", 0.0)])
def test_bad_numbers_are_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        AIR((1, 48, 48), **{name: value})


def test_the_front_layer_covers_and_absent_ones_leave_no_trace() -> None:
    canvas = torch.full((1, 1, 2, 2), 0.5)
    layers = torch.zeros(1, 2, 2, 2, 2)
    layers[0, 0, :, 0] = torch.tensor([0.2, 1.0])[:, None]  # dark and opaque, top row
    layers[0, 1, :, :, 0] = 1.0  # white and opaque, left column, in front
    both = composite(canvas, layers, torch.ones(1, 2))[0, 0]
    assert torch.allclose(both, torch.tensor([[1.0, 0.2], [1.0, 0.5]]))
    others, _ = blend_others(canvas, layers, torch.ones(1, 2), torch.zeros(1, 2, 2))
    others = others[0, :, 0]
    assert torch.allclose(others[0], composite(canvas, layers[:, 1:], torch.ones(1, 1))[0, 0])
    assert torch.allclose(others[1], composite(canvas, layers[:, :1], torch.ones(1, 1))[0, 0])


def test_coasting_bounces_at_the_walls() -> None:
    box = torch.tensor([[[0.8, 0.5, 0.2, 0.2]]])
    path = coast(box, torch.tensor([[[0.06, 0.0]]]), 3)
    assert torch.allclose(path[0, :, 0, 0], torch.tensor([0.86, 0.88, 0.82]))
