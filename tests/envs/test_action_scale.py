import pytest
import torch

from envs.action_scale import ActionScale

SCALE = ActionScale(centre=0.5, size=0.2)


def test_move_by_hand() -> None:
    box = torch.tensor([[0.5, 0.4, 0.2, 0.1]])
    moved = SCALE.move(box, torch.tensor([[1.0, -0.5, 1.0, -1.0]]))
    expected = [[0.6, 0.375, 0.2 * 1.2214028, 0.1 * 0.8187308]]
    torch.testing.assert_close(moved, torch.tensor(expected))


def test_actions_beyond_one_are_clipped() -> None:
    box = torch.tensor([[0.5, 0.5, 0.2, 0.2]])
    far, full = torch.full((1, 4), 7.0), torch.ones(1, 4)
    assert torch.equal(SCALE.move(box, far), SCALE.move(box, full))


def test_a_moved_box_keeps_its_centre_in_the_frame_and_its_size_in_bounds() -> None:
    box = torch.tensor([[0.99, 0.01, 0.59, 0.061]])
    moved = ActionScale(size=0.4).move(box, torch.tensor([[1.0, -1.0, 1.0, -1.0]]))
    torch.testing.assert_close(moved, torch.tensor([[1.0, 0.0, 0.6, 0.06]]))


def test_the_action_to_a_near_box_moves_there(rng: torch.Generator) -> None:
    box = 0.3 + 0.2 * torch.rand(100, 4, generator=rng)
    action = 2 * torch.rand(100, 4, generator=rng) - 1
    goal = SCALE.move(box, action)
    torch.testing.assert_close(SCALE.action_to(box, goal), action, atol=1e-4, rtol=1e-4)


def test_a_far_box_is_approached_by_a_full_action() -> None:
    box = torch.tensor([[0.2, 0.5, 0.2, 0.2]])
    goal = torch.tensor([[0.9, 0.4, 0.0, 0.2]])
    action = SCALE.action_to(box, goal)
    torch.testing.assert_close(action, torch.tensor([[1.0, -1.0, -1.0, 0.0]]))


def test_without_a_size_gain_the_size_stays() -> None:
    box = torch.tensor([[0.5, 0.5, 0.2, 0.2]])
    goal = torch.tensor([[0.5, 0.5, 0.4, 0.1]])
    assert torch.equal(ActionScale(size=0.0).action_to(box, goal), torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"centre": 0.0}, "centre_gain must be positive"),
        ({"size": -0.1}, "size_gain not negative"),
        ({"min_size": 0.7}, "min_size must be above 0 and below max_size"),
    ],
)
def test_numbers_out_of_range_are_refused(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ActionScale(**given)
