"""One latent vector for a whole scene, filtered through time: encoder to decoder.

The networks of the monolithic world models. How latents move on is what these differ in, and is
passed in (`Dynamics`).
"""

import abc
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from world_models.blocks.distributions import Gaussian, sample_gaussian
from world_models.blocks.networks import mlp
from world_models.monolith.frame_networks import BoxHead, Decoder, Encoder, Features, Pointer

LOG_SCALE = (-3.5, 1.0)


class Latent(NamedTuple):
    """A scene as the model has it: what the dynamics remember, and the stochastic state."""

    memory: Float[Tensor, "*b M"]
    z: Float[Tensor, "*b D"]

    def at(self, times: int | slice) -> "Latent":
        """The states at some times of clips."""
        return Latent(self.memory[:, times], self.z[:, times])


class Dynamics(nn.Module, abc.ABC):
    """How latents move on, given how the camera is moved.

    Attributes:
        memory_size: M.
        latent_size: D.
        feature_size: L, size of what decoder and box head read.
    """

    memory_size: int
    latent_size: int
    feature_size: int

    def initial(self, batch: int, device: torch.device) -> tuple[Tensor, Gaussian]:
        """Before anything was seen: no memory, and a standard normal prior."""
        z = torch.zeros(batch, self.latent_size, device=device)
        memory = torch.zeros(batch, self.memory_size, device=device)
        return memory, Gaussian(z, torch.ones_like(z))

    @abc.abstractmethod
    def forward(
        self, latent: Latent, camera: Float[Tensor, "B 2"]
    ) -> tuple[Float[Tensor, "B M"], Gaussian]:
        """The next memory, and the prior of the next stochastic state."""

    @abc.abstractmethod
    def feature(self, latent: Latent) -> Float[Tensor, "*b L"]:
        """What decoder and box head read."""


def bounded_scale(raw: Tensor) -> Tensor:
    """A standard deviation from a network's output, about 1 where that is 0."""
    low, high = LOG_SCALE
    middle, half = (low + high) / 2, (high - low) / 2
    return (middle + half * torch.tanh((raw - middle) / half)).exp()


class Filtered(NamedTuple):
    """What the filter believes after each frame of a clip.

    Attributes:
        latent: A draw (or the mean) of the state after each frame.
        posterior: Its distribution.
        prior: Its distribution before the frame was seen.
        box: The target's box.
        place: Where the pointer alone finds the target.
    """

    latent: Latent
    posterior: Gaussian
    prior: Gaussian
    box: Float[Tensor, "B T 4"]
    place: Float[Tensor, "B T 2"]

    def head(self, count: int) -> "Filtered":
        """The first ``count`` clips."""
        return Filtered(
            Latent(*(part[:count] for part in self.latent)),
            Gaussian(*(part[:count] for part in self.posterior)),
            Gaussian(*(part[:count] for part in self.prior)),
            self.box[:count],
            self.place[:count],
        )


FORMER_NAMES = {"eye": "encoder", "hand": "decoder", "see": "correction"}
"""What parts were called in older checkpoints."""


class LatentFilter(nn.Module):
    """Perception, dynamics and the ways out of the latent.

    Args:
        frame_shape: (C, H, W).
        dynamics: How latents move on.
        width: Channels of the first layer of the encoder and of the last of the decoder.
    """

    def __init__(
        self, frame_shape: tuple[int, int, int], dynamics: Dynamics, width: int = 16
    ) -> None:
        super().__init__()
        self.dynamics = dynamics
        self.encoder = Encoder(frame_shape, width, summary=128)
        self.pointer = Pointer(self.encoder.features, dynamics.memory_size)
        inputs = dynamics.memory_size + 128 + self.pointer.size + 5
        self.correction = mlp([inputs, 256, 2 * dynamics.latent_size], last_gain=0.3)
        self.decoder = Decoder(frame_shape, dynamics.feature_size, width)
        self.box_head = BoxHead(dynamics.feature_size)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        for name in [key for key in state_dict if key.startswith(prefix)]:
            part, dot, rest = name.removeprefix(prefix).partition(".")
            if part in FORMER_NAMES:
                state_dict[f"{prefix}{FORMER_NAMES[part]}{dot}{rest}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(
        self,
        frame: Float[Tensor, "B T C H W"],
        first_box: Float[Tensor, "B 4"],
        camera: Float[Tensor, "B T 2"],
        rng: torch.Generator | None = None,
    ) -> Filtered:
        """Filters clips from their first frame on.

        Args:
            frame: Pictures in [0, 1].
            first_box: The target's box in the first frame: it says who the target is.
            camera: How far the view moved before each frame.
            rng: For draws from the posterior; None takes its mean.
        """
        batch, horizon = frame.shape[:2]
        features = self.encoder(frame.flatten(0, 1))
        features = Features(*(s.unflatten(0, (batch, horizon)) for s in features))
        template = self.pointer.template(features.map[:, 0], first_box)
        hint = torch.cat([first_box[:, :2] - 0.5, first_box[:, 2:].log() + 1.5], -1) * 3
        hint = torch.cat([hint, torch.ones_like(hint[:, :1])], -1)
        memory, prior = self.dynamics.initial(batch, frame.device)
        expected, steps, places = first_box, [], []
        for t, (found, summary) in enumerate(zip(*(s.unbind(1) for s in features), strict=True)):
            pointed, place = self.pointer(found, template, memory, expected)
            seen = torch.cat([memory, summary, pointed, hint], -1)
            change, raw = self.correction(seen).chunk(2, -1)
            posterior = Gaussian(prior.loc + change, bounded_scale(raw - 1))
            z = posterior.loc if rng is None else sample_gaussian(*posterior, rng)
            latent = Latent(memory, z)
            places.append(place)
            steps.append((latent, posterior, prior))
            if t + 1 < horizon:
                memory, prior = self.dynamics(latent, camera[:, t + 1])
                expected = self.box(Latent(memory, prior.loc)).detach()
                hint = torch.zeros_like(hint)
        latents, posteriors, priors = (
            [torch.stack(parts, 1) for parts in zip(*what, strict=True)]
            for what in zip(*steps, strict=True)
        )
        whole = Latent(*latents)
        box, place = self.box(whole), torch.stack(places, 1)
        return Filtered(whole, Gaussian(*posteriors), Gaussian(*priors), box, place)

    def box(self, latent: Latent) -> Float[Tensor, "*b 4"]:
        """The target's box."""
        return self.box_head(self.dynamics.feature(latent))

    def draw(self, latent: Latent) -> Float[Tensor, "*b C H W"]:
        """Means of frames."""
        feature = self.dynamics.feature(latent)
        return self.decoder(feature.flatten(0, -2)).unflatten(0, feature.shape[:-1])
