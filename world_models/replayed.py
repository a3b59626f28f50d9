"""Real episodes as dreams, of which only the labels are imagined: somebody says what is where.

What is seen is exactly right then, and as little of it as there was.
"""

import dataclasses
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from envs.scene import WELL_VISIBLE, View
from envs.trajectory import Trajectory
from world_models.base import WorldModel


@dataclasses.dataclass(frozen=True)
class Labelled:
    """N real episodes of T frames, and what is said of them (as in `world_models.base.Posterior`).

    ``episode`` and ``time`` list the M moments that show something to follow.
    """

    frame: UInt8[Tensor, "N T C H W"]
    box: Float[Tensor, "N T K 4"]
    visible: Float[Tensor, "N T K"]
    id: Int[Tensor, "N T K"]
    episode: Int[Tensor, " M"]
    time: Int[Tensor, " M"]


class Moment(NamedTuple):
    """Where in which real episode each dream is; ``sense`` is -1 while it runs backwards.

    ``who`` is in each slot since it began; -1: nobody.
    """

    episode: Int[Tensor, " B"]
    time: Int[Tensor, " B"]
    sense: Int[Tensor, " B"]
    who: Int[Tensor, "B K"]


class Replayed(WorldModel[Moment]):
    """Shows the labelled episodes.

    Dreams begin at any moment and go either way through the episode; at its ends they turn round.
    The camera does what it did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: Labelled | None = None

    def label(
        self,
        real: Trajectory,
        box: Float[Tensor, "N T K 4"],
        visible: Float[Tensor, "N T K"],
        identity: Int[Tensor, "N T K"],
    ) -> None:
        """Keeps episodes with what is said of them.

        Raises:
            ValueError: Nothing is said to be well in view.
        """
        shown = ((visible > WELL_VISIBLE) & (identity >= 0)).any(-1)
        episode, time = shown.nonzero(as_tuple=True)
        if len(episode) == 0:
            raise ValueError(
                f"nothing is well in view in any of {real.num_frames} real frames, so there is "
                "nothing to label: raise real_frames, or the effort of a model that learns"
            )
        self.seen = Labelled(real.frame, box, visible, identity, episode, time)

    def start(self, batch_size: int, rng: torch.Generator) -> Moment:
        """Moments of real episodes, evenly among those that show something to follow."""
        seen = self._seen()
        drawn = torch.randint(len(seen.time), (batch_size,), generator=rng, device=rng.device)
        sense = 2 * torch.randint(2, (batch_size,), generator=rng, device=rng.device) - 1
        episode, time = seen.episode[drawn], seen.time[drawn]
        return Moment(episode, time, sense, seen.id[episode, time])

    def prior(
        self, state: Moment, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None
    ) -> Moment:
        """One frame on, or back."""
        last = self._seen().frame.shape[1] - 1
        further = state.time + state.sense
        sense = torch.where((further < 0) | (further > last), -state.sense, state.sense)
        return state._replace(time=(state.time + sense).clamp(0, last), sense=sense)

    def decode(self, state: Moment) -> View:
        """The real frame, and what is seen in it of those who were there at the beginning."""
        seen, at = self._seen(), (state.episode, state.time)
        there = (seen.id[at] == state.who) & (state.who >= 0)
        slot = torch.arange(there.shape[1], device=there.device)
        return View(
            frame=seen.frame[at],
            box=seen.box[at],
            visible=torch.where(there, seen.visible[at], 0.0),
            id=torch.where(there, slot, -1),
        )

    def _seen(self) -> Labelled:
        if self.seen is None:
            raise RuntimeError("the world model has seen nothing yet: call fit() before start()")
        return self.seen

    def get_extra_state(self) -> dict[str, Any]:
        """The episodes."""
        return {} if self.seen is None else dataclasses.asdict(self.seen)

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what ``get_extra_state`` gave."""
        self.seen = Labelled(**state) if state else None
