"""Advantages against numbers worked by hand."""

import torch

from agents.learning.returns import advantages

REWARD = torch.tensor([[1.0, 0.0, 2.0]])
VALUE = torch.tensor([[0.5, 1.0, 1.0]])
LAST = torch.tensor([4.0])


def test_without_a_future_it_is_reward_minus_value() -> None:
    result = advantages(REWARD, VALUE, LAST, gamma=0.0, gae_lambda=0.95)
    torch.testing.assert_close(result, torch.tensor([[0.5, -1.0, 1.0]]))


def test_a_table_worked_by_hand() -> None:
    # delta_2 = 2 + .5*4 - 1 = 3; delta_1 = 0 + .5*1 - 1 = -.5; delta_0 = 1 + .5*1 - .5 = 1
    # A_2 = 3; A_1 = -.5 + .25*3 = .25; A_0 = 1 + .25*.25 = 1.0625
    result = advantages(REWARD, VALUE, LAST, gamma=0.5, gae_lambda=0.5)
    torch.testing.assert_close(result, torch.tensor([[1.0625, 0.25, 3.0]]))


def test_lambda_one_is_the_return_minus_the_value() -> None:
    # Returns with the bootstrap: 2 + .5*4 = 4; 0 + .5*4 = 2; 1 + .5*2 = 2
    result = advantages(REWARD, VALUE, LAST, gamma=0.5, gae_lambda=1.0)
    torch.testing.assert_close(result, torch.tensor([[1.5, 1.0, 3.0]]))


def test_lambda_zero_is_the_one_step_error() -> None:
    result = advantages(REWARD, VALUE, LAST, gamma=0.5, gae_lambda=0.0)
    torch.testing.assert_close(result, torch.tensor([[1.0, -0.5, 3.0]]))
