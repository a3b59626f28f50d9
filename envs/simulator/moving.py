"""Scenes of moving objects: a bank of sprites, motion, looks and a stage, put together.

A scene is shown by a few dozen batched tensor operations, so one CPU core shows tens of thousands
of frames per second. All randomness comes from the generator that is passed in.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from envs import boxes
from envs.action_scale import ActionScale
from envs.factors import Factors
from envs.scene import Scene, View
from envs.simulator import looks, motion, painting, stage, textures
from envs.simulator.sprites import Sprites
from envs.tracking import Tracking

FAR = 1e4
"""Where empty slots are drawn (px), so that they leave no trace."""


class Moving(Scene):
    """Scenes of moving objects, whatever their sprites show.

    Slots are in order of depth, the first in front; who is the target is drawn later and evenly.

    Args:
        factors: What varies.
        sprites: What the objects look like.
    """

    factors: Factors

    def __init__(self, factors: Factors, sprites: Sprites) -> None:
        self.factors = factors
        self.min_objects = factors.min_objects
        self.sprites = sprites
        self.num_slots = factors.max_objects
        self.frame_shape = (factors.channels, factors.frame_size, factors.frame_size)

    @property
    def camera(self) -> Float[Tensor, "B 2"]:
        """Where the view stands in the world, fractions of the frame: for metrics and tests only.

        Backgrounds move in whole pixels, so they are up to half a pixel off.
        """
        return self._stage.camera / self.factors.frame_size

    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        """Draws new scenes; the front object, if there is one, is in view and not hidden."""
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
        place = torch.where(bodies.present[..., None], centre, FAR).view(-1, 2)
        alpha = painting.paste(now.sprite, place, now.side, size).view(num, slots, size, size)
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


def task(scene: Moving, batch_size: int, horizon: int, seed: int, device: str) -> Tracking:
    """The tracking task on a scene, with actions and a camera that suit its factors."""
    f = scene.factors
    return Tracking(
        scene,
        batch_size=batch_size,
        horizon=horizon,
        action_scale=ActionScale(size=0.4) if f.resizes else ActionScale(),
        camera_speed=f.camera_speed / f.frame_size if f.camera == "action" else 0.0,
        seed=seed,
        device=device,
    )
