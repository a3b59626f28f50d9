"""Collages: patches are where their boxes say, and everything comes from the generator."""

import pytest
import torch

from envs import fabrics
from envs.collage import Collage, make


def test_textures_are_seamless_pictures() -> None:
    texture = fabrics.weave(40, 3, 32, torch.Generator().manual_seed(0))
    assert 0 <= texture.min() < 0.3
    assert 0.7 < texture.max() <= 1
    across_the_edge = (texture[..., 0] - texture[..., -1]).abs().mean()
    inside = (texture[..., 16] - texture[..., 15]).abs().mean()
    assert across_the_edge < 1.5 * inside


def test_patches_fill_their_boxes() -> None:
    scene = Collage(frame_size=64, size=(12, 24), noise=0.0)
    view = scene.reset(16, torch.Generator().manual_seed(1))
    alone = scene._outlines(scene._places())[:, 0] > 0.5
    low, high = (view.box[:, 0, :2] - view.box[:, 0, 2:] / 2), view.box[:, 0, :2]
    high = high + view.box[:, 0, 2:] / 2
    inside = ((low > 0.05) & (high < 0.95)).all(-1)
    assert inside.sum() > 5
    for mask, start, end in zip(alone[inside], low[inside], high[inside], strict=True):
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        found = torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).float()
        assert torch.allclose(found, 64 * torch.cat([start, end]), atol=1.6)


def test_what_is_in_front_hides_what_is_behind() -> None:
    scene = Collage(frame_size=48, max_objects=2, size=(12, 12), noise=0.0)
    rng = torch.Generator().manual_seed(2)
    scene.reset(4, rng)
    scene._there[:] = True
    scene._bodies.centre[:] = 24.0
    scene._bodies.size[:] = 12.0
    scene._bodies.bend[:] = 2.0
    visible = scene._show(rng).visible
    assert visible[:, 1].min() > 0.95  # the last one is in front
    assert visible[:, 0].max() < 0.2


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_seed_gives_the_same_episodes(channels: int) -> None:
    frames = []
    for _ in range(2):
        env = make(batch_size=4, horizon=6, seed=5, channels=channels)
        obs = env.reset()
        frames.append([obs.frame])
        while not (step := env.step(torch.zeros(4, 4))).truncated:
            frames[-1].append(step.obs.frame)
    first, second = (torch.stack(f) for f in frames)
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[-1])


def test_held_out_collages_are_of_other_textures() -> None:
    train, test = Collage(split="train"), Collage(split="test")
    assert not torch.equal(train.patches, test.patches)


def test_targets_stay_in_view() -> None:
    env = make(batch_size=64, horizon=60, seed=0)
    env.reset()
    seen = []
    while not env.step(torch.zeros(64, 4)).truncated:
        index = torch.arange(64)
        seen.append(env.view.visible[index, env.target] > 0.3)
    assert torch.stack(seen).float().mean() > 0.85


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"split": "dev"}, "split must be train or test"),
        ({"channels": 2}, "channels must be 1 or 3"),
        ({"size": (9, 3)}, "size must be"),
        ({"speed": (0, 1)}, "speed must be"),
    ],
)
def test_bad_settings_are_named(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Collage(**bad)
