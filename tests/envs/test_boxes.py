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
