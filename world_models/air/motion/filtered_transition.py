"""Laws of motion inside a Kalman filter: for worlds where the velocity must be known precisely.

Where objects collide, an error of the velocity grows with every hit, and the last move is too
noisy to stand for it.
"""

import abc

import torch
from jaxtyping import Float
from torch import Tensor, nn

from world_models.air.motion.relation import MESSAGE_DIM, EdgeRelation, related
from world_models.air.motion.transition import MAX_GROWTH, Transition
from world_models.blocks import kalman
from world_models.blocks.distributions import Gaussian
from world_models.blocks.networks import mlp


class FilteredTransition(Transition):
    """A learned law of motion inside a Kalman filter of position and velocity.

    The last move is too noisy to be a velocity, so one is filtered (`world_models.blocks.kalman`);
    the prior's width is what the filter does not know. Subclasses say what the law adds to
    constant velocity. Pushes of other objects change velocities before it.

    Args:
        frame_size: (H, W) in pixels.
        log_typical_side: Logarithm of the usual window side, to centre the input.
        where_dim: Numbers per window: 3, or 4 with a side each way.
        relation: One of `RELATIONS`.
        memory_dim: Size of what the law remembers beside the filter's belief.
    """

    def __init__(
        self,
        frame_size: tuple[int, int],
        log_typical_side: float,
        where_dim: int,
        relation: str,
        memory_dim: int,
    ) -> None:
        super().__init__(frame_size)
        self.hidden_dim = kalman.SIZE + memory_dim
        self.log_typical_side = log_typical_side
        self.sides = where_dim - 2
        self.relation = related(relation, log_typical_side)
        self.message_dim = MESSAGE_DIM if self.relation else 0
        self.log_noise = nn.Parameter(torch.tensor(-1.4))
        self.log_patience = nn.Parameter(torch.tensor(0.7))
        self.log_var_new = nn.Parameter(torch.tensor(1.8))

    @property
    def splits(self) -> list[int]:
        """Sizes of what a law gives: see `law`."""
        return [2, 2, self.sides, 4, self.sides]

    @abc.abstractmethod
    def law(
        self, known: Float[Tensor, "B K i"], memory: Float[Tensor, "B K m"]
    ) -> tuple[tuple[Tensor, ...], Float[Tensor, "B K m"]]:
        """What is added to constant velocity, and the next memory.

        Args:
            known: Place, sides, velocity, innovation, pushes and messages, about 1 in size.
            memory: What the law remembers.

        Returns:
            Change of velocity, further shift, growth, log variances of what is not known of
            position and velocity, log scale of sides.
        """

    def glide(
        self,
        xy: Float[Tensor, "B K 2"],
        log_side: Float[Tensor, "B K s"],
        velocity: Float[Tensor, "B K 2"],
        exact: bool = False,
        rng: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K 2"]]:
        """The velocity after one frame, and how far the object gets in it."""
        return velocity, velocity

    def forward(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K M"],
        present: Float[Tensor, "B K"],
        camera_px: Float[Tensor, "B 2"] | None = None,
    ) -> tuple[Gaussian, Float[Tensor, "B K M"]]:
        """See `Transition.forward`."""
        belief, innovation, memory = self._believe(velocity, hidden)
        noise = self.log_noise.exp()
        here = torch.cat([where[..., :2] + belief.expected, where[..., 2:]], -1)
        moved, speed, (growth, drift, log_scale), memory = self._law(
            here, belief.velocity, innovation, memory, present
        )
        moved = belief.expected + moved
        drift = drift.clamp(-8, 3).exp()
        predicted = kalman.predict(belief, speed, moved, drift[..., :2], drift[..., 2:])
        loc = _moved(where, moved, growth, camera_px)
        spread = (predicted.var_position + noise).sqrt()
        scale = torch.cat([spread, log_scale.clamp(-5, 0).exp()], -1)
        return Gaussian(loc, scale), torch.cat([*predicted, memory], -1)

    def settle(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K M"],
    ) -> tuple[Float[Tensor, "B K w"], Float[Tensor, "B K 2"]]:
        """See `Transition.settle`."""
        belief, *_ = self._believe(velocity, hidden)
        here = torch.cat([where[..., :2] + belief.expected, where[..., 2:]], -1)
        return here, belief.velocity

    def move(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K M"],
        present: Float[Tensor, "B K"],
        camera_px: Float[Tensor, "B 2"] | None = None,
        rng: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "B K w"], Float[Tensor, "B K 2"], Float[Tensor, "B K M"]]:
        """See `Transition.move`."""
        filtered, memory = hidden.split([kalman.SIZE, hidden.shape[-1] - kalman.SIZE], -1)
        nothing = torch.zeros_like(velocity)
        moved, speed, (growth, *_), memory = self._law(
            where, velocity, nothing, memory, present, exact=True, rng=rng
        )
        where = _moved(where, moved, growth, camera_px)
        return where, speed, torch.cat([filtered, memory], -1)

    def _believe(
        self, velocity: Float[Tensor, "B K 2"], hidden: Float[Tensor, "B K M"]
    ) -> tuple[kalman.Kinematics, Float[Tensor, "B K 2"], Float[Tensor, "B K m"]]:
        """What is believed once the last move was measured; the innovation; what is remembered."""
        predicted, memory = kalman.unpack(hidden)
        noise, new, patience = (
            x.exp() for x in (self.log_noise, self.log_var_new, self.log_patience)
        )
        return *kalman.correct(predicted, velocity, noise, new, patience), memory

    def _law(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        innovation: Float[Tensor, "B K 2"],
        memory: Float[Tensor, "B K m"],
        present: Float[Tensor, "B K"],
        exact: bool = False,
        rng: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...], Tensor]:
        """How far each object gets, its velocity then, the rest of `law`, and the next memory."""
        xy, log_side = where[..., :2], where[..., 2:]
        place = 1.5 * (xy / self.centre - 1)
        known = [place, 3 * (log_side - self.log_typical_side), velocity / 3, innovation]
        if self.relation is not None:
            force, message = self.relation(xy, log_side, velocity, present, exact)
            velocity = velocity + force
            known += [force / 3, message]
        added, memory = self.law(torch.cat(known, -1), memory)
        push, shift, *rest = added
        velocity, moved = self.glide(xy, log_side, velocity + push, exact, rng)
        # What is known exactly moves as fast as it is; the shift mends what the filter believes.
        return moved if exact else moved + shift, velocity, tuple(rest), memory


