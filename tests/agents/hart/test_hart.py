"""HART: one way to act and to learn, filters from appearance, glimpses where the box is."""

import dataclasses
from typing import Any

import pytest
import torch

from agents.hart.policy import HART
from envs.trajectory import Observation

SHAPE = (1, 48, 48)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"learn_scale": True},
    {"attention_update": True},
    {"zoneout": 0.1, "dropout": 0.2},
    {"template": True},
    {"template": True, "learn_scale": True},
]


def episodes(
    batch: int = 3, times: int = 4, channels: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames of noise and boxes in their middle."""
    frame = torch.randint(0, 256, (batch, times, channels, 48, 48), dtype=torch.uint8)
    box = torch.cat(
        [0.4 + 0.2 * torch.rand(batch, times, 2), torch.full((batch, times, 2), 0.3)], -1
    )
    return frame, box


@torch.no_grad()
def step_by_step(policy: HART, frame: torch.Tensor, box: torch.Tensor) -> torch.Tensor:
    """Means and values (last) as acting gives them."""
    sights = [policy.prepare(frame[:, t, None], box[:, t, None]) for t in range(frame.shape[1])]
    state = policy.initial(sights[0])
    decisions = []
    for sight in sights:
        decision, state = policy.step(sight, state)
        decisions.append(torch.cat([decision.mean, decision.value[:, None]], -1))
    return torch.stack(decisions, 1)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_unrolled_it_says_what_it_says_step_by_step(options: dict[str, Any]) -> None:
    policy = HART(SHAPE, **options)
    frame, box = episodes()
    decision = policy.unroll(policy.prepare(frame, box))
    unrolled = torch.cat([decision.mean, decision.value[..., None]], -1)
    torch.testing.assert_close(unrolled, step_by_step(policy, frame, box), atol=1e-5, rtol=0)


def test_an_attention_update_moves_and_grows_the_window_by_sizes_of_the_box() -> None:
    policy = HART(SHAPE, attention_update=True)
    policy.update_gain.data.fill_(20.0)  # what is asked happens
    box = torch.tensor([[0.5, 0.4, 0.2, 0.1]])
    still, moved = (
        policy.window(box, torch.tensor([shift]))[0]
        for shift in ([0.0] * 4, [0.5, -1.0, 0.2, -0.1])
    )
    assert moved[:2].tolist() == pytest.approx([0.6, 0.3])
    assert (moved[2:] / still[2:]).log().tolist() == pytest.approx([0.2, -0.1], abs=1e-5)


def test_both_ways_to_unroll_have_the_same_gradient() -> None:
    policy = HART(SHAPE).double()
    frame, box = episodes()
    glimpse = policy.prepare(frame, box.double())["glimpse"]
    gradients = []
    for looking in (False, True):
        policy.zero_grad()
        sight = {"glimpse": glimpse}
        decision = (
            policy._decide(*policy._unfold_stepwise({"glimpse": glimpse.transpose(0, 1)})[:3])
            if looking
            else policy.unroll(sight)
        )
        (decision.mean.square().sum() + decision.value.sum()).backward()
        gradients.append(
            {n: p.grad.clone() for n, p in policy.named_parameters() if p.grad is not None}
        )
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], msg=name)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_parameter_that_learns_gets_a_gradient(options: dict[str, Any]) -> None:
    policy = HART(SHAPE, **options)
    decision = policy.unroll(policy.prepare(*episodes()))
    (decision.mean.square().sum() + decision.value.square().sum()).backward()
    unused = {} if options.get("attention_update") else {"next_shift.weight", "next_shift.bias"}
    for name, parameter in policy.named_parameters():
        if parameter.requires_grad and name not in unused:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_the_value_does_not_disturb_the_policy() -> None:
    policy = HART(SHAPE)
    policy.unroll(policy.prepare(*episodes())).value.sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in policy.v1.parameters())


def test_episodes_do_not_touch_each_other() -> None:
    policy = HART((3, 48, 48))
    frame, box = episodes(channels=3)
    together = policy.unroll(policy.prepare(frame, box)).mean
    alone = policy.unroll(policy.prepare(frame[1:2], box[1:2])).mean
    torch.testing.assert_close(together[1:2], alone, atol=1e-6, rtol=0)


def test_the_location_map_depends_on_the_appearance() -> None:
    policy = HART(SHAPE)
    frame, box = episodes(times=1)
    obs = Observation(frame[:, 0], box[:, 0])
    state = policy.initial(policy.prepare(frame, box))
    seen = policy.inspect(obs, state)
    assert seen.location.shape == (3, 10, 10)
    assert seen.glimpse.shape == (3, 1, 20, 20)
    assert ((seen.location > 0) & (seen.location < 1)).all()
    other = dataclasses.replace(state, appearance=state.appearance.flip(0))
    assert not torch.allclose(policy.inspect(obs, other).location[0], seen.location[0])
    assert torch.equal(policy.inspect(obs, other).glimpse, seen.glimpse)


def test_the_first_memory_is_of_what_lies_inside_the_box() -> None:
    policy = HART(SHAPE)
    glimpse = torch.rand(1, 1, 20, 20)
    v1, ventral = policy._streams(glimpse)
    start = policy._begin(v1, ventral, glimpse)
    # The box is the middle 1/1.8 of the window: places 2 to 7 of 0 to 9.
    outside = torch.ones(10, 10, dtype=torch.bool)
    outside[2:8, 2:8] = False
    noise = torch.rand(1, 1, 100)
    outer, inner = noise * outside.flatten(), noise * ~outside.flatten()
    same = policy._begin(v1 + outer, ventral + outer, glimpse)
    other = policy._begin(v1 + inner, ventral + inner, glimpse)
    for name in ("appearance", "h", "c"):
        torch.testing.assert_close(getattr(same, name), getattr(start, name))
        assert not torch.allclose(getattr(other, name), getattr(start, name))


@pytest.mark.parametrize("options", [{}, {"learn_scale": True}, {"template": True}], ids=str)
def test_reflected_sights_are_sights_of_the_reflected_world(options: dict[str, Any]) -> None:
    policy = HART(SHAPE, **options)
    frame, box = episodes()
    sight = policy.reflect(policy.prepare(frame, box), True, False)
    mirrored = box.clone()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    expected = policy.prepare(frame.flip(-1), mirrored)
    for name, x in expected.items():
        torch.testing.assert_close(sight[name].float(), x.float(), atol=1e-4, rtol=0)


def test_without_appearance_attention_all_places_count_and_stay_so() -> None:
    policy = HART(SHAPE, appearance=False)
    frame, box = episodes()
    trace = policy.trace(policy.prepare(frame, box), box)
    assert (trace.location == 1).all()
    (trace.decision.mean.square().sum() + trace.location.sum()).backward()
    assert policy.location.weight.grad is None
    gradient = policy.filters.weight.grad
    assert gradient is None or not gradient.any()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_trace_decides_as_unrolling_does(options: dict[str, Any]) -> None:
    policy = HART(SHAPE, **options)
    frame, box = episodes()
    sight = policy.prepare(frame, box)
    trace = policy.trace(sight, box)
    assert torch.equal(trace.decision.mean, policy.unroll(sight).mean)
    torch.testing.assert_close(trace.window[:, 0, 2:], 1.8 * box[:, 0, 2:])
    assert trace.window.requires_grad == (not policy.fixed_window)
    assert trace.location.shape == (3, 4, 100)


def test_noise_blanks_features_and_holds_memory_back(rng: torch.Generator) -> None:
    policy = HART(SHAPE, zoneout=0.5, dropout=0.25)
    noise = policy.noise(40, 5, rng)
    assert noise["dropout"].unique().tolist() == pytest.approx([0, 4 / 3])
    assert float(noise["dropout"].mean()) == pytest.approx(1, abs=0.02)
    assert float(noise["zoneout"].mean()) == pytest.approx(0.5, abs=0.02)
    assert noise["zoneout"].unique().tolist() == [0, 1]
    frame, box = episodes(times=2)
    sight = policy.prepare(frame, box)
    still = {"dropout": torch.ones(3, 2, 8, 100), "zoneout": torch.ones(3, 2, 2, 100)}
    h, *_ = policy._unfold(sight | still)
    torch.testing.assert_close(h[:, 1], h[:, 0])
    assert policy.noise(3, 2, rng)["zoneout"].shape == (3, 2, 2, 100)
    assert HART(SHAPE).noise(3, 2, rng) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [({"zoneout": 1.0}, "zoneout.*1.0"), ({"dropout": -0.1}, "dropout.*-0.1")],
)
def test_shares_are_shares(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HART(SHAPE, **options)


@pytest.mark.parametrize(
    ("options", "message"), [({"glimpse": 7}, "glimpse.*7"), ({"scale": 0.5}, "scale.*0.5")]
)
def test_bad_sizes_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HART(SHAPE, **options)
