"""Episodes cut short."""

import dataclasses

import torch

from tests.dyna.diagnosis.test_measure import episodes


def test_the_first_frames_keep_the_box_after_the_last_action() -> None:
    whole = dataclasses.replace(episodes(horizon=6, number=3), extras={"value": torch.zeros(3, 6)})
    short = whole.first(4)
    assert (short.horizon, short.box.shape[1]) == (4, 5)
    assert torch.equal(short.box, whole.box[:, :5])
    assert torch.equal(short.reward, whole.reward[:, :4])
    assert (short.extras, short.labels) == ({}, None)
    assert whole.truth is not None
    assert short.truth is not None
    assert torch.equal(short.truth.box, whole.truth.box[:, :4])
    assert torch.equal(short.truth.target, whole.truth.target)
    assert whole.without_truth().first(2).truth is None
    assert whole.truth.first(None).visible.shape == whole.truth.visible.shape


def test_episodes_are_spread_evenly_over_all() -> None:
    many = episodes(horizon=3, number=10)
    some = many.spread(4)
    assert torch.equal(some.box, many.box[[0, 2, 5, 7]])
    assert many.spread(10) is many
