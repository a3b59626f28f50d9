"""The monolithic world models: honest labels, causal sight, sane dreams."""

import copy
import dataclasses
from typing import Any

import pytest
import torch

from agents.random_actions import RandomActions
from dyna.loop.rollout import rollout
from envs.boxes import iou
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from tests.scenes import MovingPatch
from world_models.blocks.distributions import kl_gaussian
from world_models.blocks.noise import estimate_noise
from world_models.linear import Linear, LocallyLinear
from world_models.monolith import model as monolith
from world_models.monolith.latent_filter import LOG_SCALE, Latent, bounded_scale
from world_models.monolith.latent_objective import Objective, camera_before, draw_clips
from world_models.monolith.model import Monolith
from world_models.vae_rnn import VAERNN

SMALL: dict[str, Any] = {"width": 4, "steps": 10, "batch": 2, "clip": 6, "latent": 8}
KINDS: list[type[Monolith]] = [VAERNN, Linear]
DOUBT = ("prior.2.bias", "raw_scale")
"""Where dynamics have how sure they are."""


def episodes(batch: int = 6, horizon: int = 8, **scene: Any) -> Trajectory:
    """Of a moving patch, with an agent that acts at random."""
    env = Tracking(MovingPatch(**scene), batch, horizon)
    return rollout(env, RandomActions(seed=0))


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def model(request: pytest.FixtureRequest, rng: torch.Generator) -> Monolith:
    """A model that has hardly learned, but has seen episodes."""
    model = request.param((1, 48, 48), **SMALL)
    model.fit(episodes().without_truth(), rng)
    return model


def test_nothing_is_seen_before_its_time(model: Monolith) -> None:
    real = episodes().without_truth()
    other = copy.deepcopy(real)
    other.frame[:, 5:] = 255 - other.frame[:, 5:]
    a, b = model.posterior(real), model.posterior(other)
    assert torch.equal(a.box[:, :5], b.box[:, :5])
    assert not torch.equal(a.box[:, 5:], b.box[:, 5:])


def test_the_first_box_says_who_the_target_is(model: Monolith) -> None:
    real = episodes().without_truth()
    other = copy.deepcopy(real)
    other.box[:, 0, :2] += 0.2
    assert not torch.allclose(model.posterior(real).box, model.posterior(other).box)


def test_dreams_are_sane_and_start_from_what_was_seen(
    model: Monolith, rng: torch.Generator
) -> None:
    state = model.start(5, rng)
    for _ in range(30):
        state = model.prior(state, rng, torch.full((5, 2), 0.02))
        view = model.decode(state)
        assert view.frame.shape == (5, 1, 48, 48)
        assert bool(((view.box[..., :2] >= 0) & (view.box[..., :2] <= 1)).all())
        assert bool(((view.box[..., 2:] >= 0.04) & (view.box[..., 2:] <= 0.8)).all())
    history = model.posterior(episodes().without_truth())
    # In batches of another size, so rounding may differ.
    torch.testing.assert_close(model.decode(model.resume(history, 3)).box, history.box[:, 3])


def test_a_loaded_model_dreams_and_learns_the_same(model: Monolith) -> None:
    other = type(model)((1, 48, 48), **SMALL)
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    views = []
    for one in (model, other):
        rng = torch.Generator().manual_seed(3)
        one.fit(episodes().without_truth(), rng, effort=0.3)
        views.append(one.decode(one.prior(one.start(4, rng), rng)))
    assert torch.equal(views[0].frame, views[1].frame)
    assert torch.equal(views[0].box, views[1].box)


