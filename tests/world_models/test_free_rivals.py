"""The world models that learn nothing: what they show must be where they say."""

import pytest
import torch

from envs.trajectory import Trajectory
from world_models.base import WorldModel
from world_models.blocks import bouncing
from world_models.cut_paste import CutPaste, fill
from world_models.rigid import Rigid, translate

SIZE = 24
MODELS = [Rigid, CutPaste]


def squares(channels: int = 1, episodes: int = 5) -> Trajectory:
    """Episodes whose first frame shows one bright 4x6 rectangle on black; later ones are noise."""
    frame = torch.randint(0, 255, (episodes, 3, channels, SIZE, SIZE), dtype=torch.uint8)
    box = torch.full((episodes, 4, 4), torch.nan)
    frame[:, 0] = 0
    for i in range(episodes):
        left, top = 3 + 2 * i, 5 + i
        frame[i, 0, :, top : top + 6, left : left + 4] = 200
        corners = torch.tensor([left + 2.0, top + 3.0, 4.0, 6.0])
        box[i, 0] = corners / SIZE
    empty = torch.zeros(episodes, 3)
    return Trajectory(frame, box, torch.zeros(episodes, 3, 4), empty, torch.zeros(episodes, 3, 2))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", MODELS)
def test_the_named_box_is_where_the_bright_pixels_are(
    kind: type[WorldModel], channels: int, rng: torch.Generator
) -> None:
    options = {"max_objects": 1} if kind is CutPaste else {}
    model = kind((channels, SIZE, SIZE), **options)
    model.fit(squares(channels), rng)
    state = model.start(16, rng)
    for _ in range(10):
        state = model.prior(state, rng)
        view = model.decode(state)
        assert view.frame.shape == (16, channels, SIZE, SIZE)
        corner = (view.box[:, 0, :2] - view.box[:, 0, 2:] / 2) * SIZE
        for i, (left, top) in enumerate(corner.round().long().tolist()):
            left, top = max(left, 0), max(top, 0)
            assert (view.frame[i, :, top : top + 6, left : left + 4] == 200).all()


@pytest.mark.parametrize("kind", MODELS)
def test_only_first_frames_and_first_boxes_are_read(
    kind: type[WorldModel], rng: torch.Generator
) -> None:
    real = squares()
    other = Trajectory(
        frame=torch.cat([real.frame[:, :1], 255 - real.frame[:, 1:]], 1),
        box=real.box,
        action=real.action * torch.nan,
        reward=real.reward * torch.nan,
        camera=real.camera,
    )
    frames = []
    for episodes in (real, other):
        model = kind((1, SIZE, SIZE))
        model.fit(episodes, rng)
        draws = torch.Generator().manual_seed(3)
        frames.append(model.decode(model.prior(model.start(8, draws), draws)).frame)
    assert torch.equal(*frames)


@pytest.mark.parametrize("kind", MODELS)
def test_its_state_comes_back(kind: type[WorldModel], rng: torch.Generator) -> None:
    model, other = kind((1, SIZE, SIZE)), kind((1, SIZE, SIZE))
    model.fit(squares(), rng)
    other.load_state_dict(model.state_dict())
    views = []
    for each in (model, other):
        draws = torch.Generator().manual_seed(3)
        views.append(each.decode(each.start(8, draws)))
    assert torch.equal(views[0].frame, views[1].frame)
    assert torch.equal(views[0].box, views[1].box)


@pytest.mark.parametrize("kind", MODELS)
def test_it_says_that_fit_must_come_first(kind: type[WorldModel], rng: torch.Generator) -> None:
    with pytest.raises(ValueError, match="call fit"):
        kind((1, SIZE, SIZE)).start(2, rng)


def test_the_front_object_is_whole_and_those_behind_are_hidden_as_far_as_covered(
    rng: torch.Generator,
) -> None:
    model = CutPaste((1, SIZE, SIZE), max_objects=2)
    model.fit(squares(), rng)
    state = model.start(4, rng)
    box = state.box.clone()
    box[:, 0, :2] = box[:, 1, :2] = 0.5
    view = model.decode(state._replace(box=box, present=torch.ones(4, 2, dtype=torch.bool)))
    assert view.visible[:, 1].eq(1).all()
    assert (view.visible[:, 0] < 0.3).all()


def test_objects_are_one_to_k_and_evenly_many(rng: torch.Generator) -> None:
    model = CutPaste((1, SIZE, SIZE), max_objects=3)
    model.fit(squares(), rng)
    count = (model.decode(model.start(3000, rng)).id >= 0).sum(1)
    share = torch.bincount(count, minlength=4) / 3000
    torch.testing.assert_close(share, torch.tensor([0, 1 / 3, 1 / 3, 1 / 3]), atol=0.04, rtol=0)


def test_dreams_begin_anywhere_inside_the_frame(rng: torch.Generator) -> None:
    model = CutPaste((1, SIZE, SIZE), max_objects=2)
    model.fit(squares(), rng)
    box = model.start(500, rng).box
    room = (box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2)
    assert -1e-5 < room[0].min() < 0.02
    assert 0.98 < room[1].max() < 1 + 1e-5
    assert box[..., :2].mean().item() == pytest.approx(0.5, abs=0.03)


def test_translation_mirrors_at_the_edge() -> None:
    row = torch.tensor([10, 20, 30, 40], dtype=torch.uint8)
    moved = translate(row.expand(1, 1, 4, 4), torch.tensor([[2, 0]]))
    assert moved[0, 0, 0].tolist() == [30, 20, 10, 20]


def test_filling_a_ramp_gives_the_ramp_back() -> None:
    ramp = torch.arange(0, 160, 10, dtype=torch.uint8).expand(1, 16, 16)
    spoiled = ramp.clone()
    spoiled[:, 4:10, 5:9] = 255
    change = fill(spoiled, 5, 4, 4, 6).int() - ramp.int()
    assert change.abs().max() <= 12
    assert fill(spoiled, 0, 0, 16, 16).equal(spoiled)  # no rim: nothing to fill from


def test_a_gap_between_two_sides_is_bridged_in_a_line() -> None:
    picture = torch.full((1, 6, 9), 255, dtype=torch.uint8)
    picture[..., :3], picture[..., 6:] = 40, 120
    assert fill(picture, 3, 0, 3, 6)[0, 2].tolist() == [40, 40, 40, 60, 80, 100, 120, 120, 120]


def test_flying_boxes_stay_inside_at_the_stated_speed(rng: torch.Generator) -> None:
    box = torch.tensor([0.5, 0.5, 0.2, 0.3]).repeat(500, 1)
    velocity = bouncing.launch((500,), rng)
    speeds = []
    for _ in range(30):
        before = box
        box, velocity = bouncing.fly(box, velocity, rng)
        speeds.append((box - before)[:, :2].norm(dim=-1))
        assert (box[:, :2] - box[:, 2:] / 2 >= -1e-6).all()
        assert (box[:, :2] + box[:, 2:] / 2 <= 1 + 1e-6).all()
    assert abs(speeds[0].mean() - bouncing.SPEED) < 0.003
