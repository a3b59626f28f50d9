"""The camera as a latent: how far the view moves between frames, seen and predicted.

``z_cam`` is the displacement of the view in pixels, x to the right and y down. Its posterior comes
from registering each frame with the background seen so far (`registration`); its prior is linear
and Gaussian in the last displacement and in what was asked of the camera (`CameraPrior`), fitted
to real episodes. So that actions move the camera is learned, and not wired in.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from world_models.air.background.canvas import CameraBelief
from world_models.air.background.registration import MOST_SCALE, SEARCH_PX, register
from world_models.blocks.distributions import Gaussian, fuse_gaussians

RIDGE = 1.0
LEAST_SURPRISE = 0.1
"""No camera is held for more predictable than this (px): frames must keep a say."""


class CameraPrior(nn.Module):
    """p(z_cam now | z_cam before, what was asked): linear and Gaussian, the same for each episode.

    ``loc = gain @ asked + memory @ previous + drift``. A camera that the action moves has gain 1
    and no memory, one that wanders by itself the reverse. Before `fit` it expects anything.
    """

    gain: Float[Tensor, "2 2"]
    memory: Float[Tensor, "2 2"]
    drift: Float[Tensor, " 2"]
    scale: Float[Tensor, " 2"]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gain", torch.zeros(2, 2))
        self.register_buffer("memory", torch.zeros(2, 2))
        self.register_buffer("drift", torch.zeros(2))
        self.register_buffer("scale", torch.full((2,), MOST_SCALE))

    def forward(self, previous: Gaussian, asked_px: Float[Tensor, "B 2"]) -> Gaussian:
        """What to expect of the next displacement; doubt about the last one is passed on."""
        loc = asked_px @ self.gain.T + previous.loc @ self.memory.T + self.drift
        variance = self.scale**2 + previous.scale**2 @ self.memory.T**2
        return Gaussian(loc, variance.sqrt())

    @torch.no_grad()
    def fit(
        self, moves: Float[Tensor, "N T 2"], asked_px: Float[Tensor, "N T 2"]
    ) -> dict[str, float]:
        """Ridge regression on displacements as they were seen.

        Args:
            moves: Displacement before each frame (px); the first of an episode is meaningless.
            asked_px: What was asked of the camera before each frame (px).

        Returns:
            How much of what is asked happens, how much motion goes on, and what is left (px).
        """
        now, before, asked = moves[:, 2:], moves[:, 1:-1], asked_px[:, 2:]
        inputs = torch.cat([asked, before, torch.ones_like(now[..., :1])], -1)
        x, y = inputs.flatten(0, 1).double(), now.flatten(0, 1).double()
        pull = RIDGE * torch.eye(5, dtype=x.dtype, device=x.device)
        weights = torch.linalg.solve(x.T @ x + pull, x.T @ y).to(now)
        self.gain, self.memory, self.drift = weights[:2].T, weights[2:4].T, weights[4]
        rest = now - inputs @ weights
        variance = rest.square().mean((0, 1))
        if rest.shape[1] > 1:
            # Places are seen with errors e, so a move errs by e now minus e before: the next one
            # errs the other way, which tells the camera's own noise from that of seeing.
            follow = (rest[:, 1:] * rest[:, :-1]).mean((0, 1)).clamp(max=0)
            a = self.memory.diagonal().clamp(0, 1)
            variance = variance + follow * (1 + (1 + a) ** 2 + a**2) / (1 + a) ** 2
        self.scale = variance.clamp(min=LEAST_SURPRISE**2).sqrt()
        return {
            "camera_gain": self.gain.diagonal().mean().item(),
            "camera_memory": self.memory.diagonal().mean().item(),
            "camera_scale": self.scale.mean().item(),
        }


@torch.no_grad()
def see(
    belief: CameraBelief,
    prior: Gaussian,
    frame: Float[Tensor, "B C H W"],
    weight: Float[Tensor, "B H W"],
) -> CameraBelief:
    """Finds how the view has moved: the prediction, joined with the registered background.

    Args:
        belief: Before the frame.
        prior: Prediction of the displacement.
        frame: The new frame, in [0, 1].
        weight: Its explanation mask, as far as it can be predicted: 1 for background.
    """
    canvas = belief.canvas
    known = canvas.precision / (canvas.precision + 0.5)
    search = SEARCH_PX if bool((prior.scale > 1).any()) else 0
    place = canvas.corner + prior.loc
    found = register(canvas.mean, known, frame, weight, place, search)
    moved = Gaussian(*fuse_gaussians(found.loc - canvas.corner, found.scale, *prior))
    return CameraBelief(moved, canvas.move(moved.loc))
