"""AIR as a world model: objects and a background, followed through time, dreamed ahead.

Attend, Infer, Repeat (Eslami et al., 2016) gives the latents, SQAIR (Kosiorek et al., 2018) the
propagation in time. Nothing is labelled: frames teach perception and motion; the first boxes of real
episodes only calibrate how masks become boxes.
"""

import dataclasses
import math
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from envs.boxes import clip_to_frame
from envs.scene import View
from envs.trajectory import Trajectory
from world_models import fitting
from world_models.bank import MIN_AGE, Bank, is_double
from world_models.base import WorldModel
from world_models.filtering import Slots, begin, step
from world_models.glimpse import window_box
from world_models.noise import estimate_noise, noise_table
from world_models.readout import Calibration, calibrate, mask_extent
from world_models.scene_model import SceneModel, composite
from world_models.transition import TransitionRNN

FILTER_BATCH = 64


@dataclasses.dataclass(frozen=True)
class DreamState:
    """A batch of imagined scenes: where everything is; what it looks like never changes.

    Attributes:
        where: Windows of the objects.
        velocity: Pixels per frame in the world.
        hidden: State of the transition.
        glimpse: Each object's picture (colour times alpha, alpha), decoded once.
        extent: Extent of each mask in its window.
        alive: 1 where there is an object.
        background: The background's picture.
        noise: Where in the noise table this frame's noise begins.
    """

    where: Float[Tensor, "B K 3"]
    velocity: Float[Tensor, "B K 2"]
    hidden: Float[Tensor, "B K H"]
    glimpse: Float[Tensor, "B K c g g"]
    extent: Float[Tensor, "B K 4"]
    alive: Float[Tensor, "B K"]
    background: Float[Tensor, "B C H W"]
    noise: int


@dataclasses.dataclass(frozen=True)
class History:
    """What the filter made of real episodes: beliefs after every frame.

    ``box`` is calibrated; ``alive`` is 0 and ``id`` -1 in empty slots.
    """

    slots: list[Slots]
    box: Float[Tensor, "B T K 4"]
    alive: Float[Tensor, "B T K"]
    id: Int[Tensor, "B T K"]
    reconstruction: UInt8[Tensor, "B T C H W"]
    surprise: Float[Tensor, "B T"]