def test_learning_brings_what_is_expected_to_what_is_found(
    model: Monolith, rng: torch.Generator
) -> None:
    """Else dreams, which draw from what is expected, would look like nothing that was seen."""
    real = episodes().without_truth()
    objective = Objective(model.filter, 0.1, free_nats=0.0, balance=0.8)

    def apart() -> float:
        found = model.filter(real.frame.float() / 255, real.box[:, 0], camera_before(real.camera))
        return objective.kl(found.posterior, found.prior).mean().item()

    # Only how sure the dynamics are may change, which nothing but that distance depends on.
    doubt = [p for n, p in model.filter.dynamics.named_parameters() if n in DOUBT]
    for parameter in doubt:
        parameter.data += 1.0
    optimiser = torch.optim.Adam(doubt, lr=0.05)
    before = apart()
    for _ in range(8):
        costs = objective(draw_clips(real, 4, 6, rng), rng)
        optimiser.zero_grad()
        sum(costs.values()).backward()
        optimiser.step()
    assert apart() < before - 0.1


def test_generators_are_the_only_randomness(model: Monolith) -> None:
    real, metrics = episodes().without_truth(), []
    for seed in range(2):
        torch.manual_seed(seed)
        other = copy.deepcopy(model)
        metrics.append(other.fit(real, torch.Generator().manual_seed(5), effort=0.3))
    assert metrics[0] == metrics[1]


