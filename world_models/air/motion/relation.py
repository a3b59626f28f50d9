"""What objects do to each other: messages between every two objects of a scene, summed.

Interaction networks (Battaglia et al., 2016, https://arxiv.org/abs/1612.00222), as STOVE (Kossen
et al., 2020, https://arxiv.org/abs/1910.02425) uses them between the objects of a video.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from world_models.blocks.networks import mlp

MESSAGE_DIM = 8
"""Size of what one object tells another."""
LIKELY = 0.3
"""From this chance on an edge turns objects back: out of sight, few are seen to turn."""


def decide(
    chance: Float[Tensor, "*n"],
    exact: bool,
    likely: float = 0.5,
    rng: torch.Generator | None = None,
) -> Float[Tensor, "*n"]:
    """Whether something happens: as likely as it is, or (``exact``) yes or no.

    Half a collision is none that the world knows: it takes all the speed away. Gradients pass as
    if nothing had been decided.

    Args:
        chance: How likely it is.
        exact: Whether to decide.
        likely: From this chance on it happens, unless ``rng`` is given:
        rng: Then what is more likely than not happens, and of the rest as much as is likely.
    """
    if not exact:
        return chance
    if rng is None:
        happens = chance > likely
    else:
        drawn = torch.rand(chance.shape, generator=rng, device=chance.device)
        happens = (chance > 0.5) | (drawn < chance)
    return chance + (happens.to(chance.dtype) - chance).detach()


class PairwiseRelation(nn.Module):
    """A push along the line between two objects, and a message, from each object to each other.

    A pair is described by what no rotation changes (gap, closing speed, sizes), so that a
    collision needs to be learned once and not for every direction. Pushes are opposite and equal
    but for masses, so momentum is kept; how much of the energy, and how mass grows with size, is
    learned.

    Args:
        log_typical_side: Logarithm of the usual window side, to centre the input.
        message_dim: Size of a message.
        sparse: Only objects that touch tell each other anything.
    """

    def __init__(self, log_typical_side: float, message_dim: int, sparse: bool = False) -> None:
        super().__init__()
        self.sparse = sparse
        self.log_typical_side = log_typical_side
        self.pair = mlp([6, 32, 32, message_dim], last_gain=0.1)
        self.elasticity = nn.Parameter(torch.tensor(4.0))
        self.growth = nn.Parameter(torch.tensor(2.0))
        # Of an object's radius, as a share of its window's side.
        self.log_body = nn.Parameter(torch.tensor(-1.0))
        self.log_sharpness = nn.Parameter(torch.tensor(1.0))

    def forward(
        self,
        xy: Float[Tensor, "B K 2"],
        log_side: Float[Tensor, "B K s"],
        velocity: Float[Tensor, "B K 2"],
        present: Float[Tensor, "B K"],
        exact: bool = False,
    ) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K m"]]:
        """What reaches each object from all others.

        Args:
            xy: Centres, pixels.
            log_side: Logarithms of the windows' sides.
            velocity: Pixels per frame.
            present: 1 where a slot holds an object; others send nothing.
            exact: All this is known exactly, so a collision happens or does not.

        Returns:
            Change of velocity, pixels per frame, and summed messages.
        """
        line = xy[:, None] - xy[:, :, None]
        distance = (line.square().sum(-1) + 1e-6).sqrt()
        normal = line / distance[..., None]
        relative = velocity[:, :, None] - velocity[:, None]
        closing = (relative * normal).sum(-1)
        sliding = (relative.square().sum(-1) - closing.square()).clamp(min=0)
        log_side = log_side.mean(-1)
        radius = (log_side + self.log_body).exp()
        reach = radius[:, :, None] + radius[:, None]
        size = 3 * (log_side - self.log_typical_side)
        about = [
            (distance - reach) / 3,
            closing / 3,
            distance / 16,
            sliding / 9,
            size[:, :, None].expand_as(distance),
            size[:, None].expand_as(distance),
        ]
        sent = self.pair(torch.stack(about, -1))
        others = present[:, None] * (1 - torch.eye(present.shape[1], device=present.device))
        contact = torch.sigmoid((reach - distance) * self.log_sharpness.exp())
        touch = decide(contact, exact)
        heard = touch * others if self.sparse else others
        share = torch.sigmoid(self.growth * (log_side[:, None] - log_side[:, :, None]))
        kept = 1 + torch.sigmoid(self.elasticity)
        push = closing.clamp(min=0) * kept * share * touch * others
        return -(push[..., None] * normal).sum(2), (sent * heard[..., None]).sum(2)


def related(name: str, log_typical_side: float) -> PairwiseRelation | None:
    """The relation of that name (``none``, ``pairwise``, ``sparse``), with `MESSAGE_DIM`."""
    if name == "none":
        return None
    return PairwiseRelation(log_typical_side, MESSAGE_DIM, sparse=name == "sparse")


class EdgeRelation(nn.Module):
    """What the edges of the view do to an object: they may turn it back.

    The same law holds for all four, and for each axis on its own. Whether there are walls at all,
    how far beyond the edge, and how sharp the contact is, is learned.

    Args:
        frame_size: (H, W) in pixels.
        log_typical_side: Logarithm of the usual window side, to centre the input.
    """

    middle: Float[Tensor, " 2"]

    def __init__(self, frame_size: tuple[int, int], log_typical_side: float) -> None:
        super().__init__()
        height, width = frame_size
        half = torch.tensor([width / 2, height / 2])
        self.register_buffer("middle", half, persistent=False)
        self.log_typical_side = log_typical_side
        self.strength = mlp([3, 16, 1], last_gain=0.1)
        last = self.strength[-1]
        assert isinstance(last, nn.Linear)
        last.bias.data.fill_(3.0)
        self.log_body = nn.Parameter(torch.tensor(-1.0))
        self.beyond = nn.Parameter(torch.tensor(0.0))
        self.log_sharpness = nn.Parameter(torch.tensor(1.0))

    def forward(
        self,
        xy: Float[Tensor, "B K 2"],
        log_side: Float[Tensor, "B K s"],
        velocity: Float[Tensor, "B K 2"],
        exact: bool = False,
        rng: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K 2"]]:
        """The velocity after this frame, and how far the object moves in it (pixels)."""
        ahead = torch.where(velocity < 0, -1.0, 1.0)
        pace = velocity * ahead
        gap = self.middle - ahead * (xy - self.middle)
        room = gap + 10 * self.beyond - (log_side + self.log_body).exp()
        size = 3 * (log_side - self.log_typical_side).expand_as(room)
        strength = self.strength(torch.stack([room.clamp(-10, 20) / 4, pace / 3, size], -1))
        contact = torch.sigmoid((pace - room) * self.log_sharpness.exp())
        turns = decide(torch.sigmoid(strength[..., 0]), exact, LIKELY, rng)
        turned = turns * decide(contact, exact)
        after = velocity * (1 - 2 * turned)
        # Who is past the edge, for it did not turn there, turns where it is.
        way = room.clamp(min=0) if exact else room
        return after, after + 2 * turned * ahead * way
