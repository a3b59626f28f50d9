"""Start moments of imagination."""

import torch

from world_models.air.bank import Bank
from world_models.air.objects.doubles import is_double


def _bank() -> Bank:
    """Three moments; the value of every field tells the moment and slot that it came from."""
    tag = torch.arange(3.0)[:, None] * 10 + torch.arange(2.0)
    valid = torch.tensor([[True, True], [True, False], [False, True]])
    return Bank(
        where=tag[..., None].expand(3, 2, 3),
        velocity=tag[..., None].expand(3, 2, 2),
        hidden=tag[..., None].expand(3, 2, 4),
        what=tag[..., None].expand(3, 2, 5),
        valid=valid,
        order=torch.tensor([[0, 1], [1, 0], [0, 1]]),
        z_bg=torch.arange(3.0)[:, None],
    )


def test_replayed_moments_stay_whole() -> None:
    drawn = _bank().draw(50, recombine=False, rng=torch.Generator().manual_seed(0))
    assert torch.equal(drawn.where[:, 0, 0] // 10, drawn.z_bg[:, 0])
    assert set(drawn.z_bg[:, 0].tolist()) == {0.0, 1.0, 2.0}


def test_recombined_objects_are_whole_and_valid_but_from_anywhere() -> None:
    drawn = _bank().draw(200, recombine=True, rng=torch.Generator().manual_seed(0))
    chosen = drawn.where[..., 0][drawn.valid]
    assert torch.equal(chosen, drawn.what[..., 0][drawn.valid])
    assert torch.equal(chosen, drawn.hidden[..., 0][drawn.valid])
    assert torch.equal(chosen, drawn.velocity[..., 0][drawn.valid])
    assert set(chosen.tolist()) == {0.0, 1.0, 10.0, 21.0}
    both = drawn.valid.all(-1)
    assert (drawn.where[both][:, 0, 0] // 10 != drawn.where[both][:, 1, 0] // 10).any()


def test_the_younger_of_two_slots_on_one_object_is_a_double() -> None:
    where = torch.tensor([[10.0, 10, 3], [12, 10, 3], [30, 30, 3]])
    alive, age = torch.tensor([1.0, 1, 1]), torch.tensor([5.0, 2, 9])
    assert is_double(where, alive, age).tolist() == [False, True, False]
    assert is_double(where, torch.tensor([0.0, 1, 1]), age).tolist() == [False, False, False]
