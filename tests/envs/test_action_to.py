import torch

from envs import boxes


def test_the_action_to_a_near_box_moves_there(rng: torch.Generator) -> None:
    box = 0.3 + 0.2 * torch.rand(100, 4, generator=rng)
    action = 2 * torch.rand(100, 4, generator=rng) - 1
    goal = boxes.move(box, action, 0.5, 0.2)
    torch.testing.assert_close(boxes.action_to(box, goal, 0.5, 0.2), action, atol=1e-4, rtol=1e-4)


def test_a_far_box_is_approached_by_a_full_action() -> None:
    box = torch.tensor([[0.2, 0.5, 0.2, 0.2]])
    goal = torch.tensor([[0.9, 0.4, 0.0, 0.2]])
    action = boxes.action_to(box, goal, 0.5, 0.2)
    torch.testing.assert_close(action, torch.tensor([[1.0, -1.0, -1.0, 0.0]]))


def test_without_a_size_gain_the_size_stays() -> None:
    box = torch.tensor([[0.5, 0.5, 0.2, 0.2]])
    goal = torch.tensor([[0.5, 0.5, 0.4, 0.1]])
    assert torch.equal(boxes.action_to(box, goal, 0.5, 0.0), torch.zeros(1, 4))
