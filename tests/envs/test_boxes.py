import pytest
import torch

from envs import boxes


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0.5, 0.5, 0.2, 0.2), (0.5, 0.5, 0.2, 0.2), 1.0),
        ((0.5, 0.5, 0.2, 0.2), (0.6, 0.5, 0.2, 0.2), 1 / 3),
        ((0.5, 0.5, 0.2, 0.2), (0.6, 0.6, 0.2, 0.2), 1 / 7),
        ((0.5, 0.5, 0.4, 0.4), (0.5, 0.5, 0.2, 0.2), 0.25),
        ((0.5, 0.5, 0.4, 0.1), (0.5, 0.5, 0.1, 0.4), 1 / 7),
        ((0.5, 0.5, 0.2, 0.2), (0.7, 0.5, 0.2, 0.2), 0.0),
        ((0.2, 0.2, 0.1, 0.1), (0.8, 0.8, 0.1, 0.1), 0.0),
        ((0.5, 0.5, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0), 0.0),
    ],
)
def test_iou_by_hand(a: tuple, b: tuple, expected: float) -> None:
    a, b = torch.tensor(a), torch.tensor(b)
    assert boxes.iou(a, b).item() == pytest.approx(expected, abs=1e-5)
    assert boxes.iou(b, a).item() == pytest.approx(expected, abs=1e-5)


def test_corners_and_back() -> None:
    box = torch.tensor([0.5, 0.4, 0.2, 0.1])
    corners = boxes.to_xyxy(box)
    torch.testing.assert_close(corners, torch.tensor([0.4, 0.35, 0.6, 0.45]))
    torch.testing.assert_close(boxes.from_xyxy(corners), box)


def test_clipping_to_the_frame() -> None:
    box = torch.tensor([[0.0, 0.5, 0.2, 0.2], [1.5, 0.5, 0.2, 0.2]])
    clipped = boxes.clip_to_frame(box)
    torch.testing.assert_close(clipped[0], torch.tensor([0.05, 0.5, 0.1, 0.2]))
    assert clipped[1, 2] == 0


def test_parts_of_frames_hold_what_lies_between_their_corners() -> None:
    """Every pixel that a corner touches, of each frame alone and of all at once."""
    rng = torch.Generator().manual_seed(0)
    size = torch.tensor([60, 40])  # width, height
    low = 90 * torch.rand(200, 2, generator=rng) - 20
    high = low + 20 * torch.rand(200, 2, generator=rng)
    frame = torch.arange(2 * 40 * 60).view(1, 2, 40, 60).expand(200, -1, -1, -1)
    for chosen in (slice(0, 200), *(slice(n, n + 1) for n in range(200))):
        part, top, left = boxes.cut(frame[chosen], low[chosen], high[chosen])
        begin, end = torch.stack([left, top], 1), torch.tensor([part.shape[-1], part.shape[-2]])
        first, last = low[chosen].floor(), high[chosen].ceil()
        seen = (last >= 0) & (first < size)
        assert bool((begin <= first.clamp(min=0))[seen].all())
        assert bool((begin + end > last.minimum(size - 1))[seen].all())
        for n in range(len(part)):
            rows = slice(top[n], top[n] + part.shape[-2])
            columns = slice(left[n], left[n] + part.shape[-1])
            assert torch.equal(part[n], frame[n, :, rows, columns])


def test_corners_that_are_no_numbers_do_no_harm() -> None:
    low = torch.tensor([[3.0, 2.0], [torch.nan, torch.nan]])
    part, top, left = boxes.cut(torch.rand(2, 1, 20, 20), low, low + 4)
    assert part.shape == (2, 1, 7, 7)
    assert (int(left[0]), int(top[0])) == (3, 2)


def test_a_part_as_large_as_the_frame_is_the_frame() -> None:
    frame = torch.rand(2, 1, 8, 8)
    part, top, left = boxes.cut(frame, torch.full((2, 2), -3.0), torch.full((2, 2), 30.0))
    assert part is frame
    assert not top.any()
    assert not left.any()
