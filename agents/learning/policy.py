"""What a policy must be for PPO to train it: recurrent, Gaussian, and able to look ahead of time.

What a policy can compute without its parameters and its memory (a glimpse at a box that is already
known, say) it computes in ``prepare``: for all frames at once, and once for all passes over them.
"""

import abc
import dataclasses
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from envs.action_scale import ActionScale

State = TypeVar("State")
Sight = dict[str, Tensor]
"""What the policy sees, each ``B T ...``."""

REFLECTIONS = ((False, False), (True, False), (False, True), (True, True))
"""Left to right, top to bottom."""


@dataclasses.dataclass(frozen=True)
class Decision:
    """What a policy says.

    Attributes:
        mean: Mean of the Gaussian over actions (see ``envs.action_scale``).
        value: Expected return. No gradient flows from it into the rest of the policy.
    """

    mean: Float[Tensor, "*n 4"]
    value: Float[Tensor, "*n"]


@dataclasses.dataclass(frozen=True)
class Trace:
    """How an attentive policy came to its decisions, for objectives that judge that, too.

    Attributes:
        decision: What it said.
        location: Probability that the target is there, over the places of the window, row by row.
        window: Where it looked, as a box.
        filters: The dynamic filters that it made for the next step.
    """

    decision: Decision
    location: Float[Tensor, "B T P"]
    window: Float[Tensor, "B T 4"]
    filters: Float[Tensor, "B T F"]


class RecurrentPolicy(nn.Module, abc.ABC, Generic[State]):
    """A mean and a value from frames and own boxes, with a memory. The agent brings the spread."""

    action_scale: ActionScale = ActionScale()
    """What its actions do, if its agent tells."""

    def prepare(self, frame: UInt8[Tensor, "B T C H W"], box: Float[Tensor, "B T 4"]) -> Sight:
        """What is seen at these boxes, as far as neither parameters nor memory play a part."""
        return {"frame": frame, "box": box}

    def reflect(self, sight: Sight, left_right: bool, top_bottom: bool) -> Sight:
        """What would be seen if the world were reflected; all but ``box`` are pictures."""
        axes = [axis for axis, on in ((-1, left_right), (-2, top_bottom)) if on]
        if not axes:
            return sight
        reflected = {name: x.flip(axes) for name, x in sight.items() if name != "box"}
        if "box" in sight:
            centre, size = sight["box"].split(2, dim=-1)
            on = torch.tensor([left_right, top_bottom], device=centre.device)
            reflected["box"] = torch.cat([torch.where(on, 1 - centre, centre), size], dim=-1)
        return reflected

    def inherit(self, state: dict[str, Any]) -> None:
        """Takes the weights from the ``state_dict`` of an agent that has learned such a policy.

        Raises:
            ValueError: It has no policy, or one of another kind or size.
        """
        if "policy" not in state:
            raise ValueError("the agent to start from has no policy: give a trained one's run")
        try:
            self.load_state_dict(state["policy"])
        except RuntimeError as error:
            raise ValueError(
                "the policy to start from does not fit: it is of another kind or size"
            ) from error

    def noise(self, batch: int, times: int, rng: torch.Generator) -> Sight:
        """What else to put into the sight while learning (dropout's masks); nothing by default."""
        return {}

    @abc.abstractmethod
    def initial(self, sight: Sight) -> State:
        """The memory at the start of episodes, from their first sight (T = 1)."""

    @abc.abstractmethod
    def step(self, sight: Sight, state: State) -> tuple[Decision, State]:
        """One step (T = 1); the decision is ``B ...``."""

    @abc.abstractmethod
    def unroll(self, sight: Sight) -> Decision:
        """Whole episodes from their start; the same numbers as step by step, but faster."""
