"""The camera's displacement: seen in frames, told from objects, predicted from what was asked."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from agents.random_actions import RandomActions
from dyna.loop.rollout import rollout
from envs.digits import make
from envs.trajectory import Trajectory
from world_models.air.background.camera import CameraPrior, see
from world_models.air.background.canvas import CameraBelief, blank, read_view
from world_models.air.background.registration import MOST_SCALE, register
from world_models.blocks.distributions import Gaussian

PAN = {"camera": "pan", "camera_speed": 1.5, "camera_follow": 0.03, "world": 96}


def _landscape(rng: torch.Generator) -> Float[Tensor, "B C s t"]:
    grid = 0.3 * torch.rand(4, 3, 9, 9, generator=rng)
    return interpolate(grid, size=(96, 96), mode="bicubic", align_corners=False)


def test_a_view_is_found_again_although_things_move_in_it(rng: torch.Generator) -> None:
    picture = _landscape(rng)
    corner = 24 + 8 * torch.rand(4, 2, generator=rng) - 4
    frame = read_view(picture, corner, (48, 48))
    frame = frame + 0.05 * torch.randn(frame.shape, generator=rng)
    frame[:, :, 10:22, 30:42] = 0.9
    weight = torch.ones(4, 48, 48)
    weight[:, 9:23, 29:43] = 0
    found = register(picture, torch.ones(4, 96, 96), frame, weight, torch.full((4, 2), 24.0))
    error = (found.loc - corner).abs()
    assert error.max() < 0.4
    assert (found.scale < 0.4).all()
    assert (error / found.scale).square().mean() < 6


def test_what_moved_by_itself_is_left_out_although_nobody_said_so(rng: torch.Generator) -> None:
    picture = _landscape(rng)
    corner = torch.full((4, 2), 24.0) + torch.tensor([1.5, -1.0])
    frame = read_view(picture, corner, (48, 48))
    # A ninth of the picture is somewhere else by now.
    frame[:, :, 16:32, 16:32] = frame[:, :, 19:35, 16:32].clone()
    found = register(
        picture, torch.ones(4, 96, 96), frame, torch.ones(4, 48, 48), torch.full((4, 2), 24.0)
    )
    assert (found.loc - corner).abs().max() < 0.15


def test_a_blank_background_leaves_the_prediction_alone() -> None:
    belief = _first(torch.zeros(2, 1, 16, 16), torch.ones(2, 16, 16))
    prior = Gaussian(torch.tensor([[1.0, -2.0], [0.5, 0.0]]), torch.full((2, 2), 0.1))
    moved = see(belief, prior, torch.zeros(2, 1, 16, 16), torch.ones(2, 16, 16)).moved
    assert torch.allclose(moved.loc, prior.loc, atol=1e-3)
    assert (moved.scale <= prior.scale).all()


def _first(frame: Float[Tensor, "B C H W"], weight: Float[Tensor, "B H W"]) -> CameraBelief:
    still, side = torch.zeros(len(frame), 2), frame.shape[-1]
    canvas = blank(len(frame), tuple(frame.shape[1:]), side // 2)
    return CameraBelief(Gaussian(still, still + MOST_SCALE), canvas.write(frame, weight))


def _path(
    episodes: Trajectory, prior: CameraPrior
) -> tuple[Float[Tensor, "N T 2"], Float[Tensor, "N T 2"]]:
    """Displacements seen with true masks, and what was asked before each frame (px)."""
    frames, side = episodes.frame.float() / 255, episodes.frame.shape[-1]
    asked = torch.zeros_like(episodes.camera)
    asked[:, 1:] = episodes.camera[:, :-1] * side
    truth = episodes.truth
    assert truth is not None
    pixel = (torch.arange(side) + 0.5) / side
    centre, reach = truth.box[..., :2], truth.box[..., 2:] / 2 + 2 / side
    across = (pixel - centre[..., :1]).abs() < reach[..., :1]
    down = (pixel - centre[..., 1:]).abs() < reach[..., 1:]
    covered = across[..., None, :] & down[..., :, None] & (truth.id >= 0)[..., None, None]
    weight = 1 - covered.any(2).float()
    belief = _first(frames[:, 0], weight[:, 0])
    moves = [belief.moved.loc]
    for t in range(1, frames.shape[1]):
        belief = see(belief, prior(belief.moved, asked[:, t]), frames[:, t], weight[:, t])
        belief = belief.observe(frames[:, t], weight[:, t])
        moves.append(belief.moved.loc)
    return torch.stack(moves, 1), asked


def test_that_actions_move_the_camera_is_learned() -> None:
    env = make(tier="active", batch_size=12, seed=1)
    prior = CameraPrior()
    moves, asked = _path(rollout(env, RandomActions()), prior)
    error = (moves - asked)[:, 1:].norm(dim=-1)
    assert error.median() < 0.6  # the scene's background moves in whole pixels
    fitted = prior.fit(moves, asked)
    assert torch.allclose(prior.gain, torch.eye(2), atol=0.1)
    assert prior.memory.abs().max() < 0.1
    assert fitted["camera_scale"] < 0.4


def test_a_camera_that_wanders_goes_on_as_it_went() -> None:
    env = make(tier="medium", batch_size=12, seed=1, factors=PAN)
    prior = CameraPrior()
    moves, asked = _path(rollout(env, RandomActions()), prior)
    assert not asked.any()
    prior.fit(moves, asked)
    assert 0.5 < prior.memory.diagonal().mean() < 1.1
    assert moves[:, 1:].norm(dim=-1).mean() > 0.8


def test_the_prior_is_fitted_in_closed_form(rng: torch.Generator) -> None:
    asked = torch.randn(40, 12, 2, generator=rng)
    moves = torch.zeros_like(asked)
    for t in range(1, 12):
        moves[:, t] = 0.8 * asked[:, t] + 0.5 * moves[:, t - 1] + torch.tensor([0.1, -0.2])
    prior = CameraPrior()
    prior.fit(moves, asked)
    assert torch.allclose(prior.gain, 0.8 * torch.eye(2), atol=0.01)
    assert torch.allclose(prior.memory, 0.5 * torch.eye(2), atol=0.01)
    sure = Gaussian(moves[:, 5], torch.zeros(40, 2))
    assert torch.allclose(prior(sure, asked[:, 6]).loc, moves[:, 6], atol=0.02)
