"""How objects move: a prior over the next window of every object in a scene.

A family behind one interface, chosen by name: see `TRANSITIONS`. Windows are (x, y, log side) or
(x, y, log width, log height), lengths in pixels; velocities are of the world, so the camera's own
motion is taken out of them, and objects move against the camera.
"""

import abc
import torch
from jaxtyping import Float
from torch import Tensor, nn

from world_models import kalman
from world_models.networks import mlp
from world_models.relation import EdgeRelation, PairwiseRelation
from world_models.scene_model import Gaussian

RELATIONS = ("none", "pairwise")


class Transition(nn.Module, abc.ABC):
    """p(windows at t given everything before), the same law for all objects of all scenes."""

    hidden_dim: int
    """Size of what is remembered of each object."""

    def __init__(self) -> None:
        super().__init__()

    def initial(self, batch_shape: tuple[int, ...]) -> Float[Tensor, "*b M"]:
        """The memory of objects that were just found."""
        device = next(self.parameters()).device
        return torch.zeros(*batch_shape, self.hidden_dim, device=device)

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


class TransitionRNN(Transition):
    """One recurrent network per object with shared weights, on top of a filtered velocity.

    Positions are measured with noise, and differences of positions even more so; therefore the
    network keeps a velocity of its own, and corrects it by a learned share of each surprise, like
    a Kalman filter in innovations form. An untrained one is about constant velocity.

    Args:
        frame_size: (H, W) in pixels.
        log_typical_side: Logarithm of the usual window side, to centre the input.
        where_dim: Numbers per window: 3, or 4 with a side each way.
        relation: ``none``: objects ignore each other; ``pairwise``: see `PairwiseRelation`.
        gru_dim: Size of the recurrent state.
    """

    MAX_GROWTH = 0.1
    MESSAGE = 8
    centre: Float[Tensor, " 2"]

    def __init__(
        self,
        frame_size: tuple[int, int],
        log_typical_side: float,
        where_dim: int = 3,
        relation: str = "none",
        gru_dim: int = 64,
    ) -> None:
        super().__init__()
        self.hidden_dim = kalman.SIZE + gru_dim
        height, width = frame_size
        centre = torch.tensor([width / 2, height / 2])
        self.register_buffer("centre", centre, persistent=False)
        self.log_typical_side = log_typical_side
        self.relation = None
        message = 0
        if relation == "pairwise":
            self.relation = PairwiseRelation(log_typical_side, self.MESSAGE)
            message = self.MESSAGE
        self.edges = EdgeRelation(frame_size, log_typical_side)
        inputs = where_dim + 4
        self.gru = nn.GRUCell(inputs, gru_dim)
        self.head = mlp([gru_dim + inputs + message, 64, 4 + 2 * where_dim], last_gain=0.05)
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        last.bias.data[2 + where_dim :] = -3.0
        self.log_noise = nn.Parameter(torch.tensor(-1.4))
        self.log_patience = nn.Parameter(torch.tensor(0.7))
        self.log_var_new = nn.Parameter(torch.tensor(1.8))

    def forward(
        self,
        where: Float[Tensor, "B K w"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K M"],
        present: Float[Tensor, "B K"],
        camera_px: Float[Tensor, "B 2"] | None = None,
    ) -> tuple[Gaussian, Float[Tensor, "B K M"]]:
        """See `Transition.forward`."""
        sides = where.shape[-1] - 2
        predicted, memory = kalman.unpack(hidden)
        noise = self.log_noise.exp()
        belief, news = kalman.correct(predicted, velocity, noise, self.log_var_new.exp(), self.log_patience.exp())
        xy = where[..., :2] + belief.expected
        inputs = torch.cat(
            [
                1.5 * (xy / self.centre - 1),
                3 * (where[..., 2:] - self.log_typical_side),
                belief.velocity / 3,
                news,
            ],
            -1,
        )
        memory = self.gru(inputs.flatten(0, -2), memory.flatten(0, -2)).view(memory.shape)
        known, speed = [memory, inputs], belief.velocity
        if self.relation is not None:
            force, message = self.relation(xy, where[..., 2:], speed, present)
            speed = speed + force
            known.append(message)
        out = self.head(torch.cat(known, -1))
        push, shift, growth, drift, log_scale = out.split([2, 2, sides, 4, sides], -1)
        speed, moved = self.edges(xy, where[..., 2:], speed + 0.3 * push)
        moved = belief.expected + moved + 0.3 * shift
        drift = drift.clamp(-8, 3).exp()
        predicted = kalman.predict(belief, speed, moved, drift[..., :2], drift[..., 2:])
        xy = where[..., :2] + moved
        if camera_px is not None:
            xy = xy - camera_px[:, None]
        log_side = where[..., 2:] + self.MAX_GROWTH * torch.tanh(growth)
        scale = torch.cat(
            [(predicted.var_position + noise).sqrt(), log_scale.clamp(-5, 0).exp()], -1
        )
        prior = Gaussian(torch.cat([xy, log_side], -1), scale)
        return prior, torch.cat([*predicted, memory], -1)