class AIR(WorldModel[DreamState]):
    """The object-centric world model.

    Args:
        frame_shape: (C, H, W).
        num_slots: K, the most objects that are followed at a time.
        what_dim: Size of ``z_what``.
        background_dim: Size of ``z_bg``.
        typical_side: Side of a usual object's window, pixels.
        window: Side of the window in which an object is looked for, pixels.
        sigma: Scale of the Gaussian pixel likelihood; larger than the noise, or noise is explained.
        background_steps: Steps of the background alone.
        static_steps: Steps on single frames.
        sequence_steps: Steps on clips.
        motion_steps: Steps of the transition on tracks.
        recombine: Imagine recombined scenes (objects and backgrounds of different episodes), not
            replayed ones.
        keep_background: The background stays the same through an episode (no camera motion).
        seed: Seed of the initial weights.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(
        self,
        frame_shape: tuple[int, int, int],
        num_slots: int = 4,
        what_dim: int = 16,
        background_dim: int = 16,
        typical_side: float = 18.0,
        window: float = 28.0,
        sigma: float = 0.15,
        background_steps: int = 200,
        static_steps: int = 700,
        sequence_steps: int = 300,
        motion_steps: int = 900,
        recombine: bool = True,
        keep_background: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if num_slots < 1:
            raise ValueError(f"num_slots must be at least 1, got {num_slots}")
        if sigma <= 0:
            raise ValueError(f"sigma must be positive, got {sigma}")
        self.frame_shape = tuple(frame_shape)
        self.num_slots = num_slots
        self.sigma = sigma
        self.steps = {
            "background": background_steps,
            "static": static_steps,
            "sequence": sequence_steps,
            "motion": motion_steps,
        }
        self.recombine = recombine
        self.keep_background = keep_background
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.scene = SceneModel(
                self.frame_shape, what_dim, background_dim, typical_side, window
            )
            self.transition = TransitionRNN(self.frame_shape[1:], math.log(typical_side))
        self.register_buffer("noise_table", noise_table(), persistent=False)
        self.noise_sigma = 0.0
        self.calibration = Calibration()
        self.bank: Bank | None = None
        self._fitted = False

    # Learning

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """Learns from all real episodes so far; later calls refine what earlier ones found."""
        frames, camera = real.frame, self._camera_px(real)
        steps = {name: max(1, round(effort * n)) for name, n in self.steps.items()}
        flat = frames.flatten(0, 1)
        first_time = not self._fitted
        if first_time:
            fitting.warm_up_background(self.scene, flat, steps["background"], rng)
        metrics = fitting.fit_static(
            self.scene, flat, steps["static"], self.sigma, rng, anneal=first_time
        )
        metrics |= fitting.fit_sequence(
            self.scene,
            self.transition,
            frames,
            camera,
            steps["sequence"],
            self.num_slots,
            self.sigma,
            rng,
            self.keep_background,
        )
        history = self.posterior(real)
        tracks = self._tracks(history, camera)
        metrics |= fitting.fit_motion(self.transition, tracks, steps["motion"], rng)
        self.noise_sigma = estimate_noise(flat[:: max(1, len(flat) // 256)])
        history = self.posterior(real)
        self.calibration, found = calibrate(
            self._boxes(history.slots[0], calibrated=False), history.alive[:, 0], real.box[:, 0]
        )
        self.bank = self._fill_bank(history)
        self._fitted = True
        count = history.alive.sum(-1).mean().item()
        return metrics | found | {
            "noise": self.noise_sigma,
            "objects_per_frame": count,
            "nats_per_frame": history.surprise.mean().item(),
            "bank_moments": float(len(self.bank.valid)),
        }

    # Seeing

    @torch.no_grad()
    def posterior(self, real: Trajectory) -> History:
        """Filters episodes frame by frame (causally), with posterior means and hard presence."""
        camera = self._camera_px(real)
        parts = [
            self._filter(real.frame[i : i + FILTER_BATCH], camera[i : i + FILTER_BATCH])
            for i in range(0, real.num_episodes, FILTER_BATCH)
        ]
        slots = [_join([p[0][t] for p in parts]) for t in range(real.horizon)]
        return History(
            slots=slots,
            box=torch.stack([self._boxes(s) for s in slots], 1),
            alive=torch.stack([s.alive for s in slots], 1),
            id=torch.stack([s.id for s in slots], 1),
            reconstruction=torch.cat([p[1] for p in parts]),
            surprise=torch.cat([p[2] for p in parts]),
        )

    def _filter(
        self, frames: UInt8[Tensor, "B T C H W"], camera: Float[Tensor, "B T 2"]
    ) -> tuple[list[Slots], UInt8[Tensor, "B T C H W"], Float[Tensor, "B T"]]:
        x = fitting.to_float(frames[:, 0])
        inhibition = fitting.INHIBITION_PX[1]
        slots, found, _ = begin(
            self.scene, self.transition, x, self.num_slots, inhibition, rng=None
        )
        beliefs, pictures, surprises = [slots], [found.canvas], [torch.zeros(len(x)).to(x)]
        for t in range(1, frames.shape[1]):
            x = fitting.to_float(frames[:, t])
            slots, surprise, picture = step(
                self.scene,
                self.transition,
                slots,
                x,
                self.sigma,
                camera_px=camera[:, t],
                keep_background=self.keep_background,
            )
            beliefs.append(slots)
            pictures.append(picture)
            surprises.append(surprise.reconstruction + surprise.objects)
        return beliefs, _to_uint8(torch.stack(pictures, 1)), torch.stack(surprises, 1)

    def dream_from(self, slots: Slots) -> DreamState:
        """The imagined state that continues what the filter believes, all objects kept."""
        return self._dream(
            slots.where.loc,
            slots.velocity,
            slots.hidden,
            slots.what.loc,
            slots.alive,
            slots.z_bg,
        )

    # Dreaming

    @torch.no_grad()
    def start(self, batch_size: int, rng: torch.Generator) -> DreamState:
        """Begins imagined episodes at moments of real ones, replayed or recombined."""
        if self.bank is None:
            raise RuntimeError("the world model has seen nothing yet: call fit() before start()")
        bank = self.bank.draw(batch_size, self.recombine, rng)
        state = self._dream(
            bank.where, bank.velocity, bank.hidden, bank.what, bank.valid.float(), bank.z_bg
        )
        return dataclasses.replace(state, noise=self._noise_offset(rng))

    @torch.no_grad()
    def prior(
        self,
        state: DreamState,
        rng: torch.Generator,
        camera: Float[Tensor, "B 2"] | None = None,
    ) -> DreamState:
        """Moves the objects on: a draw of the place, the mean of the size, no change of looks.

        Drawing sizes too would let them wander off in a random walk.
        """
        shift = None
        if camera is not None:
            shift = self._to_px(camera)[:, None].expand(-1, self.num_slots, -1)
        loc_scale, hidden = self.transition(state.where, state.velocity, state.hidden, shift)
        eps = torch.randn(
            state.velocity.shape, generator=rng, device=state.where.device
        )
        xy = loc_scale.loc[..., :2] + loc_scale.scale[..., :2] * eps
        where = torch.cat([xy, loc_scale.loc[..., 2:]], -1)
        velocity = xy - state.where[..., :2]
        return dataclasses.replace(
            state,
            where=where,
            velocity=velocity if shift is None else velocity + shift,
            hidden=hidden,
            noise=self._noise_offset(rng),
        )

    @torch.no_grad()
    def decode(self, state: DreamState) -> View:
        """Draws the frame, with the camera's noise, and reads the calibrated boxes."""
        layers = self.scene.place(state.glimpse, state.where)
        canvas = composite(state.background, layers, state.alive)
        if self.noise_sigma > 0:
            noise = self.noise_table[state.noise : state.noise + canvas.numel()]
            canvas = canvas + self.noise_sigma * noise.view_as(canvas)
        size = self.frame_shape[1:]
        box = self.calibration(window_box(state.where, state.extent, size))
        inside = clip_to_frame(box)[..., 2:].prod(-1) / box[..., 2:].prod(-1)
        index = torch.arange(self.num_slots, device=box.device)
        return View(
            frame=_to_uint8(canvas),
            box=box,
            visible=inside * state.alive,
            id=torch.where(state.alive > 0, index, -1),
        )

    # Parts

    def _dream(
        self,
        where: Float[Tensor, "B K 3"],
        velocity: Float[Tensor, "B K 2"],
        hidden: Float[Tensor, "B K H"],
        what: Float[Tensor, "B K D"],
        alive: Float[Tensor, "B K"],
        z_bg: Float[Tensor, "B E"],
    ) -> DreamState:
        glimpse = self.scene.decode_what(what)
        return DreamState(
            where=where,
            velocity=velocity,
            hidden=hidden,
            glimpse=glimpse,
            extent=mask_extent(glimpse[:, :, -1]),
            alive=alive,
            background=self.scene.background.decode(z_bg),
            noise=0,
        )

    def _boxes(self, slots: Slots, calibrated: bool = True) -> Float[Tensor, "B K 4"]:
        alpha = self.scene.decode_what(slots.what.loc)[:, :, -1]
        box = window_box(slots.where.loc, mask_extent(alpha), self.frame_shape[1:])
        return self.calibration(box) if calibrated else box

    def _fill_bank(self, history: History) -> Bank:
        """All moments in which at least one object has been followed for `MIN_AGE` frames."""
        moments = []
        for slots in history.slots:
            double = is_double(slots.where.loc, slots.alive, slots.age)
            valid = (slots.alive > 0) & (slots.age >= MIN_AGE) & ~double
            some = valid.any(-1)
            parts = (
                slots.where.loc, slots.velocity, slots.hidden, slots.what.loc, valid, slots.z_bg
            )  # fmt: skip
            moments.append([p[some] for p in parts])
        bank = Bank(*(torch.cat(parts) for parts in zip(*moments, strict=True)))
        if len(bank.valid) == 0:
            raise RuntimeError(
                "the world model found no object that it could follow for 3 frames; give it more "
                "real_frames or more static_steps"
            )
        return bank

    def _tracks(self, history: History, camera: Float[Tensor, "B T 2"]) -> fitting.Tracks:
        """Runs of at least 8 frames of one identity without jumps, shifted to begin at 0."""
        where = torch.stack([s.where.loc for s in history.slots], 1)
        batch, horizon, num_slots = history.alive.shape
        jump = torch.zeros_like(history.alive, dtype=torch.bool)
        moved = (where[:, 1:, :, :2] - where[:, :-1, :, :2] + camera[:, 1:, None]).norm(dim=-1)
        jump[:, 1:] = (moved > 7) | (history.id[:, 1:] != history.id[:, :-1])
        rows: list[tuple[int, int, int, int]] = []
        alive = history.alive.bool()
        for b, k in (alive.sum(1) >= 8).nonzero().tolist():
            begin_at = 0
            for t in range(horizon + 1):
                broken = t == horizon or not alive[b, t, k] or bool(jump[b, t, k])
                if broken:
                    if t - begin_at >= 8:
                        rows.append((b, k, begin_at, t))
                    begin_at = t if t < horizon and bool(alive[b, t, k]) else t + 1
        tracks = where.new_zeros(len(rows), horizon, 3)
        shifts = where.new_zeros(len(rows), horizon, 2)
        valid = torch.zeros(len(rows), horizon, dtype=torch.bool, device=where.device)
        for i, (b, k, first, last) in enumerate(rows):
            tracks[i, : last - first] = where[b, first:last, k]
            shifts[i, : last - first] = camera[b, first:last]
            valid[i, : last - first] = True
        return fitting.Tracks(tracks, shifts, valid)

    def _camera_px(self, real: Trajectory) -> Float[Tensor, "B T 2"]:
        """How far the view moved before each frame, in pixels."""
        camera = torch.zeros_like(real.camera)
        camera[:, 1:] = real.camera[:, :-1]
        return self._to_px(camera)

    def _to_px(self, fractions: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
        return fractions * fractions.new_tensor([self.frame_shape[2], self.frame_shape[1]])

    def _noise_offset(self, rng: torch.Generator) -> int:
        return int(torch.randint(len(self.noise_table) // 2, (), generator=rng, device=rng.device))

    # Saving

    def get_extra_state(self) -> dict[str, Any]:
        """What no parameter or buffer holds."""
        return {
            "noise_sigma": self.noise_sigma,
            "calibration": dataclasses.asdict(self.calibration),
            "bank": None if self.bank is None else dataclasses.asdict(self.bank),
            "fitted": self._fitted,
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what ``get_extra_state`` gave."""
        self.noise_sigma = state["noise_sigma"]
        self.calibration = Calibration(**state["calibration"])
        self.bank = None if state["bank"] is None else Bank(**state["bank"])
        self._fitted = state["fitted"]


def _to_uint8(canvas: Float[Tensor, "*b C H W"]) -> UInt8[Tensor, "*b C H W"]:
    return (canvas * 255).round().clamp(0, 255).to(torch.uint8)


def _join(slots: list[Slots]) -> Slots:
    """Slots of consecutive batches of episodes as one batch."""

    def join(values: list[Any]) -> Any:
        if isinstance(values[0], Tensor):
            return torch.cat(values)
        if isinstance(values[0], tuple):
            return type(values[0])(*(torch.cat(v) for v in zip(*values, strict=True)))
        return values[0]

    names = [f.name for f in dataclasses.fields(Slots)]
    return Slots(**{n: join([getattr(s, n) for s in slots]) for n in names})
