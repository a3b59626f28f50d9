"""How one frame is drawn from objects and a background, and the networks that read it back.

AIR's latents (Eslami et al., 2016, https://arxiv.org/abs/1603.08575): presence ``z_pres``, window
``z_where`` and appearance ``z_what`` per object, here with an alpha mask, so that objects cover
the background (and each other) instead of adding to it.
"""

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from world_models.air.background.autoencoder import Background
from world_models.air.background.linear import LinearBackground
from world_models.air.background.occluders import in_front
from world_models.air.frame.attend import RecurrentAttention
from world_models.air.settings import AIRChoices
from world_models.blocks.distributions import Gaussian
from world_models.blocks.glimpse import draw_glimpse, read_glimpse, shift
from world_models.blocks.networks import mlp


class SceneModel(nn.Module):
    """The decoder of a scene, and the encoders that are shared by all slots and all times.

    Args:
        frame_shape: (C, H, W) of a frame.
        settings: The sizes of latents and windows, how backgrounds are described
            (`world_models.air.background`), and where objects are looked for: where the picture is
            least explained (`world_models.air.frame.discovery.propose`), or where a recurrent
            network says (`world_models.air.frame.attend`), as AIR was published. The radius of
            inhibition begins learning at `FIRST_INHIBITION`.
    """

    GLIMPSE = 16
    LOOK = 20
    MAX_SHIFT = 0.25
    """How far from where it is looked for an object may be, as a share of the window."""
    FIRST_INHIBITION = 2 / 3
    MAX_LOG_SIDE = 0.5
    log_typical_side: Float[Tensor, ""]
    log_window: Float[Tensor, ""]
    where_unit: Float[Tensor, " w"]

    def __init__(self, frame_shape: tuple[int, int, int], settings: AIRChoices) -> None:
        super().__init__()
        channels = frame_shape[0]
        self.frame_shape = frame_shape
        self.where_dim = 4 if settings.anisotropic else 3
        self.occluders = settings.occluders
        self.margin = settings.margin
        self.what_dim = what_dim = settings.what_dim
        self.background = (
            LinearBackground(frame_shape)
            if settings.background == "linear"
            else Background(frame_shape, settings.background_dim, kind=settings.background)
        )
        typical_side, window = settings.typical_side, settings.window
        shares = (self.FIRST_INHIBITION, settings.inhibition)
        self.inhibition_px = tuple(share * typical_side for share in shares)
        self.max_shift_px = self.MAX_SHIFT * window
        seen = 2 * channels * self.LOOK**2
        self.where_encoder = mlp([seen, 128, 128, 2 * self.where_dim], last_gain=0.1)
        self.what_encoder = mlp([2 * channels * self.GLIMPSE**2, 128, 128, 2 * what_dim + 1])
        self.what_decoder = mlp([what_dim, 128, (channels + 1) * self.GLIMPSE**2], last_gain=0.5)
        last = self.what_decoder[-1]
        assert isinstance(last, nn.Linear)
        bias = last.bias.data.view(channels + 1, -1)
        bias[:channels] = 1.0  # bright, and nearly transparent: dark beginnings do not collapse
        bias[channels:] = -2.0
        self.attention: RecurrentAttention | None = None
        if settings.inference == "recurrent":
            whole = (2 * channels, *frame_shape[1:])
            self.attention = RecurrentAttention(whole, what_dim, math.log(typical_side))
        self.register_buffer("log_typical_side", torch.tensor(typical_side).log())
        self.register_buffer("log_window", torch.tensor(window).log())
        unit = torch.tensor([0.5, 0.5] + [0.05] * (self.where_dim - 2))
        self.register_buffer("where_unit", unit, persistent=False)

    def bars(self, background: Float[Tensor, "B C H W"]) -> Float[Tensor, "B H W"] | None:
        """Where a known background stands in front of objects, 0 to 1; None: nothing may."""
        return in_front(background) if self.occluders else None

    def evidence(
        self,
        frame: Float[Tensor, "*n C H W"],
        background: Float[Tensor, "*n C H W"],
        canvas: Float[Tensor, "*n C H W"],
    ) -> Float[Tensor, "*n 2*C H W"]:
        """What the encoders see: the frame without its background, and without all drawn."""
        return 2 * torch.cat([frame - background, frame - canvas], dim=-3)

    def look(self, evidence: Float[Tensor, "N E H W"], centre: Float[Tensor, "N 2"]) -> Gaussian:
        """Where the object near ``centre`` is: a Gaussian over z_where.

        The side is predicted absolutely, never relative to an earlier guess: relative sides
        compound over time.
        """
        log_window = self.log_window.expand(len(centre), 1)
        window = torch.cat([centre.detach(), log_window], -1)
        glimpse = read_glimpse(evidence, window, self.LOOK)
        out, raw_scale = self.where_encoder(glimpse.flatten(1)).chunk(2, -1)
        xy = centre + self.max_shift_px * torch.tanh(out[:, :2] / 4)
        log_side = self.log_typical_side + self.MAX_LOG_SIDE * torch.tanh(out[:, 2:])
        scale = raw_scale.clamp(-4, 2).exp() * self.where_unit
        return Gaussian(torch.cat([xy, log_side], -1), scale)

    def describe(
        self, evidence: Float[Tensor, "N E H W"], z_where: Float[Tensor, "N w"]
    ) -> tuple[Gaussian, Float[Tensor, " N"]]:
        """What is in each window: a Gaussian over z_what, and the logit of z_pres."""
        glimpse = read_glimpse(evidence, z_where, self.GLIMPSE)
        return self.what_posterior(glimpse.flatten(1))

    def what_posterior(self, seen: Float[Tensor, "N f"]) -> tuple[Gaussian, Float[Tensor, " N"]]:
        """What the evidence in a window says: a Gaussian over z_what, and the logit of z_pres."""
        out = self.what_encoder(seen)
        loc, raw_scale = out[:, : self.what_dim], out[:, self.what_dim : 2 * self.what_dim]
        return Gaussian(loc, (raw_scale - 1).clamp(-5, 2).exp()), out[:, -1]

    def decode_what(self, z_what: Float[Tensor, "*n D"]) -> Float[Tensor, "*n c g g"]:
        """Each object's picture in its own window: colour times alpha, then alpha."""
        channels, side = self.frame_shape[0], self.GLIMPSE
        out = torch.sigmoid(self.what_decoder(z_what))
        out = out.view(*z_what.shape[:-1], channels + 1, side, side)
        alpha = out[..., channels:, :, :]
        return torch.cat([out[..., :channels, :, :] * alpha, alpha], dim=-3)

    def place(
        self, glimpse: Float[Tensor, "B K c g g"], z_where: Float[Tensor, "B K w"], margin: int = 0
    ) -> Float[Tensor, "B K c U V"]:
        """Layers of the frame, and of ``margin`` pixels around: each picture at its window."""
        height, width = (side + 2 * margin for side in self.frame_shape[1:])
        where = shift(z_where, margin).flatten(0, 1)
        drawn = draw_glimpse(glimpse.flatten(0, 1), where, (height, width))
        return drawn.unflatten(0, glimpse.shape[:2])


def to_float(frame: UInt8[Tensor, "*b C H W"]) -> Float[Tensor, "*b C H W"]:
    """Frames in [0, 1]."""
    return frame.float() / 255


def composite(
    canvas: Float[Tensor, "*b C H W"],
    layers: Float[Tensor, "*b K c H W"],
    presence: Float[Tensor, "*b K"],
) -> Float[Tensor, "*b C H W"]:
    """Draws layers (colour times alpha, then alpha) over a canvas, the last slot in front."""
    weighted = layers * presence[..., None, None, None]
    for layer in weighted.unbind(-4):
        canvas = canvas * (1 - layer[..., -1:, :, :]) + layer[..., :-1, :, :]
    return canvas
