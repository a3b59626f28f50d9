"""Dreams whose faults are planted: each turns its own figure red, and an honest dream none."""

import dataclasses
import functools
from typing import Any

import pytest
import torch

from agents.last_box import LastBox
from dyna.diagnosis.behaviour import statistics, told
from dyna.diagnosis.beside import Pair, beside, box_bias, verdict
from dyna.loop.imagination import Imagination
from dyna.loop.rollout import rollout
from envs.digits import make
from envs.scene import Scene, View
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from tests.dyna.diagnosis.test_measure import episodes
from tests.dyna.seeing import Seer
from tests.scenes import SIZE, MovingPatch
from world_models.base import Posterior
from world_models.oracle import Oracle, State

NUMBER = 128


@functools.cache
def reality(tier: str) -> Trajectory:
    return episodes(tier, horizon=20, number=NUMBER)


def dream(scene: Scene, horizon: int = 20, model: type[Oracle] = Oracle) -> Trajectory:
    imagined = Imagination(model(scene.frame_shape, scene))
    return rollout(Tracking(imagined, NUMBER, horizon, seed=2), LastBox(), explore=False)


def simulated(tier: str, **changes: Any) -> Trajectory:
    """What the simulator dreams of a tier with some of its factors changed."""
    return dream(make(tier=tier, factors=changes).scene)


def red(found: dict[str, float], how: str = "truth") -> dict[str, str]:
    """The figures that are low or high beyond chance."""
    names = {key.split("/")[2] for key in found if key.startswith(f"beside/{how}/")}
    said = {}
    for name in names:
        ratio, error = (found[f"beside/{how}/{name}/{part}"] for part in ("ratio", "error"))
        said[name] = verdict(ratio, error)
    return {name: text for name, text in said.items() if text in ("low", "high")}


@pytest.mark.parametrize("tier", ["medium", "occlusion"])
def test_an_honest_dream_is_like_the_world(tier: str) -> None:
    found = beside(reality(tier), simulated(tier))
    assert red(found) == {}
    assert len([key for key in found if key.endswith("/ratio")]) == 19
    assert {key.split("/")[1] for key in found} == {"truth", "fit"}
    for name in ("offset", "scatter", "fill"):
        real, dreamed = (found[f"beside/fit/{name}/{part}"] for part in ("real", "dreamed"))
        assert dreamed == pytest.approx(real, abs=0.05)


def test_frozen_looks_are_red() -> None:
    frozen = {"rotation": 0, "scale": 0, "morph": "none", "gain": 0}
    wrong = red(beside(reality("medium"), simulated("medium", **frozen)))
    looks = {"size_change", "size_drift", "restyling"}
    assert {name: wrong[name] for name in looks} == dict.fromkeys(looks, "low")
    assert not {"speed", "objects", "visible", "size"} & set(wrong)


def test_half_the_speed_is_red() -> None:
    wrong = red(beside(reality("medium"), simulated("medium", speed=1.25)))
    speeds = {f"speed{step}" for step in ("", "_1", "_5", "_10", "_15", "_19")}
    assert wrong == dict.fromkeys(speeds | {"flicker"}, "low")


@pytest.mark.parametrize(
    ("tier", "fewer"),
    [("medium", {"max_objects": 2}), ("occlusion", {"min_objects": 3, "max_objects": 3})],
)
def test_one_object_too_few_is_red(tier: str, fewer: dict[str, int]) -> None:
    wrong = red(beside(reality(tier), simulated(tier, **fewer)))
    assert wrong["objects"] == "low"
    assert not {"speed", "size", "visible"} & set(wrong)


class BarsBehind(Oracle):
    """Says of every object that it is seen as far as it lies within the view."""

    def decode(self, state: State) -> View:
        view = super().decode(state)
        low, high = view.box[..., :2] - view.box[..., 2:] / 2, view.box[..., :2]
        high = high + view.box[..., 2:] / 2
        inside = (high.clamp(0, 1) - low.clamp(0, 1)).prod(-1) / view.box[..., 2:].prod(-1)
        return dataclasses.replace(view, visible=torch.where(view.id >= 0, inside, 0.0))


def test_bars_that_hide_nothing_are_red() -> None:
    dreamed = dream(make(tier="occlusion").scene, model=BarsBehind)
    wrong = red(beside(reality("occlusion"), dreamed))
    assert wrong["visible"] == "high"
    assert set(wrong) <= {"visible", "restyling"}  # a bar in an object's box is a change of looks


def test_boxes_a_tenth_too_large_are_red() -> None:
    real = reality("medium")
    assert real.truth is not None
    box = real.truth.box.clone()
    box[..., 2:] *= 1.105
    large = dataclasses.replace(real, truth=dataclasses.replace(real.truth, box=box))
    found = beside(real, large)
    assert found["beside/truth/size/ratio"] == pytest.approx(1.105, rel=1e-3)
    assert verdict(found["beside/truth/size/ratio"], 0) == "high"
    assert found["beside/truth/speed/ratio"] == 1
    assert 0 < found["beside/truth/size/error"] < 0.1


