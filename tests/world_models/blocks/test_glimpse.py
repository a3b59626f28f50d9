"""Reading and drawing windows."""

import math

import pytest
import torch

from envs.boxes import to_xyxy
from world_models.blocks.glimpse import (
    box_in_window,
    draw_glimpse,
    draw_part,
    read_glimpse,
    window_box,
)


def test_a_window_over_whole_pixels_reads_them_exactly() -> None:
    frame = torch.arange(64.0).view(1, 1, 8, 8)
    glimpse = read_glimpse(frame, torch.tensor([[4.0, 3.0, math.log(4.0)]]), 4)
    assert torch.allclose(glimpse, frame[:, :, 1:5, 2:6])


def test_drawing_undoes_reading_inside_the_window() -> None:
    frame = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))
    where = torch.tensor([[5.0, 6.0, math.log(6.0)]]).expand(2, 3)
    drawn = draw_glimpse(read_glimpse(frame, where, 6), where, (12, 10))
    expected = torch.zeros_like(frame)
    expected[:, :, 3:9, 2:8] = frame[:, :, 3:9, 2:8]
    assert torch.allclose(drawn, expected, atol=1e-5)


def test_no_objects_are_drawn_as_no_layers() -> None:
    """Dreams in which nothing lives are dreams, too."""
    assert draw_glimpse(torch.zeros(0, 2, 16, 16), torch.zeros(0, 3), (48, 40)).shape == (
        0,
        2,
        48,
        40,
    )


@pytest.mark.parametrize("side", [3.0, 11.3, 30.0, 200.0])
def test_what_is_drawn_of_parts_is_all_that_is_drawn(side: float) -> None:
    rng = torch.Generator().manual_seed(1)
    for _ in range(20):  # one by one: of many windows, only the widest fills its part
        glimpse = 1 + torch.rand(1, 2, 16, 16, generator=rng)
        centre = 60 * torch.rand(1, 2, generator=rng) - 10
        where = torch.cat([centre, torch.full((1, 1), math.log(side))], 1)
        part, top, left = draw_part(glimpse, where, (48, 40))
        height, width = part.shape[-2:]
        assert height <= min(side * 17 / 16 + 3, 48)
        whole = torch.zeros(1, 2, 48, 40)
        whole[..., int(top) : int(top) + height, int(left) : int(left) + width] = part
        torch.testing.assert_close(whole, draw_glimpse(glimpse, where, (48, 40)))


def test_drawing_agrees_with_a_sampling_grid() -> None:
    glimpse = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    glimpse[:, :, [0, -1]] = 0
    glimpse[:, :, :, [0, -1]] = 0
    where = torch.tensor([[20.3, 25.1, 2.9], [8.0, 40.2, 2.7], [30.0, 12.5, 3.1], [24, 24, 2.6]])
    side, centre = where[:, 2].exp(), where[:, :2] / 24 - 1
    theta = torch.zeros(4, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 48 / side
    theta[:, :, 2] = -centre * (48 / side)[:, None]
    grid = torch.nn.functional.affine_grid(theta, [4, 1, 48, 48], align_corners=False)
    expected = torch.nn.functional.grid_sample(glimpse, grid, align_corners=False)
    assert torch.allclose(draw_glimpse(glimpse, where, (48, 48)), expected, atol=1e-4)


def test_windows_pass_gradients() -> None:
    frame = torch.rand(1, 1, 7, 7, dtype=torch.float64)
    where = torch.tensor([[3.2, 3.6, 1.23]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: read_glimpse(frame, w, 4), where)
    glimpse = torch.rand(1, 1, 4, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda w: draw_glimpse(glimpse, w, (7, 7)), where)


@pytest.mark.parametrize("side", [2.0, 18.0, 30.0, 200.0])
def test_windows_are_read_alike_whether_they_are_cut_out_first_or_not(side: float) -> None:
    """Frames that learn are read whole. Windows lie within, across the edges, and far outside."""
    rng = torch.Generator().manual_seed(0)
    frame = torch.rand(60, 2, 40, 56, generator=rng)
    sides = math.log(side) + 0.3 * torch.randn(60, 2, generator=rng)
    where = torch.cat([140 * torch.rand(60, 2, generator=rng) - 45, sides], 1).requires_grad_()
    # One by one: of many the largest decides how much is cut out.
    alone = [read_glimpse(f[None], w[None], 10) for f, w in zip(frame, where, strict=True)]
    cut, whole = torch.cat(alone), read_glimpse(frame.requires_grad_(), where, 10)
    assert torch.allclose(cut, whole, atol=1e-6)
    slopes = [torch.autograd.grad(x.square().sum(), where)[0] for x in (cut, whole)]
    assert torch.allclose(*slopes, atol=1e-4, rtol=1e-4)
    assert side < 200 or bool((cut > 0).any())


def test_a_window_of_equal_sides_is_a_square_one_and_others_stretch() -> None:
    glimpse = torch.rand(1, 1, 4, 4)
    square = torch.tensor([[9.0, 8.0, math.log(8.0)]])
    same = torch.cat([square, square[:, 2:]], -1)
    wide = torch.tensor([[9.0, 8.0, math.log(16.0), math.log(8.0)]])
    drawn = draw_glimpse(glimpse, same, (16, 24))
    assert torch.equal(drawn, draw_glimpse(glimpse, square, (16, 24)))
    assert torch.equal(read_glimpse(drawn, same, 5), read_glimpse(drawn, square, 5))
    marks = draw_glimpse(torch.ones(1, 1, 4, 4), wide, (16, 24))[0, 0] > 0.5
    assert (marks.any(0).sum(), marks.any(1).sum()) == (16, 8)
    box = window_box(wide[0], torch.tensor([0.0, 0.0, 1.0, 1.0]), (16, 24))
    assert torch.allclose(box[2:], torch.tensor([16 / 24, 8 / 16]))


@pytest.mark.parametrize("size", [(48, 48), (32, 64)])
def test_the_box_of_a_whole_window_is_the_window(size: tuple[int, int]) -> None:
    where = torch.tensor([16.0, 12.0, math.log(8.0)])
    box = window_box(where, torch.tensor([0.0, 0.0, 1.0, 1.0]), size)
    height, width = size
    expected = torch.tensor([12 / width, 8 / height, 20 / width, 16 / height])
    assert torch.allclose(to_xyxy(box), expected)


@pytest.mark.parametrize("where_dim", [3, 4])
def test_a_box_is_the_part_of_its_window_that_it_was_made_of(
    where_dim: int, rng: torch.Generator
) -> None:
    where = torch.rand(5, where_dim, generator=rng) * 3
    extent = torch.tensor([[0.1, 0.2, 0.7, 0.9]]).expand(5, 4)
    box = window_box(where, extent, (24, 48))
    torch.testing.assert_close(box_in_window(box, where, (24, 48)), extent)
