"""What the monolithic world models share: they learn, filter and dream with one latent vector.

The rivals of the object-centric model. A frame is seen as a whole and drawn as a whole; a head
reads the target's box from the latent. It learns from first boxes and rewards
(`world_models.monolith.target`).
"""

import abc
import dataclasses
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from envs.boxes import iou
from envs.scene import View
from envs.settings import Settings, setting
from envs.trajectory import Trajectory
from world_models.base import Posterior, WorldModel
from world_models.blocks.distributions import kl_gaussian, sample_gaussian
from world_models.blocks.noise import estimate_noise, noise_slice, noise_table
from world_models.monolith.latent_filter import Dynamics, Latent, LatentFilter
from world_models.monolith.latent_objective import Objective, camera_before, draw_clips
from world_models.monolith.target import scored_box

BATCH = 64
MAX_GRADIENT = 200.0
MIN_AGE = 3
LOST = 0.3


@dataclasses.dataclass(frozen=True)
class MonolithSettings(Settings):
    """What can be set about every monolithic world model."""

    width: int = setting(16, "channels of the first layer", least=1)
    sigma: float = setting(0.15, "scale of the Gaussian pixel likelihood", above=0)
    free_nats: float = setting(1.0, "KL per frame that costs nothing")
    balance: float = setting(
        0.8,
        "share of the KL that teaches the prior; the rest regularises the posterior",
        least=0,
        most=1,
    )
    steps: int = setting(1200, "gradient steps of the first fit", least=1)
    batch: int = setting(
        5, "real clips per gradient step, and as many with a pasted target", least=1
    )
    clip: int = setting(12, "frames per clip, from the first one of an episode on", least=2)
    learning_rate: float = setting(2e-3, "of Adam, at its highest", above=0)


class Dream(NamedTuple):
    """A batch of imagined scenes; ``noise`` is where in the noise table a frame's noise begins."""

    latent: Latent
    noise: int


