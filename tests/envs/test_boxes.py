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
    frame = torch.arange(2 * 40 * 60).view(1, 2, 40, 60).expand(5, -1, -1, -1)
    low = torch.tensor([[10.4, 5.0], [-7.0, 30.2], [55.0, -9.0], [500.0, 500.0], [torch.nan] * 2])
    high = low + torch.tensor([9.0, 12.0])
    part, top, left = boxes.cut(frame, low, high)
    assert part.shape == (5, 2, 14, 11)
    assert (left[0], top[0]) == (10, 5)
    for n in range(5):
        rows, columns = slice(top[n], top[n] + 14), slice(left[n], left[n] + 11)
        assert torch.equal(part[n], frame[n, :, rows, columns])
    # What matters and lies in the frame is in the part.
    first, last = low[:3, 0].clamp(min=0), (low[:3, 0] + 9).clamp(max=59)
    assert bool((left[:3] <= first).all())
    assert bool((last <= left[:3] + 10).all())


def test_a_part_as_large_as_the_frame_is_the_frame() -> None:
    frame = torch.rand(2, 1, 8, 8)
    part, top, left = boxes.cut(frame, torch.full((2, 2), -3.0), torch.full((2, 2), 30.0))
    assert part is frame
    assert not top.any()
    assert not left.any()