class Looker(Oracle):
    """A model that sees: the box of what is bright, which dreams must show as reality does."""

    sees = True

    def posterior(self, real: Trajectory) -> Posterior:
        lit = (real.frame > 0).any(2)
        places = torch.arange(SIZE) + 0.5
        edges = []
        for axis in (-2, -1):
            line = lit.any(axis)
            edges.append(torch.where(line, places, torch.inf).amin(-1) - 0.5)
            edges.append(torch.where(line, places, -torch.inf).amax(-1) + 0.5)
        left, right, top, bottom = edges
        box = torch.stack([left + right, top + bottom, 2 * (right - left), 2 * (bottom - top)], -1)
        shape = (*lit.shape[:2], 1)
        return Posterior(
            belief=[],
            box=box[:, :, None] / (2 * SIZE),
            visible=torch.ones(shape),
            id=torch.zeros(shape, dtype=torch.long),
            reconstruction=real.frame,
            elbo=torch.zeros(shape[:2]),
        )


def test_the_model_compares_what_it_sees_of_both_without_truth() -> None:
    real = rollout(Tracking(MovingPatch(2), NUMBER, 10), LastBox(), explore=False).without_truth()
    scene = MovingPatch(2)
    honest = beside(real, dream(scene, 10), Looker(scene.frame_shape, scene))
    assert red(honest, "model") == {}
    assert {key.split("/")[1] for key in honest} == {"model"}
    assert honest["beside/model/objects/real"] == honest["beside/model/objects/dreamed"] == 1
    slow = MovingPatch(1)
    found = beside(real, dream(slow, 10), Looker(slow.frame_shape, slow))
    assert red(found, "model")["speed"] == "low"
    assert found["beside/model/speed/ratio"] == pytest.approx(0.5, rel=0.05)
    assert found["beside/model/size/ratio"] == pytest.approx(1, rel=0.05)


def test_only_frames_and_kinds_of_episodes_that_both_have_are_compared() -> None:
    real, dreamed = episodes(horizon=16, number=12), episodes(horizon=6, number=12)
    found = beside(real, dreamed)
    assert "beside/truth/speed_5/ratio" in found
    assert "beside/truth/speed_10/ratio" not in found
    assert {round(found[key], 5) for key in found if key.endswith("/ratio")} == {1}
    box = real.box.clone()
    box[6:, 0] = 0  # nothing to be tracked there
    some = beside(dataclasses.replace(real, box=box), dreamed)
    assert real.truth is not None
    first = statistics(told(real[:6].first(6)))
    assert some["beside/truth/objects/real"] == pytest.approx(first["objects"])
    assert beside(dataclasses.replace(real, box=torch.zeros_like(box)), dreamed) == {}


def test_dreams_of_the_target_alone_are_put_beside_the_target() -> None:
    real = episodes("hard", horizon=8, number=12)
    assert real.truth is not None
    truth = real.truth
    alone = dataclasses.replace(
        truth,
        target=torch.zeros_like(truth.target),
        box=truth.target_box[:, :, None],
        visible=truth.target_visible[:, :, None],
        id=torch.zeros_like(truth.id[..., :1]),
    )
    found = beside(real, dataclasses.replace(real, truth=alone))
    assert {round(found[key], 5) for key in found if key.endswith("/ratio")} == {1}
    assert found["beside/truth/objects/real"] == 1


def test_sizes_of_boxes_are_told_by_quarter_of_true_widths() -> None:
    real = episodes("easy", horizon=8, number=20)
    assert real.truth is not None
    seen = Seer(real).posterior(real)
    narrow = real.truth.box[..., 2:3] < 0.24
    factor = torch.cat([torch.ones(2), torch.tensor([1.2, 1.0])])
    off = dataclasses.replace(seen, box=torch.where(narrow, seen.box * factor, seen.box))
    found = box_bias(off, real.truth)
    ratios = [found[f"{axis}_{n}"].ratio for axis in ("width", "height") for n in (1, 4)]
    assert ratios == pytest.approx([1.2, 1, 1, 1], rel=1e-4)
    widths = [found[f"width_{n}"].real for n in range(1, 5)]
    assert widths == sorted(widths)
    assert 5 < widths[0] < widths[-1] < 25
    assert box_bias(off, dataclasses.replace(real.truth, visible=0 * real.truth.visible)) == {}


@pytest.mark.parametrize(
    ("ratio", "error", "says"),
    [(1.0, 0, ""), (0.9, 0, ""), (1.1, 0, ""), (0.89, 0.1, "low"), (1.11, 0, "high"),
     (0.8, 0.3, "low?"), (1.3, 0.4, "high?"), (1.3, torch.inf, "high?")],
)  # fmt: skip
def test_ratios_are_good_within_a_tenth(ratio: float, error: float, says: str) -> None:
    assert verdict(ratio, error) == says


def test_next_to_nothing_is_as_good_as_nothing() -> None:
    assert Pair(0.0, 0.0).ratio == Pair(0.0, 0.001).ratio == 1
    assert Pair(0.0, 0.02).ratio == pytest.approx(10)
    assert Pair(0.02, 0.0).ratio == pytest.approx(0.1)


def test_one_episode_or_one_frame_is_no_error() -> None:
    one = episodes(horizon=8, number=1)
    found = beside(one, one)
    assert found["beside/truth/speed/ratio"] == 1
    assert "beside/truth/speed/error" not in found  # nobody knows
    still = episodes(horizon=1, number=8)
    assert "beside/truth/objects/ratio" in beside(still, still)
    assert "beside/truth/speed/ratio" not in beside(still, still)
