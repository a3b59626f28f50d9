"""The gradient written by hand against finite differences."""

import torch

from agents.hart.recurrence import Recurrence, Weights, step

BATCH, STEPS, CHANNELS, PLACES, VENTRAL = 2, 3, 4, 5, 3
MAPS, APPEARANCE, FEATURES, MEMORY, HIDDEN = 2, 6, 4, 5, 4


def inputs() -> tuple[torch.Tensor, ...]:
    shapes = [
        (STEPS, BATCH, CHANNELS, PLACES),
        (STEPS, BATCH, VENTRAL, PLACES),
        (BATCH, MEMORY),
        (BATCH, MEMORY),
        (BATCH, APPEARANCE),
        (MAPS * CHANNELS, APPEARANCE),
        (MAPS * CHANNELS,),
        (1, MAPS),
        (1,),
        (FEATURES, VENTRAL * PLACES),
        (FEATURES,),
        (4 * MEMORY, FEATURES),
        (4 * MEMORY, MEMORY),
        (4 * MEMORY,),
        (HIDDEN, MEMORY + PLACES),
        (HIDDEN,),
        (APPEARANCE, HIDDEN),
        (APPEARANCE,),
    ]
    return tuple((0.5 * torch.randn(s, dtype=torch.float64)).requires_grad_() for s in shapes)


def test_the_gradient_is_right() -> None:
    assert torch.autograd.gradcheck(Recurrence.apply, inputs(), fast_mode=True)


def test_it_is_the_lstm_and_the_convolution_that_it_says() -> None:
    v1, ventral, h, c, appearance, *weights = (x.detach() for x in inputs())
    w = Weights(*weights)
    now = step(w, v1[0], ventral[0], h, c, appearance)
    # Equation 3: a 1x1 convolution per episode, with filters made from its appearance.
    psi = (appearance[1] @ w.filters.T + w.filters_bias).view(MAPS, CHANNELS)
    maps = torch.nn.functional.conv1d(v1[0, 1:2], psi[:, :, None]).relu()
    torch.testing.assert_close(now.maps[1:], maps)
    # Equation 5: torch's own cell, whose gates come in the order input, forget, candidate, output.
    cell = torch.nn.LSTMCell(FEATURES, MEMORY).double()

    def reorder(x: torch.Tensor) -> torch.Tensor:
        input_gate, forget_gate, output_gate, candidate = x.chunk(4)
        return torch.cat([input_gate, forget_gate, candidate, output_gate])

    cell.load_state_dict(
        {
            "weight_ih": reorder(w.lstm_in),
            "weight_hh": reorder(w.lstm_back),
            "bias_ih": reorder(w.lstm_bias),
            "bias_hh": torch.zeros_like(w.lstm_bias),
        }
    )
    expected_h, expected_c = cell(now.features, (h, c))
    torch.testing.assert_close(now.h, expected_h)
    torch.testing.assert_close(now.c, expected_c)
