"""Whether objects act on each other: told by how they part when they have met."""

import torch

from world_models.air.motion.learning import Tracks
from world_models.air.settings import AIRChoices, AIRSettings, decided

MOST_EPISODES = 64
"""So many are enough to see collisions in."""
NEAR = 1.5
"""Two objects meet if they come as near as this, in sides of their windows."""
REACH = 3
"""Frames before and after a meeting in which both must be seen."""
LEAST_SPEED = 1.0
"""Pixels per frame at which they must have met, or noise says how they parted."""
LEAST_MEETINGS = 10
REBOUND = 0.3
"""Share of their speed with which they must part on average to have collided."""


def rebound(tracks: Tracks) -> tuple[float, int]:
    """How much of their relative speed two objects that meet turn round: about 1 as they bounce.

    Objects that pass each other go on as they came: along the line between their centres, where
    these are nearest, they lose no speed. On average that gives 0, whatever noise there is.

    Returns:
        The mean over meetings, and their number.
    """
    xy, horizon = tracks.where[..., :2], tracks.where.shape[1]
    one, other = torch.triu_indices(xy.shape[2], xy.shape[2], 1, device=xy.device)
    if horizon <= 2 * REACH or len(one) == 0:
        return 0.0, 0
    apart = xy[:, :, one] - xy[:, :, other]
    distance = apart.norm(dim=-1)
    side = tracks.where[..., 2:].mean(-1).exp()
    near = NEAR * (side[:, :, one] + side[:, :, other]) / 2
    same = tracks.continued()
    both = same[:, :, one] & same[:, :, other]

    def at(x: torch.Tensor, shift: int) -> torch.Tensor:
        """The frames that have `REACH` others on both sides, ``shift`` frames later."""
        return x[:, REACH + shift : horizon - REACH + shift]

    met = torch.stack([at(both, k) for k in range(1 - REACH, REACH + 1)]).all(0)
    met &= (at(distance, 0) <= at(distance, -1)) & (at(distance, 0) < at(distance, 1))
    before = (at(apart, -1) - at(apart, -REACH)) / (REACH - 1)
    after = (at(apart, REACH) - at(apart, 1)) / (REACH - 1)
    speed = before.norm(dim=-1)
    met &= (at(distance, 0) < at(near, 0)) & (speed > LEAST_SPEED)
    line = at(apart, 0) / at(distance, 0)[..., None].clamp(min=1e-6)
    turned = ((after - before) * line).sum(-1)[met] / speed[met]
    return (turned.mean().item() if len(turned) else 0.0), len(turned)


def choose_relation(
    settings: AIRSettings, chosen: AIRChoices, tracks: Tracks
) -> tuple[AIRChoices, dict[str, float]]:
    """Whether objects act on each other.

    Args:
        settings: What is not open in them stays.
        chosen: What was chosen so far.
        tracks: Scenes as the filter saw them.

    Returns:
        All choices, and what told this one.
    """
    share, meetings = rebound(tracks)
    collide = meetings >= LEAST_MEETINGS and share > REBOUND
    fixed = settings.transition == "constant_velocity"
    known = {name: getattr(chosen, name) for name in settings.open}
    known["relation"] = "pairwise" if collide and not fixed else "none"
    return decided(settings, **known), {"rebound": share, "meetings": float(meetings)}
