"""Whose view it is: what objects hide of the background, and where the camera goes.

`CameraFilter` follows the camera of real episodes; `Viewpoint` holds what a world model
believes of its camera, and moves it in dreams.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from world_models.air.background.camera import CameraPrior, see
from world_models.air.background.canvas import SURPRISE, Backdrop, CameraBelief, blank
from world_models.air.background.registration import MOST_SCALE
from world_models.air.frame.scene_model import SceneModel
from world_models.air.objects.slots import Slots
from world_models.air.settings import AIRChoices
from world_models.blocks.distributions import Gaussian, sample_gaussian

COVER = 1.5
"""Masks are raised by this factor and widened by two pixels: their rims are no background."""


@torch.no_grad()
def uncovered(scene: SceneModel, slots: Slots, shift: Tensor | None = None) -> Tensor:
    """The explanation mask: 1 where no object explains the frame.

    Args:
        scene: Draws the objects.
        slots: The objects.
        shift: How far they have moved since (B K 2, px).
    """
    where = slots.where.loc
    if shift is not None:
        where = torch.cat([where[..., :2] + shift, where[..., 2:]], -1)
    alpha = scene.place(scene.decode_what(slots.what.loc), where)[:, :, -1]
    seen = slots.alive * (slots.unseen == 0)
    clear = (1 - alpha * seen[..., None, None]).prod(1)
    covered = max_pool2d((COVER * (1 - clear)).clamp(max=1), 5, stride=1, padding=2)
    return 1 - covered


class CameraFilter:
    """Follows the camera and gathers the background while objects are filtered.

    Args:
        scene: Draws the objects, to leave them out.
        prior: Of the displacement; None takes what is asked for what happens.
    """

    def __init__(self, scene: SceneModel, prior: CameraPrior | None) -> None:
        self.scene = scene
        self.prior = prior

    def begin(self, slots: Slots, frame: Float[Tensor, "B C H W"]) -> CameraBelief:
        """The belief after the first frame."""
        still = torch.zeros_like(slots.velocity[:, 0])
        channels, height, width = frame.shape[1:]
        canvas = blank(
            len(frame), (channels, height, width), max(height, width) // 2, frame.device
        )
        belief = CameraBelief(Gaussian(still, still + MOST_SCALE), canvas)
        return self.remember(belief, slots, frame)

    def see(
        self,
        belief: CameraBelief,
        slots: Slots,
        frame: Float[Tensor, "B C H W"],
        asked_px: Float[Tensor, "B 2"],
    ) -> CameraBelief:
        """How the view has moved to a new frame, whose objects are only predicted so far."""
        if self.prior is None:
            moved = Gaussian(asked_px, torch.zeros_like(asked_px))
            return CameraBelief(moved, belief.canvas.move(asked_px))
        prior = self.prior(belief.moved, asked_px)
        weight = uncovered(self.scene, slots, slots.velocity - prior.loc[:, None])
        return see(belief, prior, frame, weight)

    def remember(
        self, belief: CameraBelief, slots: Slots, frame: Float[Tensor, "B C H W"]
    ) -> CameraBelief:
        """The belief with the frame's background added.

        What no object explains, but does not look like the background either, is hardly written:
        it may be an object that was missed.
        """
        expected = belief.canvas.over(self.scene.background.decode(slots.z_bg))
        odd = (frame - expected).square().mean(1) / SURPRISE**2
        return belief.observe(frame, uncovered(self.scene, slots) * (1 + odd) ** -2)


class Viewpoint(nn.Module):
    """What a world model believes of its camera.

    Args:
        frame_size: (H, W) in pixels.
        settings: ``camera``: whether it moves exactly as it is asked to; ``canvas``: whether the
            background is remembered beyond the edges of the view; ``actions``.
    """

    unit: Float[Tensor, " 2"]

    def __init__(self, frame_size: tuple[int, int], settings: AIRChoices) -> None:
        super().__init__()
        self.prior = CameraPrior() if settings.camera == "inferred" else None
        self.canvas = settings.canvas
        self.actions = settings.actions
        height, width = frame_size
        self.register_buffer("unit", torch.tensor([width, height]).float(), persistent=False)

    def asked_px(self, camera: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
        """What is asked of the camera, from fractions of the frame to pixels."""
        return camera * self.unit * float(self.actions)

    def before(self, camera: Float[Tensor, "B T 2"]) -> Float[Tensor, "B T 2"]:
        """What was asked before each frame (px), from what was asked after each (fractions)."""
        earlier = torch.zeros_like(camera)
        earlier[:, 1:] = camera[:, :-1]
        return self.asked_px(earlier)

    def camera_filter(self, scene: SceneModel) -> CameraFilter | None:
        """What follows the camera; None if there is nothing to be watched."""
        if self.prior is None and not self.canvas:
            return None
        return CameraFilter(scene, self.prior)

    def path(
        self, history: Sequence[Slots], asked_px: Float[Tensor, "B T 2"]
    ) -> Float[Tensor, "B T 2"]:
        """How the view moved before each frame (px)."""
        if self.prior is None:
            return asked_px
        return torch.stack([s.camera.moved for s in history if s.camera is not None], 1)

    def learn(
        self, history: Sequence[Slots], asked_px: Float[Tensor, "B T 2"]
    ) -> tuple[Float[Tensor, "B T 2"], dict[str, float]]:
        """How the view moved before each frame (px); an inferred camera learns its prior of it."""
        path = self.path(history, asked_px)
        return path, {} if self.prior is None else self.prior.fit(path, asked_px)

    def dream(
        self,
        backdrop: Backdrop | None,
        camera: Float[Tensor, "B 2"] | None,
        rng: torch.Generator,
    ) -> tuple[Float[Tensor, "B 2"] | None, Backdrop | None]:
        """Moves the camera of imagined scenes on.

        Args:
            backdrop: The background that the camera moves over, if it does.
            camera: What is asked of it (fractions of the frame).
            rng: Draws how it moves, if that is not given.

        Returns:
            How far it moved (px; None: it stands), and the background after that.
        """
        moved = None if camera is None else self.asked_px(camera)
        if self.prior is not None and backdrop is not None:
            asked = torch.zeros_like(backdrop.moved) if moved is None else moved
            sure = Gaussian(backdrop.moved, torch.zeros_like(asked))
            expected = self.prior(sure, asked)
            moved = sample_gaussian(expected.loc, expected.scale, rng)
        if backdrop is not None and moved is not None:
            backdrop = backdrop.move(moved)
        return moved, backdrop
