import pytest
import torch

from envs import boxes, shapes
from envs.scene import View
from envs.shapes import TIERS, Shapes
from envs.simulator import silhouettes
from envs.simulator.tiers import named
from envs.watching import watch


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scene(split: str = "train", **changes: object) -> Shapes:
    return Shapes(named("shapes", changes, TIERS), split)


def clean(**changes: object) -> Shapes:
    """Without background and noise."""
    return scene(background=0.0, noise=0.0, **changes)


def shown(scene: Shapes, num: int, length: int) -> list[View]:
    rng = generator()
    return [scene.reset(num, rng)] + [scene.advance(rng) for _ in range(length - 1)]


def test_the_task_is_built_and_rewards() -> None:
    env = shapes.make(batch_size=8, horizon=5)
    obs = env.reset()
    assert obs.frame.shape == (8, 3, 64, 64)
    assert env.step(torch.zeros(8, 4)).reward.min() > 0.99
    assert env.action_scale.size == 0.4


def test_training_and_test_shapes_are_different_shapes() -> None:
    train, test = silhouettes.load("train"), silhouettes.load("test")
    assert not set(train.source.tolist()) & set(test.source.tolist())
    assert len(train.source) == 2 * len(test.source) == 8 * len(silhouettes.KINDS)
    assert train.angles == silhouettes.ANGLES
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'valid'"):
        silhouettes.load("valid")


def test_every_shape_fits_its_circle_and_reaches_it() -> None:
    bank = silhouettes.load("train")
    grid = (torch.arange(24) + 0.5) / 24 - 0.5
    distance = torch.hypot(grid[:, None], grid).flatten()
    reach = torch.where(bank.image > 128, distance, 0.0).amax(1)
    assert reach.max() < silhouettes.FILL / 2 + 0.03
    assert reach.min() > silhouettes.FILL / 2 - 0.07


@pytest.mark.parametrize(
    ("kind", "form", "inside", "outside"),
    [
        (
            "cross",
            0.3,
            [(0, 0), (0, 0.9), (0.9, 0), (0, -0.9), (-0.9, 0)],
            [(0.6, 0.6), (-0.6, 0.6)],
        ),
        ("ring", 0.5, [(0.8, 0), (-0.6, 0.3)], [(0, 0), (0.3, -0.3), (0.8, 0.8)]),
        ("corner", 0.5, [(-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)], [(0.5, -0.5), (0, 0)]),
        ("triangle", 0.0, [(0, -0.8), (0.8, 0.9), (-0.8, 0.9)], [(0.5, -0.5), (-0.5, -0.5)]),
        ("star", 0.45, [(0, 0), (0, -0.9), (0.83, -0.27), (0.5, 0.7)], [(0, 0.8), (0.5, -0.7)]),
    ],
)
def test_shapes_are_what_they_are_called(
    kind: str, form: float, inside: list, outside: list
) -> None:
    for points, there in ((inside, True), (outside, False)):
        x, y = torch.tensor(points, dtype=torch.float32).T[:, None]
        found = silhouettes.KINDS[kind].inside(x, y, form)
        assert (found == there).all()


def test_boxes_follow_the_rotation() -> None:
    """A bar turned by a quarter is as wide as it was high; between, it is as wide as high."""
    bank = silhouettes.load("train")
    bar = int(bank.first[list(silhouettes.KINDS).index("bar")])
    extent = bank.extent.view(-1, bank.angles, 4)[bar]
    size = extent[:, 1::2] - extent[:, 0::2]
    torch.testing.assert_close(size[0].flip(0), size[18], atol=0.02, rtol=0)
    long, short = size[0].max(), size[0].min()
    diagonal = (long + short) * 0.5**0.5
    torch.testing.assert_close(size[9], diagonal.expand(2), atol=0.05, rtol=0)


