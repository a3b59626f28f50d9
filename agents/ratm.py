"""RATM, the rival of HART, taught by ``agents.supervised``.

Kahou, Michalski and Memisevic, "RATM: Recurrent Attentive Tracking Model", 2015,
https://arxiv.org/abs/1510.08660. A ReLU network that starts as an identity (IRNN) looks at a
window and moves it: the window of the next frame is the sum of all updates so far, and the box is
its extent. So the box of a frame is predicted before that frame is seen. It learns to make what it
sees there look like what it would have seen at the true box, by a distance between features.

Two things are ours. The published features come from a network pretrained on pedestrians; here
the network looks through convolutions that it learns, and the distance is taken in a frozen copy
of them as they were drawn, since features that learn to make two glimpses alike become constant.
Updates are in units of the first box.
"""

import dataclasses
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from agents.learning import attention, losses
from agents.learning.policy import Decision, RecurrentPolicy, Sight
from agents.learning.supervision import LabelledEpisodes, Objective
from envs.settings import Settings, setting


@dataclasses.dataclass(frozen=True)
class RATMState:
    """Memory between steps.

    Attributes:
        h: Hidden units.
        window: Where to look next: centre, size (of either sign), and the two factors of the
            Gaussians' width, which are learned, too.
        unit: Size of the first window.
    """

    h: Float[Tensor, "B D"]
    window: Float[Tensor, "B 6"]
    unit: Float[Tensor, "B 2"]


@dataclasses.dataclass(frozen=True)
class RATMSettings(Settings):
    """What can be set."""

    channels: Any = setting([16, 24], "maps of the two convolutions", pair=int, least=1, most=4096)
    memory: int = setting(32, "hidden units of the IRNN", least=1, most=16384)
    glimpse: int = setting(20, "rows and columns of the glimpse", least=2, most=512)
    scale: float = setting(1.5, "extent of the window, in boxes", above=0)


class RATM(RecurrentPolicy[RATMState]):
    """Window, convolutions, IRNN, update of the window.

    Args:
        frame_shape: (C, H, W) of the frames.
        settings: Keys of `RATMSettings`.
    """

    Settings = RATMSettings

    def __init__(self, frame_shape: tuple[int, int, int], **settings: Any) -> None:
        super().__init__()
        chosen = RATMSettings(**settings)
        self.glimpse, self.scale, self.memory = chosen.glimpse, chosen.scale, chosen.memory
        first, last = chosen.channels
        self.v1 = attention.convolutions(frame_shape[0], first, last)
        self.frozen = attention.convolutions(frame_shape[0], first, last)
        self.frozen.load_state_dict(self.v1.state_dict())
        self.frozen.requires_grad_(False)
        self.look = nn.Linear(last * (self.glimpse // 2) ** 2, self.memory)
        self.back = nn.Linear(self.memory, self.memory, bias=False)
        nn.init.eye_(self.back.weight)
        self.update = nn.Linear(self.memory, 6)
        nn.init.uniform_(self.update.weight, -1e-3, 1e-3)
        nn.init.zeros_(self.update.bias)

    def prepare(self, frame: UInt8[Tensor, "B T C H W"], box: Float[Tensor, "B T 4"]) -> Sight:
        """The frames; the boxes count at the start, and for the way there."""
        return {"frame": frame, "box": box}

    def initial(self, sight: Sight) -> RATMState:
        """Looks where the target is."""
        box = sight["box"][:, 0]
        unit = box[:, 2:] * self.scale
        window = torch.cat([box[:, :2], unit, torch.ones_like(unit)], -1)
        return RATMState(box.new_zeros(len(box), self.memory), window, unit)

    def step(self, sight: Sight, state: RATMState) -> tuple[Decision, RATMState]:
        """Goes to the window that was predicted, looks, and predicts the next one."""
        decision = self._decide(sight["box"][:, 0], self.extent(state.window))
        return decision, self._look(sight["frame"][:, 0], state)

    def unroll(self, sight: Sight) -> Decision:
        """The decisions of whole episodes."""
        return self._decide(sight["box"], self.extent(self.windows(sight)))

    def windows(self, sight: Sight) -> Float[Tensor, "B T 6"]:
        """Where it looks in whole episodes."""
        state = self.initial(sight)
        windows = []
        for frame in sight["frame"].unbind(1):
            windows.append(state.window)
            state = self._look(frame, state)
        return torch.stack(windows, 1)

    def extent(self, window: Float[Tensor, "*n 6"]) -> Float[Tensor, "*n 4"]:
        """The box that a window stands for."""
        return torch.cat([window[..., :2], window[..., 2:4].abs() / self.scale], -1)

    def see(
        self, frame: Tensor, window: Float[Tensor, "N 6"]
    ) -> Float[Tensor, "N C glimpse glimpse"]:
        """The glimpse at a window, scaled for the convolutions."""
        where = torch.cat([window[:, :2], window[:, 2:4].abs()], -1)
        return (attention.extract(frame, where, self.glimpse, window[:, 4:].abs()) - 0.25) * 3.0

    def _look(self, frame: Tensor, state: RATMState) -> RATMState:
        seen = self.look(self.v1(self.see(frame, state.window)).flatten(1))
        h = torch.relu(seen + self.back(state.h))
        change = self.update(h)
        unit = torch.cat([state.unit, state.unit, torch.ones_like(state.unit)], -1)
        return RATMState(h, state.window + unit * change, state.unit)

    def _decide(self, own: Float[Tensor, "*n 4"], goal: Float[Tensor, "*n 4"]) -> Decision:
        mean = self.action_scale.action_to(own, goal)
        return Decision(mean, torch.zeros_like(mean[..., 0]))


@dataclasses.dataclass(frozen=True)
class RATMObjectiveSettings(Settings):
    """What can be set."""

    box: float = setting(
        0.0,
        "weight of -log IoU of the window's extent; published: 0, the distance between features "
        "alone",
        least=0,
    )


class RATMObjective(Objective):
    """Makes glimpses at predicted windows look like those at the true boxes.

    Args:
        settings: Keys of `RATMObjectiveSettings`.

    Raises:
        ValueError: The weight is negative.
    """

    Settings = RATMObjectiveSettings

    def __init__(self, **settings: Any) -> None:
        self.box = RATMObjectiveSettings(**settings).box
        self.names = ("features", "box") if self.box else ("features",)

    def losses(self, policy: RATM, episodes: LabelledEpisodes) -> dict[str, Float[Tensor, ""]]:
        """Squared distance between features against their variance, if visible; and ``box``."""
        windows = policy.windows(episodes.sight)
        target = episodes.target
        true = torch.cat(
            [target[..., :2], target[..., 2:] * policy.scale, torch.ones_like(target[..., :2])], -1
        )
        frame = episodes.sight["frame"].flatten(0, 1)
        seen = policy.frozen(policy.see(frame, windows.flatten(0, 1)))
        with torch.no_grad():
            wanted = policy.frozen(policy.see(frame, true.flatten(0, 1)))
        distance = (seen - wanted).square().flatten(1).mean(-1) / wanted.var().clamp(min=1e-6)
        distance = distance.view_as(episodes.visible)
        result = {"features": losses.average(distance, episodes.visible)}
        if self.box:
            track = losses.tracking(policy.extent(windows), target, floor=1e-3)
            result["box"] = self.box * losses.average(track, episodes.visible)
        return result
