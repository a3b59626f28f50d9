"""How objects move: a prior over the next window of every object in a scene.

A family behind one interface, chosen by name: see `world_models.air.motion.transitions`. Windows
are (x, y, log side) or (x, y, log width, log height), lengths in pixels. Velocities are of the
world: the camera's own motion is taken out of them, and objects move against the camera.
"""

import abc

import torch
from jaxtyping import Float
from torch import Tensor, nn

from world_models.air.motion.relation import MESSAGE_DIM, related
from world_models.blocks.distributions import Gaussian
from world_models.blocks.networks import mlp

MAX_GROWTH = 0.1


class Transition(nn.Module, abc.ABC):
    """p(windows at t given everything before), the same law for all objects of all scenes.

    Args:
        frame_size: (H, W) in pixels.
    """

    centre: Float[Tensor, " 2"]
    jitter: Float[Tensor, ""]
    """Scale of what changes velocities at random, in every frame: pixels per frame."""
    hidden_dim: int
    """Size of what is remembered of each object."""

    def __init__(self, frame_size: tuple[int, int]) -> None:
        super().__init__()
        height, width = frame_size
        centre = torch.tensor([width / 2, height / 2])
        self.register_buffer("centre", centre, persistent=False)
        self.register_buffer("jitter", torch.tensor(0.0))

    def initial(self, batch_shape: tuple[int, ...]) -> Float[Tensor, "*b M"]:
        """The memory of objects that were just found: zeros."""
        return torch.zeros(*batch_shape, self.hidden_dim, device=self.centre.device)

    @abc.abstractmethod
    def forward(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K M"],
        present: Float[Tensor, "B K"],
        camera_px: Float[Tensor, "B 2"] | None = None,
    ) -> tuple[Gaussian, Float[Tensor, "B K M"]]:
        """The prior of the next windows, and the next memory.

        Args:
            where: Windows now.
            velocity: How far each object moved in the world since the last frame, pixels.
            hidden: What is remembered of each object.
            present: 1 where a slot holds an object; other slots influence nobody.
            camera_px: How far the camera moves now, pixels.
        """

    def settle(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K M"],
    ) -> tuple[Float[Tensor, "B K w"], Float[Tensor, "B K 2"]]:
        """The windows and velocities that a filter believes in once it has seen the last move."""
        return where, velocity

    def move(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K M"],
        present: Float[Tensor, "B K"],
        camera_px: Float[Tensor, "B 2"] | None = None,
        rng: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "B K w"], Float[Tensor, "B K 2"], Float[Tensor, "B K M"]]:
        """One frame on, from windows and velocities that are known exactly, as in dreams.

        Arguments as of ``forward``; ``rng`` draws what the law leaves to chance, without one the
        likelier happens.

        Returns:
            The next windows, velocities (pixels per frame in the world) and memory.
        """
        prior, hidden = self(where, velocity, hidden, present, camera_px)
        velocity = prior.loc[..., :2] - where[..., :2]
        return prior.loc, velocity if camera_px is None else velocity + camera_px[:, None], hidden


class ConstantVelocity(Transition):
    """Every object goes on as it did; only how wrong that is, is learned."""

    hidden_dim = 0

    def __init__(self, frame_size: tuple[int, int], where_dim: int = 3) -> None:
        super().__init__(frame_size)
        self.log_scale = nn.Parameter(torch.tensor([-0.3, -0.3] + [-3.0] * (where_dim - 2)))

    def forward(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K M"],
        present: Float[Tensor, "B K"],
        camera_px: Float[Tensor, "B 2"] | None = None,
    ) -> tuple[Gaussian, Float[Tensor, "B K M"]]:
        """See `Transition.forward`."""
        xy = where[..., :2] + velocity
        if camera_px is not None:
            xy = xy - camera_px[:, None]
        loc = torch.cat([xy, where[..., 2:]], -1)
        return Gaussian(loc, self.log_scale.exp().expand_as(loc)), hidden


class TransitionRNN(Transition):
    """One recurrent network per object with shared weights, on top of constant velocity.

    The prediction is the last move plus what the network adds, so that an untrained transition is
    already sensible.

    Args:
        frame_size: (H, W) in pixels.
        log_typical_side: Logarithm of the usual window side, to centre the input.
        where_dim: Numbers per window: 3, or 4 with a side each way.
        relation: ``none``, ``pairwise`` or ``sparse``: what others push is added to the velocity,
            and what they tell is heard by the head.
        gru_dim: Size of the recurrent state.
    """

    def __init__(
        self,
        frame_size: tuple[int, int],
        log_typical_side: float,
        where_dim: int = 3,
        relation: str = "none",
        walls: bool = True,
        gru_dim: int = 64,
    ) -> None:
        super().__init__(frame_size)
        self.hidden_dim = gru_dim
        self.log_typical_side = log_typical_side
        self.relation = related(relation, log_typical_side)
        told = 2 + MESSAGE_DIM if self.relation else 0
        self.gru = nn.GRUCell(where_dim + 2, gru_dim)
        self.head = mlp([gru_dim + where_dim + 2 + told, 64, 2 * where_dim], last_gain=0.05)
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        last.bias.data[where_dim:] = torch.tensor([-0.3, -0.3] + [-3.0] * (where_dim - 2))

    def forward(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K M"],
        present: Float[Tensor, "B K"],
        camera_px: Float[Tensor, "B 2"] | None = None,
    ) -> tuple[Gaussian, Float[Tensor, "B K M"]]:
        """See `Transition.forward`."""
        xy, log_side = where[..., :2], where[..., 2:]
        place, side = 1.5 * (xy / self.centre - 1), 3 * (log_side - self.log_typical_side)
        own = torch.cat([place, side, velocity / 3], -1)
        hidden = self.gru(own.flatten(0, -2), hidden.flatten(0, -2)).view(hidden.shape)
        known = [hidden, own]
        if self.relation is not None:
            force, message = self.relation(xy, log_side, velocity, present)
            velocity = velocity + force
            known += [force / 3, message]
        out, raw_scale = self.head(torch.cat(known, -1)).chunk(2, -1)
        xy = xy + velocity + out[..., :2]
        if camera_px is not None:
            xy = xy - camera_px[:, None]
        loc = torch.cat([xy, log_side + MAX_GROWTH * torch.tanh(out[..., 2:])], -1)
        return Gaussian(loc, raw_scale.clamp(-5, 2.5).exp()), hidden
