"""Windows and the price of an object, told by first boxes."""

import math

import pytest
import torch

from world_models.air.choices.objects import choose_presence_prior, choose_windows


def _boxes(*sides: float) -> torch.Tensor:
    """Boxes of these widths in pixels of a frame of 50 x 100, and half as high."""
    return torch.tensor([[0.5, 0.5, side / 100, side / 2 / 50] for side in sides])


def test_windows_hold_all_but_the_largest_objects() -> None:
    boxes = _boxes(*range(11, 21))
    chosen = choose_windows(boxes, (50, 100))
    assert chosen["typical_side"] == 20
    assert 1.4 < chosen["window"] / chosen["typical_side"] < 1.7


def test_where_there_is_no_target_no_size_is_told() -> None:
    empty = torch.zeros(30, 4)
    assert choose_windows(empty, (50, 100)) == {}
    assert choose_windows(torch.cat([empty, _boxes(16, 16)]), (50, 100))["typical_side"] == 16
    frame = torch.zeros(30, 1, 50, 100, dtype=torch.uint8)
    assert choose_presence_prior(frame, empty, 0.12) == {}


def test_small_objects_are_seen_beside_few_large_ones() -> None:
    assert choose_windows(_boxes(*[10.0] * 18, 40.0, 40.0), (50, 100))["typical_side"] == 15


@pytest.mark.parametrize("channels", [1, 3])
def test_large_and_bright_objects_are_dear(channels: int) -> None:
    def price(side: int, brightness: int) -> float:
        frame = torch.zeros(4, channels, 50, 100, dtype=torch.uint8)
        frame[:, :, 25 - side // 4 : 25 + side // 4, 50 - side // 2 : 50 + side // 2] = brightness
        prior = choose_presence_prior(frame, _boxes(*[float(side)] * 4), 0.12)
        return -math.log(prior["presence_prior"])

    assert price(24, 110) < price(28, 110) < price(32, 130)
    assert price(28, 130) > 1.2 * price(28, 110)