def test_the_ink_lies_inside_the_box_and_reaches_its_edges() -> None:
    views = shown(clean(max_objects=1, size=24.0, size_jitter=0.2), 64, 10)
    pixel = (torch.arange(64) + 0.5) / 64
    for view in views:
        ink = view.frame.amax(1).float() / view.frame.flatten(1).amax(1)[:, None, None]
        low, high = boxes.to_xyxy(view.box[:, 0]).view(-1, 2, 2).unbind(1)
        edge = 1.0 / 64  # the half-tones of an edge
        inside_x = (pixel > low[:, :1] - edge) & (pixel < high[:, :1] + edge)
        inside_y = (pixel > low[:, 1:] - edge) & (pixel < high[:, 1:] + edge)
        inside = inside_y[:, :, None] & inside_x[:, None, :]
        outside = ink * ~inside
        assert outside.max() < 0.4
        assert (outside.sum((1, 2)) < 0.01 * ink.sum((1, 2))).all()
        bright = ink > 0.4
        for line, axis in ((bright.any(1), 0), (bright.any(2), 1)):
            first = line.float().argmax(1) / 64
            last = 1 - line.flip(1).float().argmax(1) / 64
            assert (first - low[:, axis]).abs().max() < 1.1 / 64
            assert (last - high[:, axis]).abs().max() < 1.1 / 64


def test_shapes_stay_in_the_view() -> None:
    for view in shown(clean(size_jitter=0.3, speed=5.0), 64, 20):
        corners = boxes.to_xyxy(view.box[view.id >= 0])
        assert corners.min() > -0.6 / 64
        assert corners.max() < 1 + 0.6 / 64


def test_boxes_are_of_many_sizes_and_aspect_ratios() -> None:
    seen = watch(scene("test"), 256, 10, generator())
    assert seen.truth is not None
    there = seen.truth.id >= 0
    wide, high = seen.truth.box[there][:, 2:].unbind(-1)
    for ratio in ((wide / high).log(), (wide * high).log() / 2):
        low, top = ratio.quantile(torch.tensor([0.05, 0.95])).exp().tolist()
        assert top / low > 1.8
    count = there[:, 0].sum(-1)
    assert torch.bincount(count, minlength=5)[1:].min() > 40
    size = seen.truth.box[..., 2:]
    turned = (size.amax(1) - size.amin(1)).amax(-1)
    assert (turned[there[:, 0]] > 0.03).float().mean() > 0.3


def test_visible_shares_are_those_of_the_pixels() -> None:
    """Painting each object alone, and then what is in front of it, gives the same shares."""
    rng = generator()
    full = clean(min_objects=3, max_objects=3, size=26.0, size_jitter=0.0)
    full.reset(64, rng)
    for _ in range(8):
        view = full.advance(rng)
    present = full._bodies.present
    rest, hidden = torch.ones(64, 64, 64), 0
    for k in range(3):
        full._bodies.present = torch.zeros_like(present)
        full._bodies.present[:, k] = True
        alone = full._show(rng).frame.float().amax(1)
        alpha = alone / alone.flatten(1).amax(1)[:, None, None]
        share = (alpha * rest).sum((1, 2)) / alpha.sum((1, 2))
        assert (view.visible[:, k] - share).abs().max() < 0.06
        hidden += int((share < 0.7).sum())
        rest = rest * (1 - alpha)
    assert hidden > 10


def test_a_seed_repeats_bit_for_bit() -> None:
    first, again = (watch(scene(), 4, 5, generator(3)) for _ in range(2))
    assert torch.equal(first.frame, again.frame)
    assert not torch.equal(first.frame, watch(scene(), 4, 5, generator(4)).frame)


def test_factors_of_digits_work_here_too() -> None:
    env = shapes.make(
        batch_size=4,
        factors={"camera": "action", "camera_speed": 4, "world": 128, "morph": "same_class"},
    )
    env.reset()
    assert env.step(torch.ones(4, 4)).camera.abs().max().item() == pytest.approx(4 / 64)
    with pytest.raises(ValueError, match="unknown tier 'easy': choose one of shapes"):
        shapes.make(tier="easy")
