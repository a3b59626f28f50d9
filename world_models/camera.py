"""The camera as a latent: how far the view moves between frames, seen and predicted.

``z_cam`` is the displacement of the view in pixels, x to the right and y down. Its posterior comes
from registering each frame with the background seen so far (`register`); its prior is linear and
Gaussian in the last displacement and in what was asked of the camera (`CameraPrior`), fitted to
real episodes. So that actions move the camera is learned, and not wired in.
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d

from world_models.canvas import Canvas, blank, read_view
from world_models.distributions import fuse_gaussians
from world_models.scene_model import Gaussian

LEVELS = ((2, 1.0, 3), (1, 1.5, 1))
"""By which whole number pictures are shrunk, how they are blurred (px then), how many steps."""
SEARCH_PX = 6
BOUND = 0.03
"""Error (of a frame in [0, 1]) above which all errors count nearly alike in the search."""
LEAST_SCALE = 0.05
FIRST_SCALE = 3.0
"""Scale of the prior before anything is learned (px)."""
RIDGE = 1.0


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
        self.register_buffer("scale", torch.full((2,), FIRST_SCALE))

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
        self.scale = variance.clamp(min=LEAST_SCALE**2).sqrt()
        return {
            "camera_gain": self.gain.diagonal().mean().item(),
            "camera_memory": self.memory.diagonal().mean().item(),
            "camera_scale": self.scale.mean().item(),
        }


@dataclasses.dataclass(frozen=True)
class CameraBelief:
    """Where the view is, how it came there, and what it has shown of the background.

    Attributes:
        moved: Posterior of the last displacement, pixels.
        canvas: The background in world coordinates.
    """

    moved: Gaussian
    canvas: Canvas

    def shown(
        self, frame: Float[Tensor, "B C H W"], weight: Float[Tensor, "B H W"]
    ) -> "CameraBelief":
        """The belief with the frame's background added; ``weight`` is its explanation mask."""
        return dataclasses.replace(self, canvas=self.canvas.write(frame, weight))


