"""Still pictures: digits that do not overlap, on the backgrounds of the literature."""

import numpy as np
import pytest
import torch

from envs import stills
from envs.boxes import to_xyxy
from envs.stills import BACKGROUNDS, FRAME, MOST, Stills, StillsSettings, place
from envs.watching import watch


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_pictures_hold_0_to_2_digits_evenly(background: str, rng: torch.Generator) -> None:
    view = Stills(StillsSettings(background=background)).reset(600, rng)
    assert view.frame.shape == (600, 1, FRAME, FRAME)
    count = (view.id >= 0).sum(1)
    assert count.bincount(minlength=MOST + 1).min() > 150
    assert torch.equal(view.visible > 0, view.id >= 0)


def test_inked_boxes_lie_in_the_frame_and_do_not_overlap(rng: torch.Generator) -> None:
    view = Stills(StillsSettings(min_objects=2)).reset(500, rng)
    corners = to_xyxy(view.box)
    slack = 0.5 / FRAME  # an edge is where ink is at 40 %, up to half a pixel beyond
    assert (corners >= -slack).all()
    assert (corners <= 1 + slack).all()
    one, two = corners.unbind(1)
    apart = (one[:, :2] + slack >= two[:, 2:]) | (two[:, :2] + slack >= one[:, 2:])
    assert apart.any(1).all()


def test_boxes_are_tight_about_the_ink(rng: torch.Generator) -> None:
    view = Stills(StillsSettings()).reset(300, rng)
    lonely = (view.id >= 0).sum(1) == 1
    ink = view.frame[lonely, 0] > 0.4 * 255
    box = to_xyxy(view.box[lonely, 0]) * FRAME
    first = ink.any(1).int().argmax(1)
    last = FRAME - ink.any(1).flip(1).int().argmax(1)
    assert (box[:, 0] - first).abs().max() <= 1
    assert (box[:, 2] - last).abs().max() <= 1


def test_an_impossible_placement_falls_back_to_corners(
    rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stills, "TRIES", 1)
    ink = torch.tensor([4, 4, 24, 24]).expand(50, 2, 4)
    corner = place(ink, rng)
    assert (corner[:, 0] == -4).all()
    assert (corner[:, 1] == FRAME - 24).all()


def test_backgrounds_are_those_of_the_literature(rng: torch.Generator) -> None:
    noise = Stills(StillsSettings(background="noise"))
    empty = noise.reset(400, rng)
    there = (empty.id >= 0).any(1)
    dark = empty.frame[~there].float() / 255
    # N(.1, .2), clipped below at 0.
    assert dark.mean().item() == pytest.approx(0.1396, abs=0.003)
    again = noise.advance(rng)
    assert not torch.equal(again.frame, empty.frame)
    assert torch.equal(again.box, empty.box)
    grid = Stills(StillsSettings(background="grid")).reset(400, rng)
    lines = grid.frame[(grid.id < 0).all(1)]
    assert set(lines.unique().tolist()) == {0, 102}
    share = (lines == 102).float().mean().item()
    assert share == pytest.approx(1 - 0.8**2)
    assert len({tuple(x.flatten().tolist()) for x in lines[:60]}) > 10


def test_clean_pictures_stand_still(rng: torch.Generator) -> None:
    real = watch(Stills(StillsSettings()), 8, 3, rng)
    assert torch.equal(real.frame[:, 0], real.frame[:, 2])


def test_mnist_is_shown_as_it_is(tmp_path, rng: torch.Generator) -> None:
    images = np.zeros((40, 28, 28), np.uint8)
    images[:, 4:24, 9:19] = 200
    np.savez(tmp_path / "digits.npz", images=images, labels=np.tile(np.arange(10), 4))
    scene = Stills(StillsSettings(digits=str(tmp_path / "digits.npz"), min_objects=1))
    view = scene.reset(20, rng)
    assert set(view.frame.unique().tolist()) == {0, 200}
    assert set((view.frame == 200).sum((1, 2, 3)).tolist()) <= {200, 400}
    assert (view.box[:, 0, 2:] * FRAME - torch.tensor([10.0, 20.0])).abs().max() < 0.1


def test_generators_are_the_only_randomness() -> None:
    frames = []
    for seed, other in ((3, 0), (3, 1), (4, 0)):
        torch.manual_seed(other)
        env = stills.make(seed=seed, batch_size=4, background="noise", min_objects=1)
        frames.append(torch.stack([env.reset().frame, env.step(torch.zeros(4, 4)).obs.frame]))
    assert torch.equal(frames[0], frames[1])
    assert not torch.equal(frames[0], frames[2])


def test_training_and_test_digits_differ() -> None:
    train, test = stills.load("train").image, stills.load("test").image
    seen = {x.numpy().tobytes() for x in train}
    assert sum(x.numpy().tobytes() in seen for x in test) == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"background": "snow"}, "snow"),
        ({"split": "valid"}, "valid"),
        ({"min_objects": 3}, "min_objects"),
    ],
)
def test_bad_options_are_named(options: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        stills.make(**options)
