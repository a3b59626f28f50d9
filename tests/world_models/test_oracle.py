"""The simulator as a model: right in all it tells, or wrong by as much as it is told to be."""

from typing import Any

import pytest
import torch

from dyna.loop.imagination import roll_forward
from envs.digits import make
from envs.scene import View
from world_models.oracle import Oracle

SHAPE, STEPS, BATCH = (1, 48, 48), 12, 64


def views(seed: int = 0, **settings: Any) -> list[View]:
    """What it dreams; scenes with the same seed are the same ones."""
    rng, chance = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
    model = Oracle(SHAPE, make(batch_size=BATCH, seed=0).scene, **settings)
    # Its own draws come from another generator than the scene's, so that scenes stay the same.
    model._scene = _Apart(model._scene, rng)  # type: ignore[assignment]
    state = model.start(BATCH, chance)
    return [model.decode(state), *roll_forward(model, state, STEPS, None, chance)]


class _Apart:
    """A scene that draws from a generator of its own."""

    def __init__(self, scene: Any, rng: torch.Generator) -> None:
        self.scene, self.rng = scene, rng

    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        return self.scene.reset(batch_size, self.rng)

    def advance(self, rng: torch.Generator, camera: Any = None) -> View:
        return self.scene.advance(self.rng, camera)


def off(told: View, true: View) -> torch.Tensor:
    """How far the centres of objects are off, pixels."""
    there = true.id >= 0
    return ((told.box - true.box)[..., :2] * SHAPE[1])[there]


def test_by_default_it_tells_the_truth() -> None:
    rng = torch.Generator().manual_seed(0)
    scene = make(batch_size=BATCH, seed=0).scene
    truth = [scene.reset(BATCH, rng), *(scene.advance(rng) for _ in range(STEPS))]
    for told, true in zip(views(), truth, strict=True):
        for name in ("frame", "box", "visible", "id"):
            assert torch.equal(getattr(told, name), getattr(true, name))


def test_jitter_is_new_in_every_frame_and_bias_is_not() -> None:
    pairs = list(zip(views(box_jitter=2.0), views(), strict=True))
    errors = torch.stack([off(*pair) for pair in pairs])
    assert float(errors.std()) == pytest.approx(2.0, rel=0.05)
    assert errors.mean().abs() < 0.1
    assert torch.corrcoef(errors[:2, :, 0])[0, 1].abs() < 0.3
    for told, true in zip(views(box_bias=3.0), views(), strict=True):
        torch.testing.assert_close(
            off(told, true)[:, 0], torch.full_like(off(told, true)[:, 0], 3)
        )
        assert off(told, true)[:, 1].abs().max() < 1e-4


def test_sizes_are_wrong_by_a_ratio() -> None:
    for told, true in zip(views(size_bias=1.25), views(), strict=True):
        torch.testing.assert_close(told.box[..., 2:], 1.25 * true.box[..., 2:])
        assert torch.equal(told.box[..., :2], true.box[..., :2])


def test_some_boxes_stay_where_they_were() -> None:
    told, true = views(frozen_boxes=0.5), views()
    there = true[0].id >= 0
    stays = (told[-1].box == true[0].box).all(-1)[there]
    moves = (told[-1].box == true[-1].box).all(-1)[there]
    assert (stays | moves).all()
    assert 0.35 < stays.float().mean() < 0.65
    assert torch.equal(told[0].box, true[0].box)


def test_objects_exchange_their_boxes_for_good() -> None:
    told, true = views(swaps=0.05), views()
    lost = []
    for one, other in zip(told, true, strict=True):
        there = other.id >= 0
        # Whoever is told, it is somebody who is there.
        same = (one.box[:, :, None] == other.box[:, None]).all(-1) & there[:, None]
        assert same.any(-1)[there].all()
        lost.append((off(one, other).abs().amax(-1) > 0).float().mean().item())
    assert lost[0] == 0
    assert 0.1 < lost[-1] < 0.6
    assert lost[-1] > lost[STEPS // 2] > 0
    alone = true[0].id.ge(0).sum(-1) == 1
    assert torch.equal(told[-1].box[alone], true[-1].box[alone])


def test_blurred_frames_are_soft_and_no_darker() -> None:
    soft, sharp = views(blur=2.0)[0].frame.float(), views()[0].frame.float()
    edge = [(x[..., 1:] - x[..., :-1]).square().mean() for x in (soft, sharp)]
    assert edge[0] < 0.3 * edge[1]
    assert float(soft.mean()) == pytest.approx(float(sharp.mean()), rel=0.02)


def test_scenes_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="frame_size and colour as they are"):
        Oracle((1, 32, 32), make(batch_size=2, seed=0).scene, factors={"frame_size": 48})


@pytest.mark.parametrize(("camera", "moves_at"), [("obeys", 0), ("late", 1), ("ignores", 3)])
def test_a_view_obeys_or_late_or_not_at_all(camera: str, moves_at: int) -> None:
    def boxes(how: str) -> list[torch.Tensor]:
        scene = make(tier="active", batch_size=4, seed=0).scene
        model = Oracle(scene.frame_shape, scene, camera=how)
        rng = torch.Generator().manual_seed(0)
        state, found = model.start(4, rng), []
        for step in range(3):
            asked = torch.full((4, 2), 0.05 if step == 0 else 0.0)
            state = model.prior(state, rng, asked)
            found.append(model.decode(state).box)
        return found

    for step, (still, box) in enumerate(zip(boxes("ignores"), boxes(camera), strict=True)):
        assert torch.allclose(still, box) == (step < moves_at)
