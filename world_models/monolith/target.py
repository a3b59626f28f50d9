"""Where the target is, learned from what an agent may know: first boxes and scalar rewards.

Rewards say little unless the agent's box is near the target. So first boxes are used twice: as
they are, and as patches that fly over other episodes by a law of motion written by hand. There the
target's box is known at every frame, among objects that look and move as real ones do.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from envs.boxes import iou
from envs.trajectory import Trajectory
from world_models.blocks import bouncing

PLACE_SCALE = 0.02
"""Scale of the Laplace density of a box's centre and sides: 1 of 48 pixels."""
REWARD_SCALE = 0.1
FEATHER = 1.5
"""Pixels over which a pasted patch fades out."""


def scored_box(real: Trajectory) -> Float[Tensor, "B T 4"]:
    """The box that each reward scored: the moved box, before the view moved on."""
    centre = real.box[:, 1:, :2] + real.camera
    return torch.cat([centre, real.box[:, 1:, 2:]], -1)


def place_error(
    predicted: Float[Tensor, "*n d"], true: Float[Tensor, "*n d"]
) -> Float[Tensor, "*n"]:
    """Negative log density of true boxes (or of their centres), in nats, up to a constant."""
    return (predicted - true).abs().sum(-1) / PLACE_SCALE


def reward_error(
    predicted: Float[Tensor, "*n 4"], scored: Float[Tensor, "*n 4"], reward: Float[Tensor, "*n"]
) -> Float[Tensor, "*n"]:
    """Negative log density of rewards, in nats, up to a constant.

    The reward of a box is its IoU with the target, so the predicted target must have that IoU with
    it. Where boxes are apart their IoU has no slope; a touch of the target that was rewarded then
    pulls the prediction to the scored box.
    """
    overlap = iou(predicted, scored)
    error = (overlap - reward).square() / (2 * REWARD_SCALE**2)
    lost = ((reward > 0.05) & (overlap < 0.01)).float()
    return error + lost * place_error(predicted[..., :2], scored[..., :2])


def fly(box: Float[Tensor, "B 4"], horizon: int, rng: torch.Generator) -> Float[Tensor, "B T 4"]:
    """Boxes of the given sizes on random paths; the first centre is drawn, too."""
    size = box[:, 2:]
    low = (size / 2).clamp(max=0.5)
    draw = torch.rand(low.shape, generator=rng, device=box.device)
    now = torch.cat([low + draw * (1 - 2 * low), size], -1)
    velocity = bouncing.launch((len(box),), rng)
    path = [now]
    for _ in range(horizon - 1):
        now, velocity = bouncing.fly(now, velocity, rng)
        path.append(now)
    return torch.stack(path, 1)


def paste(
    frame: Float[Tensor, "B T C H W"],
    patch: Float[Tensor, "B C H W"],
    box: Float[Tensor, "B 4"],
    path: Float[Tensor, "B T 4"],
) -> tuple[Float[Tensor, "B T C H W"], Float[Tensor, "B T 4"]]:
    """Draws the inside of a box of one frame over another episode's frames, along a path.

    Args:
        frame: The other episode.
        patch: The frames that the boxes are of.
        box: The boxes in them.
        path: Where they should be; only centres are used.

    Returns:
        The frames, and where the boxes are: patches move by whole pixels.
    """
    height, width = frame.shape[-2:]
    scale = frame.new_tensor([width, height])
    shift = ((path[..., :2] - box[:, None, :2]) * scale).round().long()
    x = torch.arange(width, device=frame.device)
    y = torch.arange(height, device=frame.device)
    moved = _shifted(patch, x - shift[..., :1], y - shift[..., 1:])
    centre = box[:, None, :2] + shift / scale
    share = _inside(x, centre[..., 0], box[:, None, 2], width)[..., None, :]
    share = share * _inside(y, centre[..., 1], box[:, None, 3], height)[..., None]
    share = share[:, :, None]
    placed = torch.cat([centre, box[:, None, 2:].expand_as(centre)], -1)
    return frame + share * (moved - frame), placed


def _shifted(
    patch: Float[Tensor, "B C H W"], x: Int[Tensor, "B T W"], y: Int[Tensor, "B T H"]
) -> Float[Tensor, "B T C H W"]:
    """The pixels (x, y) of each patch; the nearest ones beyond its edge."""
    _, channels, height, width = patch.shape
    index = y.clamp(0, height - 1)[..., None] * width + x.clamp(0, width - 1)[..., None, :]
    size, horizon = index.shape[:2]
    flat = index.flatten(1)[:, None].expand(-1, channels, -1)
    out = patch.flatten(2).gather(2, flat).view(size, channels, horizon, height, width)
    return out.transpose(1, 2)


def _inside(
    pixel: Int[Tensor, " N"],
    centre: Float[Tensor, "B T"],
    side: Float[Tensor, "B 1"],
    length: int,
) -> Float[Tensor, "B T N"]:
    """How much of each pixel along one axis belongs to the box; edges fade outwards."""
    distance = ((pixel + 0.5) / length - centre[..., None]).abs() - side[..., None] / 2
    return (1 - distance * length / FEATHER).clamp(0, 1)


def mirror(
    frame: Float[Tensor, "B T C H W"],
    boxes: list[Float[Tensor, "B _ 4"]],
    camera: Float[Tensor, "B T 2"],
    rng: torch.Generator,
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Whole batches seen in a mirror: left to right, upside down, both, or neither."""
    for axis in (0, 1):
        if bool(torch.randint(2, (), generator=rng, device=rng.device)):
            frame = frame.flip(-1 - axis)
            turned = torch.arange(2, device=frame.device) == axis
            camera = torch.where(turned, -camera, camera)
            boxes = [
                torch.cat([torch.where(turned, 1 - b[..., :2], b[..., :2]), b[..., 2:]], -1)
                for b in boxes
            ]
    return frame, boxes, camera
