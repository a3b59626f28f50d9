"""Backgrounds."""

import pytest
import torch
from torch import Tensor

from envs.simulator import textures


def test_clutter_is_as_dense_in_larger_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []

    def count(picture: Tensor, number: int, rng: torch.Generator) -> Tensor:
        pieces.append(number)
        return picture

    monkeypatch.setattr(textures, "_strew", count)
    for side in (24, 48):  # their periods are 48 and 96 pixels
        textures.backgrounds.__wrapped__(side, 1, 0.0, 4)
    assert pieces == [4, 16]
