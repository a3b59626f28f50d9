"""World models that know the truth, so that what is measured of them is known beforehand."""

import dataclasses
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from envs.scene import View
from envs.trajectory import Trajectory, Truth
from world_models.base import Posterior, WorldModel


class Seer(WorldModel[Any]):
    """Believes what a given truth says, hidden objects included, and predicts it frame by frame.

    Args:
        episodes: Whose truth it knows.
        wander: Standard deviation of the Gaussian noise on predicted centres (fractions).
        forget: Whether it forgets hidden objects and takes them for new ones later.
    """

    sees = True

    def __init__(self, episodes: Trajectory, wander: float = 0.0, forget: bool = False) -> None:
        super().__init__()
        assert episodes.truth is not None
        self.frame_shape = tuple(episodes.frame.shape[2:])  # type: ignore[assignment]
        self.num_slots = episodes.truth.id.shape[-1]
        self.truth: Truth = episodes.truth
        self.wander, self.forget = wander, forget

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        return {}

    def start(self, batch_size: int, rng: torch.Generator) -> Any:
        raise NotImplementedError

    def posterior(self, real: Trajectory) -> Posterior:
        truth, identity = self.truth, self.truth.id
        if self.forget:
            hidden = truth.visible <= 0.3
            spells = (hidden[:, 1:] & ~hidden[:, :-1]).cumsum(1)
            born = torch.cat([torch.zeros_like(spells[:, :1]), spells], 1)
            identity = torch.where(hidden | (identity < 0), -1, identity + 100 * born)
        return Posterior(
            belief=list(range(real.horizon)),
            box=truth.box,
            visible=torch.where(identity >= 0, truth.visible, 0.0),
            id=identity,
            reconstruction=real.frame,
            elbo=torch.zeros_like(real.reward),
        )

    def resume(self, posterior: Posterior, t: int) -> Any:
        return t, self._view(t)

    def prior(
        self, state: Any, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None
    ) -> Any:
        t = state[0] + 1
        view = self._view(t)
        noise = self.wander * torch.randn(view.box[..., :2].shape, generator=rng)
        box = torch.cat([view.box[..., :2] + noise, view.box[..., 2:]], -1)
        return t, dataclasses.replace(view, box=box)

    def decode(self, state: Any) -> View:
        return state[1]

    def _view(self, t: int) -> View:
        truth = self.truth
        frame = torch.zeros(len(truth.target), *self.frame_shape, dtype=torch.uint8)
        return View(frame, truth.box[:, t], truth.visible[:, t], truth.id[:, t])