class Monolith(WorldModel[Dream]):
    """A world model whose scene is one vector.

    Args:
        frame_shape: (C, H, W).
        dynamics: How the vector moves on.
        settings: What is set about it.
    """

    sees = True
    num_slots = 1
    noise_table: Float[Tensor, " n"]

    @abc.abstractmethod  # what differs is how the vector moves on
    def __init__(
        self,
        frame_shape: tuple[int, int, int],
        dynamics: Dynamics,
        settings: MonolithSettings,
    ) -> None:
        super().__init__()
        self.frame_shape = frame_shape
        self.settings = settings
        self.filter = LatentFilter(frame_shape, dynamics, settings.width)
        self.register_buffer("noise_table", noise_table(), persistent=False)
        self.noise_sigma = 0.0
        self.bank: Latent | None = None

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """Learns from all real episodes so far; later calls refine what earlier ones found."""
        if self.bank is None:
            mean = real.frame[:, 0].float().mean(0) / 255
            self.filter.decoder.mean.data.copy_(mean)
        settings = self.settings
        steps = max(1, round(effort * settings.steps))
        parameters = list(self.filter.parameters())
        optimiser = torch.optim.Adam(parameters, lr=settings.learning_rate, fused=True)
        objective = Objective(self.filter, settings.sigma, settings.free_nats, settings.balance)
        tail: list[dict[str, Tensor]] = []
        for i in range(steps):
            rate = min(1.0, (i + 1) / 50, 2.5 * (1 - i / steps) + 0.02)
            optimiser.param_groups[0]["lr"] = settings.learning_rate * rate
            parts = objective(draw_clips(real, settings.batch, settings.clip, rng), rng)
            loss = torch.stack(list(parts.values())).sum()
            if not bool(torch.isfinite(loss)):
                raise FloatingPointError(
                    f"the world model's loss is {loss.item()}; lower learning_rate"
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT)
            optimiser.step()
            if i >= int(0.9 * steps):
                tail.append({name: part.detach() for name, part in parts.items()})
        metrics = {k: torch.stack([t[k] for t in tail]).mean().item() for k in tail[0]}
        flat = real.frame.flatten(0, 1)
        self.noise_sigma = estimate_noise(flat[:: max(1, len(flat) // 256)])
        return metrics | self._fill_bank(real)

    def _fill_bank(self, real: Trajectory) -> dict[str, float]:
        """Keeps the states from which imagination may start: those where the target is known."""
        history = self.posterior(real)
        box = history.box[:, :, 0]
        gap = (iou(box, scored_box(real)) - real.reward).abs()
        age = torch.arange(real.horizon, device=box.device)
        good = (gap < LOST) & (age >= MIN_AGE - 1)
        good[:, 0] = True
        memory = torch.stack([latent.memory for latent in history.belief], 1)
        z = torch.stack([latent.z for latent in history.belief], 1)
        self.bank = Latent(memory[good], z[good])
        return {
            "noise": self.noise_sigma,
            "elbo": history.elbo[:, 1:].mean().item(),
            "first_box_iou": iou(box[:, 0], real.box[:, 0]).mean().item(),
            "reward_gap": gap.mean().item(),
            "bank_moments": float(good.sum()),
        }

    @torch.no_grad()
    def posterior(self, real: Trajectory) -> Posterior:
        """Filters episodes frame by frame (causally), with posterior means."""
        parts = []
        for i in range(0, real.num_episodes, BATCH):
            some = real[i : i + BATCH]
            frame = some.frame.float() / 255
            found = self.filter(frame, some.box[:, 0], camera_before(some.camera))
            canvas = self.filter.draw(found.latent)
            error = (canvas - frame).square().sum((-1, -2, -3)) / (2 * self.settings.sigma**2)
            kl = kl_gaussian(*found.posterior, *found.prior).sum(-1)
            box = self._centre_in_frame(found.box)
            parts.append((*found.latent, box, _to_uint8(canvas), -error - kl))
        memory, z, box, canvas, elbo = (torch.cat(p) for p in zip(*parts, strict=True))
        visible = torch.ones_like(box[..., :1])
        return Posterior(
            belief=[Latent(memory[:, t], z[:, t]) for t in range(real.horizon)],
            box=box[:, :, None],
            visible=visible,
            id=torch.zeros_like(visible).long(),
            reconstruction=canvas,
            elbo=elbo,
        )

    def resume(self, posterior: Posterior, t: int) -> Dream:
        """The imagined state that continues what the filter believes."""
        return Dream(posterior.belief[t], 0)

    @torch.no_grad()
    def start(self, batch_size: int, rng: torch.Generator) -> Dream:
        """Begins imagined episodes in states of real ones."""
        if self.bank is None:
            raise RuntimeError("the world model has seen nothing yet: call fit() before start()")
        drawn = torch.randint(len(self.bank.z), (batch_size,), generator=rng, device=rng.device)
        latent = Latent(self.bank.memory[drawn], self.bank.z[drawn])
        return Dream(latent, self._noise_offset(rng))

    @torch.no_grad()
    def prior(
        self, state: Dream, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None
    ) -> Dream:
        """Draws the next latent."""
        if camera is None:
            camera = torch.zeros_like(state.latent.z[:, :2])
        memory, prior = self.filter.dynamics(state.latent, camera)
        latent = Latent(memory, sample_gaussian(prior.loc, prior.scale, rng))
        return Dream(latent, self._noise_offset(rng))

    @torch.no_grad()
    def decode(self, state: Dream) -> View:
        """Draws the frame, with the camera's noise, and reads the target's box."""
        canvas = self.filter.draw(state.latent)
        if self.noise_sigma > 0:
            noise = noise_slice(self.noise_table, state.noise, canvas.numel())
            canvas = canvas + self.noise_sigma * noise.view_as(canvas)
        box = self._centre_in_frame(self.filter.box(state.latent))[:, None]
        visible = torch.ones_like(box[..., 0])
        return View(_to_uint8(canvas), box, visible, torch.zeros_like(visible).long())

    @staticmethod
    def _centre_in_frame(box: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 4"]:
        """Boxes with their centre in the frame; the head bounds their sizes."""
        return torch.cat([box[..., :2].clamp(0, 1), box[..., 2:]], -1)

    def _noise_offset(self, rng: torch.Generator) -> int:
        return int(torch.randint(len(self.noise_table) // 2, (), generator=rng, device=rng.device))

    def get_extra_state(self) -> dict[str, Any]:
        """What no parameter or buffer holds."""
        bank = None if self.bank is None else tuple(self.bank)
        return {"noise_sigma": self.noise_sigma, "bank": bank}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what ``get_extra_state`` gave."""
        self.noise_sigma = state["noise_sigma"]
        self.bank = None if state["bank"] is None else Latent(*state["bank"])


def _to_uint8(canvas: Float[Tensor, "*b C H W"]) -> Tensor:
    return (canvas * 255).round().clamp(0, 255).to(torch.uint8)
