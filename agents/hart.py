"""HART: hierarchical attentive recurrent tracking (Kosiorek, Bewley and Posner, NIPS 2017).

Equation numbers are the paper's. Where the paper learns from boxes, this policy learns from
rewards, and one thing changes for that: attention is anchored at the policy's own (acted) box
instead of being a sum of its own updates, so the glimpse always shows the present error. The
update ``tanh(c) * delta_a`` of equation 7 moves the window against that anchor if asked for.
"""

import dataclasses
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from agents import attention
from agents.policy import Decision, RecurrentPolicy, Sight
from agents.recurrence import Moment, Recurrence, Weights
from agents.recurrence import step as recurrent_step
from envs.trajectory import Observation

DYNAMIC_MAPS = 6
VENTRAL_MAPS = 8
APPEARANCE = 32
HIDDEN = 64


@dataclasses.dataclass(frozen=True)
class HARTState:
    """Memory between steps.

    Attributes:
        h: Output of the LSTM.
        c: Cell of the LSTM.
        appearance: ``alpha``, what the dorsal stream should look for next.
        shift: ``delta_a``, where to look next against the own box (in box sizes and log-size).
    """

    h: Float[Tensor, "B D"]
    c: Float[Tensor, "B D"]
    appearance: Float[Tensor, "B E"]
    shift: Float[Tensor, "B 4"]


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What HART looks at and attends to, for pictures.

    Attributes:
        window: The attended window, as a box.
        glimpse: The glimpse in [0, 1].
        location: ``s_t``, probability that the target is there, over the window.
    """

    window: Float[Tensor, "B 4"]
    glimpse: Float[Tensor, "B C G G"]
    location: Float[Tensor, "B S S"]


class HART(RecurrentPolicy[HARTState]):
    """Spatial attention, V1, ventral and dorsal streams, LSTM, appearance, box update.

    Args:
        frame_shape: (C, H, W) of the frames.
        channels: Maps of V1's two convolutions.
        features: Size of ``v_t`` (equation 4).
        memory: Size of the LSTM.
        glimpse: Rows and columns of the glimpse.
        scale: Extent of the attended window in own boxes.
        learn_scale: Whether the extent (per axis) is learned, starting from ``scale``.
        attention_update: Whether the window also moves by ``tanh(c) * delta_a`` (equation 7).
        size_pace: How fast the update of the box's size is learned against that of its centre.
            Rewards tell little of the size, and a wrong tendency adds up over an episode.

    Raises:
        ValueError: A size is out of range.
    """

    def __init__(
        self,
        frame_shape: tuple[int, int, int],
        channels: Sequence[int] = (8, 16),
        features: int = 64,
        memory: int = 100,
        glimpse: int = 20,
        scale: float = 1.8,
        learn_scale: bool = False,
        attention_update: bool = False,
        size_pace: float = 0.1,
    ) -> None:
        super().__init__()
        if glimpse < 8 or glimpse % 2:
            raise ValueError(f"glimpse must be even and at least 8, got {glimpse}")
        if scale < 1:
            raise ValueError(f"scale must be at least 1 (see the whole box), got {scale}")
        first, last = channels
        self.glimpse = glimpse
        self.side = glimpse // 2
        places = self.side**2
        self.fixed_window = not (learn_scale or attention_update)
        self.attention_update = attention_update
        self.log_scale = nn.Parameter(torch.full((2,), math.log(scale)), learn_scale)
        self.update_gain = nn.Parameter(torch.full((4,), 0.1), attention_update)
        self.v1 = nn.Sequential(
            nn.Conv2d(frame_shape[0], first, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(first, last, 3, padding=1),
            nn.ReLU(),
        )
        self.ventral = nn.Conv1d(last, VENTRAL_MAPS, 1)
        self.filters = nn.Linear(APPEARANCE, DYNAMIC_MAPS * (last + 1))
        self.location = nn.Linear(DYNAMIC_MAPS, 1)
        nn.init.ones_(self.location.bias)  # the location map starts open
        self.to_features = nn.Linear(VENTRAL_MAPS * places, features)
        self.lstm_in = nn.Linear(features, 4 * memory)
        self.lstm_back = nn.Linear(memory, 4 * memory, bias=False)
        for parameter in (self.lstm_in.weight, self.lstm_in.bias):
            nn.init.uniform_(parameter, -(memory**-0.5), memory**-0.5)
        self.first_appearance = nn.Linear(last, APPEARANCE)
        self.first_memory = nn.Linear(VENTRAL_MAPS * places, 2 * memory)
        self.read_out = nn.Linear(memory + places, HIDDEN)
        self.next_appearance = nn.Linear(HIDDEN, APPEARANCE)
        self.next_shift = nn.Linear(HIDDEN, 4)
        self.box_update = nn.Linear(HIDDEN, 4)
        for layer in (self.next_shift, self.box_update):
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight.mul_(0.1)
        self.register_buffer("caution", torch.tensor([1.0, 1.0, size_pace, size_pace]))
        self.value = nn.Sequential(
            nn.Linear(memory + places, HIDDEN), nn.ELU(), nn.Linear(HIDDEN, 1)
        )

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
            window = self.window(box.flatten(0, 1))
            glimpse = attention.extract(frame.flatten(0, 1), window, self.glimpse)
        return {"glimpse": glimpse.unflatten(0, box.shape[:2])}

    def initial(self, sight: Sight) -> HARTState:
        """Starts the memory from the first sight, where the box is the target's."""
        glimpse = self._look({k: v[:, 0] for k, v in sight.items()}, None)
        return self._start(*self._streams(glimpse))

    def step(self, sight: Sight, state: HARTState) -> tuple[Decision, HARTState]:
        """Equations 2 to 8 for one frame."""
        glimpse = self._look({k: v[:, 0] for k, v in sight.items()}, state.shift)
        moment, state = self._remember(*self._streams(glimpse), state)
        return self._decide(moment.h, moment.location, moment.hidden), state

    def unroll(self, sight: Sight) -> Decision:
        """All steps of whole episodes; only what needs the memory runs step by step."""
        sight = {name: x.transpose(0, 1) for name, x in sight.items()}
        if self.attention_update:
            return self._unroll_looking(sight)
        times, batch = next(iter(sight.values())).shape[:2]
        flat = {name: x.flatten(0, 1) for name, x in sight.items()}
        v1, ventral = (
            x.unflatten(0, (times, batch)) for x in self._streams(self._look(flat, None))
        )
        state = self._start(v1[0], ventral[0])
        location, h, hidden = Recurrence.apply(
            v1, ventral, state.h, state.c, state.appearance, *self._weights()
        )
        return self._decide(*(x.transpose(0, 1) for x in (h, location, hidden)))

    def _unroll_looking(self, sight: Sight) -> Decision:
        """``unroll`` where the memory moves the window, so that even glimpses wait for it."""
        moments = []
        times = len(next(iter(sight.values())))
        state = self._start(*self._streams(self._look({k: v[0] for k, v in sight.items()}, None)))
        for t in range(times):
            glimpse = self._look({k: v[t] for k, v in sight.items()}, state.shift)
            moment, state = self._remember(*self._streams(glimpse), state)
            moments.append((moment.h, moment.location, moment.hidden))
        return self._decide(*(torch.stack(x, 1) for x in zip(*moments, strict=True)))

    @torch.no_grad()
    def inspect(self, obs: Observation, state: HARTState) -> Inspection:
        """What HART would attend to in this frame, for pictures."""
        window = self.window(obs.box, state.shift)
        glimpse = attention.extract(obs.frame, window, self.glimpse)
        moment, _ = self._remember(*self._streams(glimpse), state)
        location = moment.location.unflatten(-1, (self.side, self.side))
        return Inspection(window, glimpse, location)

    def _look(self, moment: Sight, shift: Tensor | None) -> Float[Tensor, "N C G G"]:
        if "glimpse" in moment:
            return moment["glimpse"]
        return attention.extract(moment["frame"], self.window(moment["box"], shift), self.glimpse)

    def _streams(
        self, glimpse: Float[Tensor, "N C G G"]
    ) -> tuple[Float[Tensor, "N F P"], Float[Tensor, "N V P"]]:
        """V1, with a last map of ones for the filters' biases, and on it the ventral stream."""
        v1 = self.v1((glimpse - 0.25) * 3.0).flatten(2)
        return torch.cat([v1, torch.ones_like(v1[:, :1])], dim=1), self.ventral(v1)

    def _start(self, v1: Tensor, ventral: Tensor) -> HARTState:
        """The first memory, from what lies inside the box in the first glimpse."""
        middle = (torch.arange(self.side, device=v1.device) + 0.5) / self.side - 0.5
        inside = middle.abs() * 2 * self.log_scale.detach().exp()[:, None] <= 1
        mask = (inside[1][:, None] & inside[0]).flatten().to(v1.dtype)
        appearance = self.first_appearance((v1[:, :-1] * mask).sum(-1) / mask.sum())
        h, c = self.first_memory((ventral * mask).flatten(1)).chunk(2, dim=-1)
        return HARTState(h, c, torch.tanh(appearance), torch.zeros_like(appearance[:, :4]))

    def _weights(self) -> Weights:
        return Weights(
            self.filters.weight,
            self.filters.bias,
            self.location.weight,
            self.location.bias,
            self.to_features.weight,
            self.to_features.bias,
            self.lstm_in.weight,
            self.lstm_back.weight,
            self.lstm_in.bias,
            self.read_out.weight,
            self.read_out.bias,
            self.next_appearance.weight,
            self.next_appearance.bias,
        )

    def _remember(self, v1: Tensor, ventral: Tensor, state: HARTState) -> tuple[Moment, HARTState]:
        """Equations 3 to 6, as far as they feed back."""
        moment = recurrent_step(self._weights(), v1, ventral, state.h, state.c, state.appearance)
        shift = self.next_shift(moment.hidden) if self.attention_update else state.shift
        return moment, HARTState(moment.h, moment.c, moment.appearance, shift)

    def _decide(
        self,
        h: Float[Tensor, "*n D"],
        location: Float[Tensor, "*n P"],
        hidden: Float[Tensor, "*n H"],
    ) -> Decision:
        """``delta_b`` (equations 6 and 8) and the value, which must not disturb the policy."""
        seen = torch.cat([h, location], dim=-1).detach()
        return Decision(self.box_update(hidden) * self.caution, self.value(seen)[..., 0])
