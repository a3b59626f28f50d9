"""The part of HART that must run step by step, with its gradient written by hand.

Autograd would compute the gradient of every weight anew at each step; here the backward pass
carries only the memory's gradient through time, and each weight's gradient is one product over all
steps at its end. That halves the time of an update. A test holds it against autograd.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


class Weights(NamedTuple):
    """Weights of one step; equation numbers are HART's.

    Attributes:
        filters: Appearance to dynamic filters (3), with bias.
        location: Dynamic maps to the logit of the location map, with bias.
        features: Masked ventral maps to ``v_t`` (4), with bias.
        lstm_in: ``v_t`` to the four gates of the LSTM (5), with the bias of the gates.
        lstm_back: Last output to the four gates.
        hidden: Output and location map to the hidden layer of equation 6, with bias.
        appearance: Hidden layer to the next appearance, with bias.
    """

    filters: Float[Tensor, "MC E"]
    filters_bias: Float[Tensor, " MC"]
    location: Float[Tensor, "1 M"]
    location_bias: Float[Tensor, " 1"]
    features: Float[Tensor, "F VP"]
    features_bias: Float[Tensor, " F"]
    lstm_in: Float[Tensor, "4D F"]
    lstm_back: Float[Tensor, "4D D"]
    lstm_bias: Float[Tensor, " 4D"]
    hidden: Float[Tensor, "H DP"]
    hidden_bias: Float[Tensor, " H"]
    appearance: Float[Tensor, "E H"]
    appearance_bias: Float[Tensor, " E"]


class Activations(NamedTuple):
    """Everything that one step computes; each is kept for the backward pass."""

    psi: Float[Tensor, "B M C"]
    maps: Float[Tensor, "B M P"]
    location: Float[Tensor, "B P"]
    masked: Float[Tensor, "B VP"]
    features: Float[Tensor, "B F"]
    gates: Float[Tensor, "B 3D"]
    candidate: Float[Tensor, "B D"]
    c: Float[Tensor, "B D"]
    squashed: Float[Tensor, "B D"]
    h: Float[Tensor, "B D"]
    hidden: Float[Tensor, "B H"]
    appearance: Float[Tensor, "B E"]


class Gradients(NamedTuple):
    """Gradients of what a step computes before its non-linearities, one step or ``T`` stacked."""

    appearance: Float[Tensor, "*T B E"]
    hidden: Float[Tensor, "*T B H"]
    gates: Float[Tensor, "*T B 4D"]
    features: Float[Tensor, "*T B F"]
    masked: Float[Tensor, "*T B V P"]
    location: Float[Tensor, "*T B P"]
    maps: Float[Tensor, "*T B M P"]
    psi: Float[Tensor, "*T B MC"]


def step(
    w: Weights,
    v1: Float[Tensor, "B C P"],
    ventral: Float[Tensor, "B V P"],
    h: Float[Tensor, "B D"],
    c: Float[Tensor, "B D"],
    appearance: Float[Tensor, "B E"],
    zoneout: Float[Tensor, "B 2 D"] | Float[Tensor, "B 2 1"] | None = None,
) -> Activations:
    """Equations 3 to 6 for one frame. The last map of ``v1`` is all ones: the filters' bias.

    The LSTM's gates come in the order input, forget, output, candidate. ``zoneout``
    (Krueger et al. 2017) is how much of the last output and cell (in this order) stays.
    """
    psi = torch.addmm(w.filters_bias, appearance, w.filters.t())
    psi = psi.view(len(v1), -1, v1.shape[1])
    maps = torch.bmm(psi, v1).relu()
    location = torch.sigmoid(torch.matmul(w.location, maps)[:, 0] + w.location_bias)
    masked = (ventral * location[:, None]).flatten(1)
    features = F.elu(torch.addmm(w.features_bias, masked, w.features.t()))
    gates = torch.addmm(w.lstm_bias, features, w.lstm_in.t()).addmm(h, w.lstm_back.t())
    size = h.shape[1]
    candidate = torch.tanh(gates[:, 3 * size :])
    gates = torch.sigmoid(gates[:, : 3 * size])
    input_gate, forget_gate, output_gate = gates.split(size, dim=1)
    last_h, last_c = h, c
    c = forget_gate * c + input_gate * candidate
    squashed = torch.tanh(c)
    h = output_gate * squashed
    if zoneout is not None:
        h, c = h.lerp(last_h, zoneout[:, 0]), c.lerp(last_c, zoneout[:, 1])
    hidden = torch.addmm(w.hidden_bias, torch.cat([h, location], 1), w.hidden.t())
    hidden = F.elu(hidden)
    appearance = torch.tanh(torch.addmm(w.appearance_bias, hidden, w.appearance.t()))
    return Activations(
        psi, maps, location, masked, features, gates, candidate, c, squashed, h, hidden, appearance
    )


def weight_gradients(
    x: Activations, d: Gradients, h_0: Float[Tensor, "B D"], appearance_0: Float[Tensor, "B E"]
) -> Weights:
    """The gradient of every weight, each one product over all steps (``T B ...`` in both)."""

    def product(delta: Tensor, inputs: Tensor) -> Tensor:
        return delta.flatten(0, 1).t() @ inputs.flatten(0, 1)

    h_before = torch.cat([h_0[None], x.h[:-1]])
    appearance_before = torch.cat([appearance_0[None], x.appearance[:-1]])
    return Weights(
        filters=product(d.psi, appearance_before),
        filters_bias=d.psi.sum((0, 1)),
        location=torch.einsum("tbp,tbmp->m", d.location, x.maps)[None],
        location_bias=d.location.sum()[None],
        features=product(d.features, x.masked),
        features_bias=d.features.sum((0, 1)),
        lstm_in=product(d.gates, x.features),
        lstm_back=product(d.gates, h_before),
        lstm_bias=d.gates.sum((0, 1)),
        hidden=product(d.hidden, torch.cat([x.h, x.location], -1)),
        hidden_bias=d.hidden.sum((0, 1)),
        appearance=product(d.appearance, x.hidden),
        appearance_bias=d.appearance.sum((0, 1)),
    )


class Recurrence(torch.autograd.Function):
    """All steps of B episodes: ``(v1, ventral, h, c, appearance, *weights)`` to what is read out.

    Time comes first here. Gives location maps ``T B P``, outputs ``T B D`` and hidden ``T B H``.
    """

    @staticmethod
    def forward(
        ctx: Any,
        v1: Tensor,
        ventral: Tensor,
        h: Tensor,
        c: Tensor,
        appearance: Tensor,
        *ws: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All steps; everything that they computed is kept."""
        w = Weights(*ws)
        steps: list[Activations] = []
        start = (h, c, appearance)
        for v1_t, ventral_t in zip(v1.unbind(), ventral.unbind(), strict=True):
            now = step(w, v1_t, ventral_t, h, c, appearance)
            h, c, appearance = now.h, now.c, now.appearance
            steps.append(now)
        stacked = Activations(*(torch.stack(x) for x in zip(*steps, strict=True)))
        ctx.save_for_backward(v1, ventral, *start, *ws, *stacked)
        return stacked.location, stacked.h, stacked.hidden

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        """From gradients of what was read out to gradients of all inputs."""
        saved = ctx.saved_tensors
        v1, ventral, h_0, c_0, appearance_0 = saved[:5]
        w = Weights(*saved[5 : 5 + len(Weights._fields)])
        x = Activations(*saved[5 + len(Weights._fields) :])
        d_location, d_h, d_hidden = (g.unbind() for g in grads)
        size, steps = h_0.shape[1], len(v1)
        c_before = torch.cat([c_0[None], x.c[:-1]])
        # Slopes of all non-linearities, for all steps at once.
        appearance_slope = (1 - x.appearance.square()).unbind()
        hidden_slope = torch.where(x.hidden > 0, 1.0, x.hidden + 1).unbind()
        features_slope = torch.where(x.features > 0, 1.0, x.features + 1).unbind()
        location_slope = (x.location * (1 - x.location)).unbind()
        on = (x.maps > 0).to(x.maps.dtype) * w.location[0][:, None]
        input_gate, forget_gate, output_gate = x.gates.split(size, dim=-1)
        # dc to the gates input, forget and candidate, and dh to the output gate and to c.
        from_c = torch.cat(
            [
                x.candidate * input_gate * (1 - input_gate),
                c_before * forget_gate * (1 - forget_gate),
                input_gate * (1 - x.candidate.square()),
            ],
            dim=-1,
        ).unflatten(-1, (3, size))
        to_output = (x.squashed * output_gate * (1 - output_gate)).unbind()
        to_c = (output_gate * (1 - x.squashed.square())).unbind()
        from_c, forget_gate, on_t = from_c.unbind(), forget_gate.unbind(), on.unbind()
        v1_t, ventral_t = v1.transpose(2, 3).unbind(), ventral.unbind()
        carried_h = torch.zeros_like(h_0)
        carried_c = torch.zeros_like(c_0)
        carried_a = torch.zeros_like(appearance_0)
        kept: list[Gradients] = []
        for t in range(steps - 1, -1, -1):
            d_a = carried_a * appearance_slope[t]
            d_r = torch.addmm(d_hidden[t], d_a, w.appearance) * hidden_slope[t]
            back = d_r @ w.hidden
            dh = back[:, :size] + d_h[t] + carried_h
            dc = torch.addcmul(carried_c, dh, to_c[t])
            gates = dc[:, None] * from_c[t]
            d_gates = torch.cat([gates[:, :2].flatten(1), dh * to_output[t], gates[:, 2]], dim=1)
            carried_h = d_gates @ w.lstm_back
            carried_c = dc * forget_gate[t]
            d_f = (d_gates @ w.lstm_in) * features_slope[t]
            d_masked = (d_f @ w.features).view_as(ventral_t[t])
            d_s = (d_masked * ventral_t[t]).sum(1) + back[:, size:] + d_location[t]
            d_logit = d_s * location_slope[t]
            d_maps = on_t[t] * d_logit[:, None]
            d_psi = torch.bmm(d_maps, v1_t[t]).flatten(1)
            carried_a = d_psi @ w.filters
            kept.append(Gradients(d_a, d_r, d_gates, d_f, d_masked, d_logit, d_maps, d_psi))
        deltas = Gradients(*(torch.stack(each[::-1]) for each in zip(*kept, strict=True)))
        by_weight = weight_gradients(x, deltas, h_0, appearance_0)
        d_v1 = x.psi.transpose(2, 3) @ deltas.maps
        d_ventral = deltas.masked * x.location[:, :, None]
        return (d_v1, d_ventral, carried_h, carried_c, carried_a, *by_weight)
