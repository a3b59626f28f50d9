"""HART: hierarchical attentive recurrent tracking (Kosiorek, Bewley and Posner, NIPS 2017).

Equation numbers are the paper's. Where the paper learns from boxes, this policy learns from
rewards, and one thing changes for that: attention is anchored at the policy's own (acted) box
instead of being a sum of its own updates, so the glimpse always shows the present error. The
update ``tanh(c) * delta_a`` of equation 7 moves the window against that anchor if asked for.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from agents.hart.correlation import MAPS, matches
from agents.hart.recurrence import Activations, Recurrence, Weights
from agents.hart.recurrence import step as recurrent_step
from agents.hart.settings import HARTSettings
from agents.hart.state import HARTState, Inspection
from agents.learning import attention
from agents.learning.policy import Decision, RecurrentPolicy, Sight, Trace
from envs.trajectory import Observation

DYNAMIC_MAPS = 6
VENTRAL_MAPS = 8
APPEARANCE = 32
HIDDEN = 64


class HART(RecurrentPolicy[HARTState]):
    """Spatial attention, V1, ventral and dorsal streams, LSTM, appearance, box update.

    Args:
        frame_shape: (C, H, W) of the frames.
        settings: Keys of `HARTSettings`.

    Raises:
        ValueError: A size is out of range.
    """

    Settings = HARTSettings

    def __init__(self, frame_shape: tuple[int, int, int], **settings: Any) -> None:
        super().__init__()
        chosen = HARTSettings(**settings)
        first, last = chosen.channels
        self.glimpse = chosen.glimpse
        self.side = chosen.glimpse // 2
        places = self.side**2
        self.fixed_window = not (chosen.learn_scale or chosen.attention_update)
        self.attention_update = chosen.attention_update
        self.zoneout, self.dropout, self.template = chosen.zoneout, chosen.dropout, chosen.template
        self.log_scale = nn.Parameter(torch.full((2,), math.log(chosen.scale)), chosen.learn_scale)
        self.update_gain = nn.Parameter(torch.full((4,), 0.1), chosen.attention_update)
        self.v1 = attention.convolutions(frame_shape[0], first, last)
        self.ventral = nn.Conv1d(last, VENTRAL_MAPS, 1)
        self.filters = nn.Linear(APPEARANCE, DYNAMIC_MAPS * (last + 1))
        self.location = nn.Linear(DYNAMIC_MAPS, 1)
        nn.init.ones_(self.location.bias)  # the location map starts open
        if not chosen.appearance:  # ... and stays so: a sigmoid of 20 is 1 without a slope
            nn.init.zeros_(self.location.weight)
            nn.init.constant_(self.location.bias, 20.0)
            self.location.requires_grad_(False)
        self.ventral_maps = VENTRAL_MAPS + MAPS * chosen.template
        self.to_features = nn.Linear(self.ventral_maps * places, chosen.features)
        self.lstm_in = nn.Linear(chosen.features, 4 * chosen.memory)
        self.lstm_back = nn.Linear(chosen.memory, 4 * chosen.memory, bias=False)
        self._begin_memory(chosen.keep_bias)
        self.first_appearance = nn.Linear(last, APPEARANCE)
        self.first_memory = nn.Linear(self.ventral_maps * places, 2 * chosen.memory)
        self.read_out = nn.Linear(chosen.memory + places, HIDDEN)
        self.next_appearance = nn.Linear(HIDDEN, APPEARANCE)
        self.next_shift = nn.Linear(HIDDEN, 4)
        self.box_update = nn.Linear(HIDDEN, 4)
        for layer in (self.next_shift, self.box_update):
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight.mul_(0.1)
        pace = chosen.size_pace
        self.register_buffer("caution", torch.tensor([1.0, 1.0, pace, pace]))
        into = nn.Linear(chosen.memory + places, HIDDEN)
        self.value = nn.Sequential(into, nn.ELU(), nn.Linear(HIDDEN, 1))

    @torch.no_grad()
    def _begin_memory(self, keep_bias: float) -> None:
        """Draws the LSTM's input weights as torch's own cell does."""
        memory = self.lstm_back.in_features
        for parameter in (self.lstm_in.weight, self.lstm_in.bias):
            nn.init.uniform_(parameter, -(memory**-0.5), memory**-0.5)
        self.lstm_in.bias[memory : 2 * memory] += keep_bias

    def window(
        self, box: Float[Tensor, "N 4"], shift: Float[Tensor, "N 4"] | None = None
    ) -> Tensor:
        """The attended window ``a_t`` around the own box (equation 7, anchored at the box)."""
        centre, size = box[:, :2], box[:, 2:]
        if self.attention_update and shift is not None:
            shift = torch.tanh(self.update_gain) * shift
            centre = centre + shift[:, :2] * size
            size = size * shift[:, 2:].exp()
        return torch.cat([centre, size * self.log_scale.exp()], dim=-1)

    def prepare(self, frame: UInt8[Tensor, "B T C H W"], box: Float[Tensor, "B T 4"]) -> Sight:
        """Glimpses at the boxes, unless the window has parameters of its own."""
        if not self.fixed_window:
            return {"frame": frame, "box": box}
        with torch.no_grad():
            flat = {"frame": frame.flatten(0, 1), "box": box.flatten(0, 1)}
            glimpse = self._glimpse(flat)
        glimpse = glimpse.unflatten(0, box.shape[:2])
        if not self.template or box.shape[1] == 1:
            return {"glimpse": glimpse}
        match = [self._match(each, glimpse[:, 0]) for each in glimpse.unbind(1)]
        return {"glimpse": glimpse, "match": torch.stack(match, 1)}

    def initial(self, sight: Sight) -> HARTState:
        """Starts the memory from the first sight, where the box is the target's."""
        return self._start({k: v[:, 0] for k, v in sight.items()})

    def step(self, sight: Sight, state: HARTState) -> tuple[Decision, HARTState]:
        """Equations 2 to 8 for one frame."""
        now = {k: v[:, 0] for k, v in sight.items()}
        v1, ventral = self._see(now, state.first, state.shift)
        found, state = self._recur(v1, ventral, state)
        return self._decide(found.h, found.location, found.hidden), state

    def unroll(self, sight: Sight) -> Decision:
        """All steps of whole episodes; only what needs the memory runs step by step."""
        return self._decide(*self._unfold(sight)[:3])

    def trace(self, sight: Sight, box: Float[Tensor, "B T 4"]) -> Trace:
        """``unroll`` with what supervision judges beside the decision.

        Args:
            sight: What is seen.
            box: The own boxes.
        """
        h, location, hidden, shift = self._unfold(sight)
        window = self.window(box.flatten(0, 1), None if shift is None else shift.flatten(0, 1))
        filters = self.filters(torch.tanh(self.next_appearance(hidden)))
        decision = self._decide(h, location, hidden)
        return Trace(decision, location, window.unflatten(0, box.shape[:2]), filters)

    def noise(self, batch: int, times: int, rng: torch.Generator) -> Sight:
        """Masks of dropout and zoneout."""
        sight, device = {}, rng.device
        if self.dropout:
            shape = (batch, times, self.ventral_maps, self.side**2)
            kept = torch.rand(shape, generator=rng, device=device) >= self.dropout
            sight["dropout"] = kept / (1 - self.dropout)
        if self.zoneout:
            shape = (batch, times, 2, self.lstm_back.in_features)
            stay = torch.rand(shape, generator=rng, device=device) < self.zoneout
            sight["zoneout"] = stay.to(self.lstm_back.weight.dtype)
        return sight

    def _unfold(self, sight: Sight) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Output, location map, hidden layer, and shift of the window if it moves: ``B T ...``."""
        sight = {name: x.transpose(0, 1) for name, x in sight.items()}
        if self.attention_update or self.zoneout:
            return self._unfold_stepwise(sight)
        times, batch = next(iter(sight.values())).shape[:2]
        flat = {name: x.flatten(0, 1) for name, x in sight.items()}
        first = self._glimpse({k: v[0] for k, v in sight.items()})
        seen = self._see(flat, first.repeat(times, 1, 1, 1))
        v1, ventral = (x.unflatten(0, (times, batch)) for x in seen)
        state = self._begin(v1[0], ventral[0], first)
        location, h, hidden = Recurrence.apply(
            v1, ventral, state.h, state.c, state.appearance, *self._weights()
        )
        return h.transpose(0, 1), location.transpose(0, 1), hidden.transpose(0, 1), None

    def _unfold_stepwise(self, sight: Sight) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The same where the memory moves the window, so that even glimpses wait for it."""
        kept = []
        state = self._start({k: v[0] for k, v in sight.items()})
        for t in range(len(next(iter(sight.values())))):
            now = {k: v[t] for k, v in sight.items()}
            shift = state.shift
            v1, ventral = self._see(now, state.first, shift)
            found, state = self._recur(v1, ventral, state, now.get("zoneout"))
            kept.append((found.h, found.location, found.hidden, shift))
        h, location, hidden, shift = (torch.stack(x, 1) for x in zip(*kept, strict=True))
        return h, location, hidden, shift

    @torch.no_grad()
    def inspect(self, obs: Observation, state: HARTState) -> Inspection:
        """What HART would attend to in this frame, for pictures."""
        window = self.window(obs.box, state.shift)
        glimpse = attention.extract(obs.frame, window, self.glimpse)
        found, _ = self._recur(*self._see({"glimpse": glimpse}, state.first), state)
        location = found.location.unflatten(-1, (self.side, self.side))
        return Inspection(window, glimpse, location)

    def _glimpse(self, now: Sight, shift: Tensor | None = None) -> Tensor:
        if "glimpse" in now:
            return now["glimpse"]
        window = self.window(now["box"], shift)
        return attention.extract(now["frame"], window, self.glimpse)

    def _match(self, glimpse: Tensor, first: Tensor) -> Float[Tensor, "N M S S"]:
        return matches(glimpse, first, float(self.log_scale[0].detach().exp()), self.side)

    def _see(
        self, now: Sight, first: Tensor, shift: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The streams of one sight (``N ...``), with dropout if that is a part of it."""
        glimpse = self._glimpse(now, shift)
        v1, ventral = self._streams(glimpse)
        if self.template:
            match = now["match"] if "match" in now else self._match(glimpse, first)
            ventral = torch.cat([ventral, match.flatten(2)], 1)
        return v1, ventral * now["dropout"] if "dropout" in now else ventral

    def _streams(
        self, glimpse: Float[Tensor, "N C G G"]
    ) -> tuple[Float[Tensor, "N F P"], Float[Tensor, "N V P"]]:
        """V1, with a last map of ones for the filters' biases, and on it the ventral stream."""
        v1 = self.v1((glimpse - 0.25) * 3.0).flatten(2)
        return torch.cat([v1, torch.ones_like(v1[:, :1])], dim=1), self.ventral(v1)

    def _start(self, now: Sight) -> HARTState:
        first = self._glimpse(now)
        return self._begin(*self._see(now, first), first)

    def _begin(self, v1: Tensor, ventral: Tensor, first: Tensor) -> HARTState:
        """The first memory, from what lies inside the box in the first glimpse."""
        middle = (torch.arange(self.side, device=v1.device) + 0.5) / self.side - 0.5
        inside = middle.abs() * 2 * self.log_scale.detach().exp()[:, None] <= 1
        mask = (inside[1][:, None] & inside[0]).flatten().to(v1.dtype)
        appearance = self.first_appearance((v1[:, :-1] * mask).sum(-1) / mask.sum())
        h, c = self.first_memory((ventral * mask).flatten(1)).chunk(2, dim=-1)
        shift = torch.zeros_like(appearance[:, :4])
        return HARTState(h, c, torch.tanh(appearance), shift, first)

    def _weights(self) -> Weights:
        before = (self.filters, self.location, self.to_features)
        after = (self.read_out, self.next_appearance)
        weights = [x for layer in before for x in (layer.weight, layer.bias)]
        weights += [self.lstm_in.weight, self.lstm_back.weight, self.lstm_in.bias]
        return Weights(*weights, *(x for layer in after for x in (layer.weight, layer.bias)))

    def _recur(
        self, v1: Tensor, ventral: Tensor, state: HARTState, zoneout: Tensor | None = None
    ) -> tuple[Activations, HARTState]:
        """Equations 3 to 6, as far as they feed back."""
        if self.zoneout and zoneout is None:  # not learning: what is expected
            zoneout = state.h.new_full((len(state.h), 2, 1), self.zoneout)
        memory = (state.h, state.c, state.appearance)
        found = recurrent_step(self._weights(), v1, ventral, *memory, zoneout)
        shift = self.next_shift(found.hidden) if self.attention_update else state.shift
        return found, HARTState(found.h, found.c, found.appearance, shift, state.first)

    def _decide(
        self,
        h: Float[Tensor, "*n D"],
        location: Float[Tensor, "*n P"],
        hidden: Float[Tensor, "*n H"],
    ) -> Decision:
        """``delta_b`` (equations 6 and 8) and the value, which must not disturb the policy."""
        seen = torch.cat([h, location], dim=-1).detach()
        return Decision(self.box_update(hidden) * self.caution, self.value(seen)[..., 0])
