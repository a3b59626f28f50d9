"""What monolithic world models learn: to draw what they see, to predict it, to name the target.

Every batch holds real clips, and as many of them with a pasted target whose box is known at every
frame (`world_models.monolith.target`).
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from envs.trajectory import Trajectory
from world_models.blocks.distributions import Gaussian, kl_gaussian
from world_models.blocks.fixed_order import running_sum
from world_models.monolith import target
from world_models.monolith.latent_filter import Filtered, Latent, LatentFilter

OVERSHOOT = 10
"""Frames that are dreamed open-loop."""
FIRST = 2
"""The earliest frame that is dreamed on from: before it, speed cannot be known."""
BOX_WEIGHT = 10.0
"""Boxes are four numbers beside thousands of pixels, which would drown them."""
DREAM_WEIGHT = 0.3


@dataclasses.dataclass(frozen=True)
class Clips:
    """What one step learns from.

    Attributes:
        frame: Real clips, each from the first frame of an episode on, in [0, 1].
        camera: How far the view moved before each frame.
        first_box: The target's box in the first frame.
        scored: The box that each reward scored.
        reward: Its IoU with the target.
        pasted: Real clips with another target pasted into them.
        path: Where that one is.
        pasted_camera: How far their view moved before each frame.
    """

    frame: Float[Tensor, "B T C H W"]
    camera: Float[Tensor, "B T 2"]
    first_box: Float[Tensor, "B 4"]
    scored: Float[Tensor, "B T 4"]
    reward: Float[Tensor, "B T"]
    pasted: Float[Tensor, "B T C H W"]
    path: Float[Tensor, "B T 4"]
    pasted_camera: Float[Tensor, "B T 2"]


def camera_before(camera: Float[Tensor, "B T 2"]) -> Float[Tensor, "B T 2"]:
    """How far the view moved before each frame; a trajectory tells how far after it."""
    moved = torch.zeros_like(camera)
    moved[:, 1:] = camera[:, :-1]
    return moved


def draw_clips(real: Trajectory, batch: int, length: int, rng: torch.Generator) -> Clips:
    """Draws clips, mirrors them at random, and pastes first boxes of other episodes into them."""
    horizon = min(length, real.horizon)
    chosen = torch.randint(real.num_episodes, (2 * batch,), generator=rng, device=rng.device)
    some, others = real[chosen[:batch]], real[chosen[batch:]]
    frame = some.frame[:, :horizon].float() / 255
    camera = camera_before(some.camera)[:, :horizon]
    boxes = [some.box[:, :1], target.scored_box(some)[:, :horizon]]
    frame, boxes, camera = target.mirror(frame, boxes, camera, rng)

    patch, patch_box = others.frame[:, 0].float() / 255, others.box[:, 0]
    order = torch.randperm(batch, generator=rng, device=rng.device)
    path = target.fly(patch_box, horizon, rng)
    # It flies through the world, not through the view.
    path[..., :2] -= running_sum(camera[order], 1)
    pasted, path = target.paste(frame[order], patch, patch_box, path)
    return Clips(
        frame=frame,
        camera=camera,
        first_box=boxes[0][:, 0],
        scored=boxes[1],
        reward=some.reward[:, :horizon],
        pasted=pasted,
        path=path,
        pasted_camera=camera[order],
    )


@dataclasses.dataclass(frozen=True)
class Objective:
    """The costs of a filter.

    Attributes:
        filter: What is learned.
        sigma: Scale of the Gaussian pixel likelihood.
        free_nats: KL per frame that costs nothing.
        balance: Share of the KL that teaches the prior; the rest regularises the posterior.
    """

    filter: LatentFilter
    sigma: float
    free_nats: float
    balance: float

    def __call__(self, clips: Clips, rng: torch.Generator) -> dict[str, Float[Tensor, ""]]:
        """All costs, weighted, in nats per frame; their sum is the loss."""
        size = len(clips.frame)
        found = self.filter(
            torch.cat([clips.frame, clips.pasted]),
            torch.cat([clips.first_box, clips.path[:, 0]]),
            torch.cat([clips.camera, clips.pasted_camera]),
            rng,
        )
        seen, pasted_box, pointed = found.head(size), found.box[size:], found.place[size:]
        # Half of the frames, evenly spread, say as much as all of them.
        shown = slice(int(torch.randint(2, (), generator=rng, device=rng.device)), None, 2)
        dreamed_box, dreamed_frame = self.overshoot(seen, clips, rng)
        boxes = {
            "first_box": target.place_error(seen.box[:, 0], clips.first_box).mean(),
            "reward": target.reward_error(seen.box, clips.scored, clips.reward).mean(),
            "pasted_box": target.place_error(pasted_box, clips.path).mean(),
            "pointed": target.place_error(pointed, clips.path[..., :2]).mean(),
            "dreamed_box": DREAM_WEIGHT * dreamed_box,
        }
        return {
            "reconstruction": self.pixels(seen.latent.at(shown), clips.frame[:, shown]),
            "kl": self.kl(seen.posterior, seen.prior).clamp(min=self.free_nats).mean(),
            "dreamed_frame": DREAM_WEIGHT * dreamed_frame,
            **{name: BOX_WEIGHT * part for name, part in boxes.items()},
        }

    def pixels(self, latent: Latent, frame: Float[Tensor, "B T C H W"]) -> Float[Tensor, ""]:
        """Negative log density of frames, in nats, up to a constant."""
        error = (self.filter.draw(latent) - frame).square().sum((-1, -2, -3))
        return error.mean() / (2 * self.sigma**2)

    def kl(self, posterior: Gaussian, prior: Gaussian) -> Float[Tensor, "B T"]:
        """The balanced KL of DreamerV2 (Hafner et al., 2021, https://arxiv.org/abs/2010.02193)."""
        known = Gaussian(*(p.detach() for p in posterior))
        fixed = Gaussian(*(p.detach() for p in prior))
        teach = kl_gaussian(known.loc, known.scale, prior.loc, prior.scale).sum(-1)
        regularise = kl_gaussian(posterior.loc, posterior.scale, fixed.loc, fixed.scale).sum(-1)
        return self.balance * teach + (1 - self.balance) * regularise

    def overshoot(
        self, seen: Filtered, clips: Clips, rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Dreams open-loop from every frame of the clips on, by the mean of the dynamics.

        Returns:
            How far boxes stray from those that the filter finds, and the error of frames at one
            depth, both in nats.
        """
        depth = min(OVERSHOOT, clips.camera.shape[1] - FIRST - 1)
        if depth < 1:
            return clips.camera.new_zeros(()), clips.camera.new_zeros(())
        shown = int(torch.randint(1, depth + 1, (), generator=rng, device=rng.device))
        latent = seen.latent.at(slice(FIRST, None))
        errors, frame_error = [], clips.camera.new_zeros(())
        for k in range(1, depth + 1):
            now = slice(FIRST + k, None)
            camera = clips.camera[:, now]
            shape = camera.shape[:2]
            last = Latent(*(part[:, : shape[1]].flatten(0, 1) for part in latent))
            memory, prior = self.filter.dynamics(last, camera.flatten(0, 1))
            latent = Latent(memory.unflatten(0, shape), prior.loc.unflatten(0, shape))
            box = seen.box[:, now].detach()
            errors.append(target.place_error(self.filter.box(latent), box).flatten())
            if k == shown:
                few = slice(None, None, 3)
                frame_error = self.pixels(latent.at(few), clips.frame[:, now][:, few])
        return torch.cat(errors).mean(), frame_error