def test_every_cost_teaches(model: Monolith, rng: torch.Generator) -> None:
    objective = Objective(model.filter, 0.1, free_nats=0.0, balance=0.8)
    for name, cost in objective(draw_clips(episodes().without_truth(), 4, 6, rng), rng).items():
        model.zero_grad()
        cost.backward(retain_graph=True)
        taught = [p for p in model.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
        assert taught, name


def test_surprising_frames_count_what_was_not_expected(model: Monolith) -> None:
    real = episodes().without_truth()
    frame = real.frame.float() / 255
    found = model.filter(frame, real.box[:, 0], camera_before(real.camera))
    error = (model.filter.draw(found.latent) - frame).square().sum((-1, -2, -3))
    surprise = kl_gaussian(*found.posterior, *found.prior).sum(-1)
    expected = -error / (2 * model.settings.sigma**2) - surprise
    torch.testing.assert_close(model.posterior(real).elbo, expected.detach(), rtol=1e-5, atol=0.01)
    assert surprise.min() > 0.05


def test_what_the_camera_does_changes_dreams(model: Monolith) -> None:
    if isinstance(model.filter.dynamics, LocallyLinear):
        model.filter.dynamics.push.data.normal_()
    state = model.start(3, torch.Generator().manual_seed(0))
    ahead = [
        model.prior(state, torch.Generator().manual_seed(1), camera).latent.z
        for camera in (None, torch.zeros(3, 2), torch.full((3, 2), 0.1))
    ]
    assert torch.equal(ahead[0], ahead[1])
    assert not torch.allclose(ahead[0], ahead[2], atol=1e-3)


def test_dreams_begin_where_the_target_is_known(
    model: Monolith, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, kept = episodes().without_truth(), []
    for lost in (2.0, -1.0):  # every reward is foreseen; none is
        monkeypatch.setattr(monolith, "LOST", lost)
        kept.append(model._fill_bank(real)["bank_moments"])
    assert kept == [6 * (8 - monolith.MIN_AGE + 2), 6]


def test_doubt_has_bounds() -> None:
    scale = bounded_scale(torch.tensor([-1e4, 0.0, 1e4]))
    assert scale[1].item() == pytest.approx(1, abs=0.2)
    low, high = LOG_SCALE
    torch.testing.assert_close(scale[[0, 2]].log(), torch.tensor([low, high]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_wider_model_has_more_channels(kind: type[Monolith]) -> None:
    thin, wide = (kind((1, 48, 48), **{**SMALL, "width": width}) for width in (4, 8))
    count = [sum(p.numel() for p in m.filter.encoder.parameters()) for m in (thin, wide)]
    assert count[0] < count[1]


def test_dreams_are_as_grainy_as_what_was_seen(model: Monolith, rng: torch.Generator) -> None:
    real = episodes().without_truth()
    noise = 15 * torch.randn(real.frame.shape, generator=rng)
    frame = (real.frame.float() / 2 + 60 + noise).clamp(0, 255).to(torch.uint8)
    fresh = type(model)((1, 48, 48), **SMALL)
    fresh.fit(dataclasses.replace(real, frame=frame), rng, effort=0.1)
    seen = estimate_noise(frame.flatten(0, 1))
    state = fresh.start(5, rng)
    other = fresh.prior(state, rng)._replace(latent=state.latent)
    pictures = torch.stack([fresh.decode(s).frame for s in (state, other)]).float()
    inside = ((pictures > 0) & (pictures < 255)).all(0)  # a dark pixel cannot be darker
    grain = (pictures[0] - pictures[1])[inside].std() / (2**0.5 * 255)
    assert grain.item() == pytest.approx(seen, rel=0.25)


def test_dreaming_before_seeing_is_refused(rng: torch.Generator) -> None:
    with pytest.raises(RuntimeError, match="call fit"):
        VAERNN((1, 48, 48)).start(2, rng)


@pytest.mark.parametrize("argument", [{"sigma": 0.0}, {"batch": 0}, {"clip": 1}, {"latent": 0}])
@pytest.mark.parametrize("kind", KINDS)
def test_bad_numbers_are_refused(kind: type[Monolith], argument: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(argument))):
        kind((1, 48, 48), **argument)


@pytest.mark.parametrize("kind", KINDS)
def test_any_frame_will_do(kind: type[Monolith], rng: torch.Generator) -> None:
    frame = torch.randint(0, 255, (3, 4, 3, 50, 37), dtype=torch.uint8)
    box = torch.full((3, 5, 4), 0.4)
    zero = torch.zeros(3, 4)
    real = Trajectory(frame, box, torch.zeros(3, 4, 4), zero, torch.zeros(3, 4, 2))
    model = kind((3, 50, 37), **SMALL)
    model.fit(real, rng, effort=0.2)
    assert model.decode(model.start(2, rng)).frame.shape == (2, 3, 50, 37)


def test_one_linear_map_is_linear_near_the_middle_and_bounded_beyond(
    rng: torch.Generator,
) -> None:
    dynamics = LocallyLinear(6, modes=1)
    a, b = (0.1 * torch.randn(4, 6, generator=rng) for _ in range(2))
    still = torch.zeros(4, 2)

    def ahead(z: torch.Tensor) -> torch.Tensor:
        return dynamics(Latent(z, z), still)[1].loc

    assert torch.allclose(ahead(a + b), ahead(a) + ahead(b) - ahead(0 * a), atol=1e-3)
    assert not torch.allclose(ahead(a + b), ahead(a), atol=1e-2)
    assert ahead(1e4 * a).abs().max() <= dynamics.BOUND


def test_a_patch_is_followed_after_a_little_learning(rng: torch.Generator) -> None:
    real = episodes(batch=40, horizon=8)
    assert real.truth is not None
    model = VAERNN((1, 48, 48), memory=64, latent=16, width=8, steps=250, batch=4, clip=8)
    metrics = model.fit(real.without_truth(), rng)
    found = iou(model.posterior(real.without_truth()).box[:, :, 0], real.truth.target_box)
    assert metrics["first_box_iou"] > 0.6
    assert found.mean() > 0.5


def test_checkpoints_with_former_names_of_parts_load(model: Monolith) -> None:
    state = model.state_dict()
    former = {"encoder": "eye", "decoder": "hand", "correction": "see"}
    old = {
        ".".join(former.get(part, part) for part in name.split(".")): value
        for name, value in state.items()
    }
    assert old.keys() != state.keys()
    fresh = type(model)((1, 48, 48), **SMALL)
    fresh.load_state_dict(old)
    assert all(
        torch.equal(value, fresh.state_dict()[name])
        for name, value in state.items()
        if isinstance(value, torch.Tensor)
    )
