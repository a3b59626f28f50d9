"""Moving digits: the scenes on which everything here is measured (after Moving-MNIST and AIR).

A scene is shown by a few dozen batched tensor operations, so one CPU core shows tens of thousands
of frames per second. All randomness comes from the generator that is passed in.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from envs import boxes, looks, motion, painting, sprites, stage, textures
from envs.scene import Scene, View
from envs.tiers import Factors, named
from envs.tracking import Tracking

FAR = 1e4
"""Where empty slots are drawn (px), so that they leave no trace."""


class Digits(Scene):
    """Scenes of moving digits.

    Slots are in order of depth, the first in front; who is the target is drawn later and evenly.

    Args:
        factors: What varies; see ``envs.tiers``.
        split: ``train`` or ``test``: which digits are drawn.
        digits: None for scikit-learn's digits, or an MNIST-like file; see ``envs.sprites.load``.
        device: Where the scenes live.
    """

    def __init__(
        self,
        factors: Factors,
        split: str = "train",
        digits: str | None = None,
        device: str = "cpu",
    ) -> None:
        self.factors = factors
        self.sprites = sprites.load(split, digits, device)
        self.num_slots = factors.max_objects
        self.frame_shape = (factors.channels, factors.frame_size, factors.frame_size)

    @property
    def camera(self) -> Float[Tensor, "B 2"]:
        """Where the view stands in the world, fractions of the frame: for metrics and tests only.

        Backgrounds move in whole pixels, so they are up to half a pixel off.
        """
        return self._stage.camera / self.factors.frame_size

    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        """Draws new scenes; the front object, if there is one, is in view and unhidden."""
        f, slots = self.factors, self.num_slots
        count = torch.randint(
            f.min_objects, slots + 1, (batch_size, 1), generator=rng, device=rng.device
        )
        slot = torch.arange(slots, device=rng.device)
        present = slot < count
        self._looks = looks.draw(f, self.sprites, batch_size, rng)
        radius = self._looks.size / 2
        apart = "squares" if f.apart else "circles" if f.depth or f.collide else "no"
        position = motion.scatter(radius, present, 0.0, float(f.room), apart, rng)
        self._bodies = motion.Bodies(
            position=position,
            velocity=motion.heading(f.speed, (batch_size, slots), rng),
            acceleration=torch.zeros_like(position),
            radius=radius,
            present=present,
        )
        self._id = torch.where(present, slot, -1)
        self._stage = stage.draw(f, position[:, 0], rng)
        return self._show(rng)

    def advance(self, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None) -> View:
        """Moves the scenes one frame on; ``camera`` counts only where the action moves it."""
        f, bodies = self.factors, self._bodies
        motion.push(bodies, f.velocity_jitter, f.acceleration, f.speed, rng)
        if f.collide:
            motion.collide(bodies)
        motion.walk(bodies, -f.leave, f.room + f.leave)
        self._looks.advance()
        stage.advance(self._stage, f, motion.middle(bodies), camera, rng)
        return self._show(rng)

    def _show(self, rng: torch.Generator) -> View:
        """Paints what is there now."""
        f, bodies, scenery = self.factors, self._bodies, self._stage
        num, slots, size = len(bodies.position), self.num_slots, f.frame_size
        now = looks.picture(self._looks, f, self.sprites)
        centre = bodies.position - scenery.camera[:, None]
        shown = torch.where(bodies.present[..., None], centre, FAR).view(-1, 2)
        alpha = painting.paste(now.sprite, shown, now.side, size).view(num, slots, size, size)
        if f.depth:
            seen, rest = painting.stack(alpha, scenery.light)
            backdrop = scenery.background * rest[:, None]
            if scenery.bars is not None:
                backdrop = backdrop + scenery.bars[:, None]
            frame = painting.colour(seen, now.colour, backdrop)
            visible = (seen.sum((2, 3)) / now.mass.view(num, slots)).clamp(0, 1)
        else:
            frame = painting.shine(alpha, scenery.background)
        if f.illumination:
            frame = frame * (1 + f.illumination * scenery.phase.sin())[:, None, None, None]
        if f.noise:
            textures.add_noise(frame, f.noise, rng)
        frame = frame.clamp_(0, 1).mul_(255).round_().to(torch.uint8)
        edge = (now.extent * now.side[:, [0, 0, 1, 1]]).view(num, slots, 4)
        low, high = edge[..., 0::2], edge[..., 1::2]
        box = torch.cat([centre + (low + high) / 2, high - low], -1) / size
        if not f.depth:
            # Nobody is hidden, so what can be seen is what lies inside the view.
            inside = boxes.clip_to_frame(box)[..., 2:].prod(-1) / box[..., 2:].prod(-1)
            visible = torch.where(bodies.present, inside.clamp(0, 1), 0.0)
        return View(frame, box, visible, self._id)


def make(
    tier: str = "plain",
    split: str = "train",
    batch_size: int = 32,
    horizon: int = 20,
    seed: int = 0,
    device: str = "cpu",
    digits: str | None = None,
    factors: Mapping[str, Any] | None = None,
) -> Tracking:
    """The tracking task on moving digits.

    Args:
        tier: One of ``envs.tiers.TIERS``.
        split: ``train`` or ``test``: which digits are drawn.
        batch_size: Episodes side by side.
        horizon: Frames per episode.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        digits: None for scikit-learn's digits, or the path of an MNIST-like file.
        factors: Changes to the factors of the tier, by name; see ``envs.tiers.Factors``.

    Raises:
        ValueError: An unknown tier, factor or split, or a value out of range.
        FileNotFoundError: There is no file ``digits``.
    """
    chosen = named(tier, factors)
    moves = chosen.camera == "action"
    return Tracking(
        Digits(chosen, split, digits, device),
        batch_size=batch_size,
        horizon=horizon,
        size_gain=0.4 if chosen.resizes else 0.2,
        camera_speed=chosen.camera_speed / chosen.frame_size if moves else 0.0,
        seed=seed,
        device=device,
    )
