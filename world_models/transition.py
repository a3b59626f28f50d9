"""How objects move: a recurrent prior over each object's next window, shared by all objects."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from world_models.networks import mlp
from world_models.scene_model import Gaussian


class TransitionRNN(nn.Module):
    """p(z_where at t given everything before), one GRU per object with shared weights.

    The prediction is constant velocity plus what the network adds, so that an untrained transition
    is already sensible. The action enters as the camera's move: objects move against it.

    Args:
        frame_size: (H, W) in pixels.
        log_typical_side: Logarithm of the usual window side, to centre the input.
        hidden_dim: Size of the GRU's state.
    """

    MAX_GROWTH = 0.1
    centre: Float[Tensor, " 2"]

    def __init__(
        self, frame_size: tuple[int, int], log_typical_side: float, hidden_dim: int = 64
    ) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        height, width = frame_size
        centre = torch.tensor([width / 2, height / 2])
        self.register_buffer("centre", centre, persistent=False)
        self.log_typical_side = log_typical_side
        self.gru = nn.GRUCell(5, hidden_dim)
        self.head = mlp([hidden_dim + 5, 64, 6], last_gain=0.05)
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        last.bias.data[3:] = torch.tensor([-0.3, -0.3, -3.0])

    def initial(self, batch_shape: tuple[int, ...]) -> Float[Tensor, "*b D"]:
        """The state of objects that were just found."""
        return torch.zeros(*batch_shape, self.hidden_dim, device=self.centre.device)

    def forward(
        self,
        where: Float[Tensor, "*b 3"],
        velocity: Float[Tensor, "*b 2"],
        hidden: Float[Tensor, "*b D"],
        camera_px: Float[Tensor, "*b 2"] | None = None,
    ) -> tuple[Gaussian, Float[Tensor, "*b D"]]:
        """The prior of the next window, and the next state.

        Args:
            where: Windows now.
            velocity: Pixels per frame, in the world (the camera's own motion taken out).
            hidden: State of the GRU.
            camera_px: How far the camera moves now, pixels.
        """
        inputs = torch.cat(
            [
                1.5 * (where[..., :2] / self.centre - 1),
                3 * (where[..., 2:] - self.log_typical_side),
                velocity / 3,
            ],
            -1,
        )
        shape = hidden.shape
        hidden = self.gru(inputs.flatten(0, -2), hidden.flatten(0, -2)).view(shape)
        out = self.head(torch.cat([hidden, inputs], -1))
        xy = where[..., :2] + velocity + out[..., :2]
        if camera_px is not None:
            xy = xy - camera_px
        log_side = where[..., 2:] + self.MAX_GROWTH * torch.tanh(out[..., 2:3])
        scale = out[..., 3:].clamp(-5, 2.5).exp()
        return Gaussian(torch.cat([xy, log_side], -1), scale), hidden
