"""Collages: patches are where their boxes say, and everything comes from the generator."""

import pytest
import torch

from envs.collage import Collage, CollageSettings, make
from envs.simulator import collage_textures, patches
from envs.simulator.painting import hat


def test_textures_are_seamless_pictures() -> None:
    texture = collage_textures.random_textures(40, 3, 32, torch.Generator().manual_seed(0))
    assert 0 <= texture.min() < 0.3
    assert 0.7 < texture.max() <= 1
    across_the_edge = (texture[..., 0] - texture[..., -1]).abs().mean()
    inside = (texture[..., 16] - texture[..., 15]).abs().mean()
    assert across_the_edge < 1.5 * inside


def test_patches_fill_their_boxes() -> None:
    size = torch.tensor([[24.0, 12.0], [9.0, 15.0]])
    centre = torch.tensor([[30.0, 20.0], [40.5, 33.2]])
    appearance = patches.draw(2, 5, torch.Generator().manual_seed(0))
    appearance.depth[:] = 0.0
    canvas = patches.canvases(appearance, size, torch.rand(5, 3, 64, 64), time=0)
    alpha = patches.paste(canvas, centre, size, 64)[:, -1]
    for mask, middle, extent in zip(alpha > 0.5, centre, size, strict=True):
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        found = torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).float()
        edges = torch.cat([middle - extent / 2, middle + extent / 2])
        assert torch.allclose(found, edges, atol=1.0)


@pytest.mark.parametrize("width", [5.0, 11.3, 40.0])
def test_smooth_painting_keeps_the_light_of_fine_sprites(width: float) -> None:
    centre, side = torch.tensor([31.7]), torch.tensor([width])
    smooth = hat(centre, side, 64, 24, smooth=True)[0]
    assert float(smooth.sum()) == pytest.approx(width, rel=0.01)
    texels = smooth.sum(0)  # with hats of one texel, some would not be seen at all
    assert texels.min() > 0.8 * texels.max()
    if width > 24:  # finer than texels: the same as linear interpolation
        assert torch.equal(smooth, hat(centre, side, 64, 24)[0])


def test_boxes_lie_on_the_patches_as_they_did_at_first() -> None:
    scene = Collage(CollageSettings(frame_size=64, size=(12, 24), loose=1.0))
    rng = torch.Generator().manual_seed(1)
    scene.reset(16, rng)
    bodies, places = scene._bodies, []
    for _ in range(2):
        offset = (64 * scene._show(rng).box[..., :2] - bodies.centre) / bodies.size
        places.append(offset)
        scene.advance(rng)
    assert places[0].abs().max() > 0.15
    assert torch.allclose(*places, atol=1e-4)
    tight = Collage(CollageSettings(frame_size=64, loose=0.0))
    box = 64 * tight.reset(16, rng).box
    assert torch.allclose(box, torch.cat([tight._bodies.centre, tight._bodies.size], -1))


def test_a_shaking_camera_moves_everything_alike() -> None:
    scene = Collage(CollageSettings(frame_size=64, shake=3.0, speed=(1e-6, 1e-6), loose=0.0))
    rng = torch.Generator().manual_seed(1)
    before = scene.reset(32, rng).box[..., :2]
    moved = 64 * (scene.advance(rng).box[..., :2] - before)
    assert torch.allclose(moved, moved[:, :1].expand_as(moved), atol=1e-3)
    assert moved.abs().max() > 2


def test_photographs_give_seamless_textures_of_their_split() -> None:
    rng = torch.Generator().manual_seed(0)
    for channels in (1, 3):
        texture = collage_textures.photo_textures(20, channels, 32, "train", rng)
        assert texture.shape == (20, channels, 32, 32)
        assert texture.min() >= 0
        assert texture.max() <= 1
        assert torch.equal(texture[..., 0], texture[..., -1])
        assert torch.equal(texture[..., 0, :], texture[..., -1, :])
    assert texture.flatten(1).std(1).mean() > 0.03


def test_what_is_in_front_hides_what_is_behind() -> None:
    scene = Collage(CollageSettings(frame_size=48, max_objects=2, size=(12, 12), noise=0.0))
    rng = torch.Generator().manual_seed(2)
    scene.reset(4, rng)
    scene._there[:] = True
    scene._bodies.centre[:] = 24.0
    scene._bodies.size[:] = 12.0
    scene._appearance = patches.draw(8, len(scene.textures), rng)
    scene._appearance.exponent[:] = 2.0
    scene._appearance.depth[:] = 0.0
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
    train, test = (Collage(CollageSettings(), split) for split in ("train", "test"))
    assert not torch.equal(train.textures, test.textures)


def test_patches_and_camera_turn_round_before_they_are_lost() -> None:
    scene = Collage(CollageSettings(frame_size=64, size=(12, 24), speed=(0.05, 0.1), shake=0.0))
    rng = torch.Generator().manual_seed(0)
    scene.reset(8, rng)
    scene._drift.zero_()
    for _ in range(40):
        scene.advance(rng)
    assert (scene._bodies.centre - 32).abs().max() < 31.5
    scene._bodies.velocity.zero_()
    scene._bodies.centre[:, 0] = torch.tensor([60.0, 4.0])
    scene._drift[:] = torch.tensor([-1.0, 1.0])  # away from the target
    for _ in range(2):
        scene.advance(rng)
        assert (scene._drift == torch.tensor([1.0, -1.0])).all()


def test_speeds_and_directions_are_all_that_were_asked_for() -> None:
    scene = Collage(CollageSettings(speed=(0.01, 0.16), size=(16, 16), max_objects=4))
    scene.reset(256, torch.Generator().manual_seed(0))
    pace = scene._bodies.velocity.norm(dim=-1) / 16
    assert pace.min() > 0.0099
    assert pace.max() < 0.1601
    assert pace.median().item() == pytest.approx(0.04, rel=0.15)
    assert scene._bodies.velocity.mean((0, 1)).abs().max() < 0.1


def test_the_light_changes_where_nothing_moves() -> None:
    scene = Collage(CollageSettings(frame_size=32, shake=0.0, noise=0.0))
    rng = torch.Generator().manual_seed(0)
    first = scene.reset(8, rng).frame
    for still in (scene._drift, scene._bodies.velocity, scene._bodies.growth):
        still.zero_()
    for _ in range(18):
        last = scene.advance(rng).frame
    assert (first.float() - last.float()).abs().mean((1, 2, 3)).max() > 2


def test_most_boxes_are_loose_in_every_way() -> None:
    scene = Collage(CollageSettings(max_objects=4, loose=1.0))
    slack = scene._slack(200, torch.Generator().manual_seed(0)).flatten(0, 1)
    loose = (slack != 0).any(-1)
    assert loose.float().mean().item() == pytest.approx(0.7, abs=0.05)
    assert slack.amin(0).max() < -0.2
    assert slack.amax(0).min() > 0.2
    assert torch.corrcoef(slack[loose].T).triu(1).abs().max() < 0.2


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
        make(**bad)