def open_eyes(frame: Float[Tensor, "B C H W"], weight: Float[Tensor, "B H W"]) -> CameraBelief:
    """The belief after the first frame; ``weight`` is its explanation mask."""
    batch, channels, height, width = frame.shape
    still = frame.new_zeros(batch, 2)
    canvas = blank(batch, (channels, height, width), max(height, width) // 2, frame.device)
    return CameraBelief(Gaussian(still, still + FIRST_SCALE), canvas.write(frame, weight))


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


def blur(picture: Float[Tensor, "B c h w"], sigma: float) -> Float[Tensor, "B c h w"]:
    """Gaussian blur; outside of the picture is 0."""
    reach = round(2.5 * sigma)
    x = torch.arange(-reach, reach + 1, device=picture.device)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = kernel / kernel.sum()
    flat = picture.flatten(0, 1)[:, None]
    flat = conv2d(flat, kernel[None, None, :, None], padding=(reach, 0))
    return conv2d(flat, kernel[None, None, None, :], padding=(0, reach)).view(picture.shape)


@torch.no_grad()
def register(
    picture: Float[Tensor, "B C s t"],
    known: Float[Tensor, "B s t"],
    frame: Float[Tensor, "B C h w"],
    weight: Float[Tensor, "B h w"],
    corner: Float[Tensor, "B 2"],
    search_px: int = SEARCH_PX,
) -> Gaussian:
    """Where in a picture a frame was taken.

    Args:
        picture: The larger picture (or an earlier frame).
        known: How far each of its pixels is to be trusted, 0 to 1.
        frame: The frame.
        weight: Its explanation mask: 0 where an object explains it, 1 for background.
        corner: Where the frame's top left corner should be in the picture (px).
        search_px: How far around ``corner`` to search before the fine steps; 0 does not.

    Returns:
        The corner, and how sure that is: from the curvature of the error at the best place. Robust
        weights leave out what moved by itself.

    Source:
        Lucas and Kanade (1981), as Gauss-Newton with iteratively reweighted least squares.
    """
    reach = search_px + 4
    first = corner.floor() - reach
    size = (frame.shape[-2] + 2 * reach, frame.shape[-1] + 2 * reach)
    both = read_view(torch.cat([picture * known[:, None], known[:, None]], 1), first, size)
    area, trust = both[:, :-1] / both[:, -1:].clamp(min=1e-3), both[:, -1]
    found = corner - first
    for i, (pool, sigma, steps) in enumerate(LEVELS):
        reference = _smoothed(area, trust, pool, sigma)
        target = _smoothed(frame, weight, pool, sigma)
        place = found / pool
        if i == 0 and search_px > 0:
            place = _search(*reference, *target, place, search_px // pool)
        for _ in range(steps):
            step, doubt = _gauss_newton(*reference, *target, place, sigma)
            place = place + step
        found, scale = place * pool, doubt * pool
    moved = (found + first - corner).clamp(-reach, reach)
    return Gaussian(corner + moved, scale.clamp(LEAST_SCALE, FIRST_SCALE))


def _smoothed(
    picture: Float[Tensor, "B C s t"], known: Float[Tensor, "B s t"], pool: int, sigma: float
) -> tuple[Float[Tensor, "B C u v"], Float[Tensor, "B u v"]]:
    """Shrinks and blurs what is known of a picture, and says how much is known around."""
    both = avg_pool2d(torch.cat([picture * known[:, None], known[:, None]], 1), pool)
    here = both[:, -1]
    both = blur(both, sigma)
    return both[:, :-1] / both[:, -1:].clamp(min=1e-3), both[:, -1] * here


def _search(
    reference: Float[Tensor, "B C s t"],
    trust: Float[Tensor, "B s t"],
    target: Float[Tensor, "B C h w"],
    mask: Float[Tensor, "B h w"],
    corner: Float[Tensor, "B 2"],
    reach: int,
) -> Float[Tensor, "B 2"]:
    """The best of all moves by whole pixels, by a bounded error."""
    height, width = mask.shape[-2:]
    area = read_view(
        torch.cat([reference, trust[:, None]], 1),
        corner - reach,
        (height + 2 * reach, width + 2 * reach),
    )
    costs, moves = [], []
    for y in range(2 * reach + 1):
        for x in range(2 * reach + 1):
            part = area[:, :, y : y + height, x : x + width]
            counts = part[:, -1] * mask
            error = (part[:, :-1] - target).square().mean(1)
            bounded = error / (error + BOUND**2)
            costs.append((bounded * counts).sum((1, 2)) / counts.sum((1, 2)).clamp(min=1e-3))
            moves.append((float(x - reach), float(y - reach)))
    best = torch.stack(costs, 1).argmin(1)
    return corner + corner.new_tensor(moves)[best]


def _gauss_newton(
    reference: Float[Tensor, "B C s t"],
    trust: Float[Tensor, "B s t"],
    target: Float[Tensor, "B C h w"],
    mask: Float[Tensor, "B h w"],
    corner: Float[Tensor, "B 2"],
    sigma: float,
) -> tuple[Float[Tensor, "B 2"], Float[Tensor, "B 2"]]:
    """One step towards the best corner, and the scale of what is left to doubt."""
    height, width = target.shape[-2:]
    both = torch.cat([reference, trust[:, None]], 1)
    here = read_view(both, corner - 1, (height + 2, width + 2))
    picture, counts = here[:, :-1], here[:, -1, 1:-1, 1:-1] * mask
    # A gradient that leans on unknown pixels is none.
    counts = counts * (here[:, -1, :-2, 1:-1] > 0) * (here[:, -1, 2:, 1:-1] > 0)
    counts = counts * (here[:, -1, 1:-1, :-2] > 0) * (here[:, -1, 1:-1, 2:] > 0)
    across = (picture[..., 1:-1, 2:] - picture[..., 1:-1, :-2]) / 2
    down = (picture[..., 2:, 1:-1] - picture[..., :-2, 1:-1]) / 2
    error = target - picture[..., 1:-1, 1:-1]
    counts = counts * _robust(error, counts)

    total = counts.sum((1, 2)).clamp(min=1e-6)
    variance = (counts * error.square().mean(1)).sum((1, 2)) / total
    weight = counts[:, None]
    xx, xy, yy, gx, gy = (
        (weight * a * b).sum((1, 2, 3))
        for a, b in (
            (across, across), (across, down), (down, down), (across, error), (down, error)
        )
    )  # fmt: skip
    flat = 1e-6 * total  # where the background is flat nothing pulls, and the scale is large
    xx, yy = xx + flat, yy + flat
    determinant = xx * yy - xy**2
    step = torch.stack([yy * gx - xy * gy, xx * gy - xy * gx], -1) / determinant[:, None]
    # Blurred pixels are not independent: about 4 pi sigma^2 of them are worth one.
    inverse = torch.stack([yy, xx], -1) / determinant[:, None]
    doubt = (variance[:, None] * inverse * 4 * torch.pi * sigma**2).sqrt()
    return step.clamp(-2, 2), doubt


def _robust(
    error: Float[Tensor, "B C h w"], counts: Float[Tensor, "B h w"]
) -> Float[Tensor, "B h w"]:
    """Weights (Geman and McClure) by the median error of each frame: objects get next to none."""
    size = error.square().mean(1)
    known = torch.where(counts > 0.1, size, torch.nan).flatten(1)
    usual = known.nanmedian(1).values.nan_to_num(1.0).clamp(min=1e-6)[:, None, None]
    return (1 + size / (4 * usual)) ** -2