def _moved(
    where: Float[Tensor, "B K w"],
    moved: Float[Tensor, "B K 2"],
    growth: Float[Tensor, "B K s"],
    camera_px: Float[Tensor, "B 2"] | None,
) -> Float[Tensor, "B K w"]:
    """Windows one frame later, in the view."""
    xy = where[..., :2] + moved
    if camera_px is not None:
        xy = xy - camera_px[:, None]
    return torch.cat([xy, where[..., 2:] + MAX_GROWTH * torch.tanh(growth)], -1)


class TransitionKalman(FilteredTransition):
    """The law is a recurrent network per object with shared weights, and the edges of the view."""

    GAIN = 0.3
    """Velocities are changed in small steps, or learning shakes them all the time."""

    def __init__(
        self,
        frame_size: tuple[int, int],
        log_typical_side: float,
        where_dim: int = 3,
        relation: str = "none",
        walls: bool = True,
        gru_dim: int = 64,
    ) -> None:
        super().__init__(frame_size, log_typical_side, where_dim, relation, gru_dim)
        self.edges = EdgeRelation(frame_size, log_typical_side) if walls else None
        own = where_dim + 4
        told = 2 + self.message_dim if self.relation else 0
        self.own_dim = own
        self.gru = nn.GRUCell(own, gru_dim)
        self.head = mlp([gru_dim + own + told, 64, sum(self.splits)], last_gain=0.05)
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        last.bias.data[4 + self.sides :] = -3.0

    def law(
        self, known: Float[Tensor, "B K i"], memory: Float[Tensor, "B K m"]
    ) -> tuple[tuple[Tensor, ...], Float[Tensor, "B K m"]]:
        """See `FilteredTransition.law`."""
        own = known[..., : self.own_dim].flatten(0, -2)
        memory = self.gru(own, memory.flatten(0, -2)).view(memory.shape)
        push, shift, *rest = self.head(torch.cat([memory, known], -1)).split(self.splits, -1)
        return (self.GAIN * push, self.GAIN * shift, *rest), memory

    def glide(
        self,
        xy: Float[Tensor, "B K 2"],
        log_side: Float[Tensor, "B K s"],
        velocity: Float[Tensor, "B K 2"],
        exact: bool = False,
        rng: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K 2"]]:
        """Turns back at the edges, where the tracks say that objects do."""
        if self.edges is None:
            return velocity, velocity
        return self.edges(xy, log_side, velocity, exact, rng)


class TransitionLinear(FilteredTransition):
    """The law is linear around each state: a mixture of linear maps, weighed by the state.

    Source:
        Embed to Control (Watter et al., 2015, https://arxiv.org/abs/1506.07365), in the form of
        deep variational Bayes filters (Karl et al., 2017, https://arxiv.org/abs/1605.06432, eq.
        13): next = sum_k a_k(state) A_k state, with A_k near constant velocity.
    """

    MAPS = 16

    def __init__(
        self,
        frame_size: tuple[int, int],
        log_typical_side: float,
        where_dim: int = 3,
        relation: str = "none",
        walls: bool = True,
    ) -> None:
        super().__init__(frame_size, log_typical_side, where_dim, relation, 0)
        inputs = where_dim + 4 + (2 + self.message_dim if self.relation else 0)
        self.weights = mlp([inputs, 64, self.MAPS])
        self.maps = nn.Linear(inputs, self.MAPS * sum(self.splits))
        self.maps.weight.data.mul_(0.1)
        bias = torch.zeros(self.MAPS, sum(self.splits))
        bias[:, 4 + self.sides :] = -3.0
        self.maps.bias.data = bias.flatten()

    def law(
        self, known: Float[Tensor, "B K i"], memory: Float[Tensor, "B K m"]
    ) -> tuple[tuple[Tensor, ...], Float[Tensor, "B K m"]]:
        """See `FilteredTransition.law`."""
        each = self.maps(known).unflatten(-1, (self.MAPS, -1))
        added = (self.weights(known).softmax(-1)[..., None] * each).sum(-2)
        return added.split(self.splits, -1), memory
