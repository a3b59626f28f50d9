"""AIR as a world model: objects and a background, followed through time, dreamed ahead.

Attend, Infer, Repeat (Eslami et al., 2016) gives the latents, SQAIR (Kosiorek et al., 2018) the
propagation in time. Nothing is labelled: frames teach perception and motion; first boxes and
rewards of real episodes tell how large objects are and how masks become boxes.
"""

import dataclasses
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from envs.boxes import inside_share
from envs.scene import View
from envs.trajectory import Trajectory
from world_models.air import dream, fitting
from world_models.air.bank import Bank, gather, moment
from world_models.air.calibration import Calibration, calibrate
from world_models.air.choices.choose import choose
from world_models.air.choices.motion import MOST_EPISODES, choose_relation
from world_models.air.dream import DreamState
from world_models.air.frame.readout import check_windows
from world_models.air.frame.scene_model import SceneModel
from world_models.air.hindsight import crops, look_back
from world_models.air.history import follow, to_uint8, tracks
from world_models.air.looks.looks import LOOKS
from world_models.air.looks.memory import Memory, remember
from world_models.air.motion.learning import Tracks, fit_motion
from world_models.air.motion.transition import Transition
from world_models.air.motion.transitions import make_transition
from world_models.air.objects.filtering import Filter
from world_models.air.objects.slots import Slots
from world_models.air.outlines import outlines
from world_models.air.settings import AIRChoices, AIRSettings, decided
from world_models.air.sharpening import sharpen
from world_models.air.viewpoint import Viewpoint
from world_models.air.whole import judged
from world_models.base import Posterior, WorldModel
from world_models.blocks.glimpse import box_in_window, window_box
from world_models.blocks.new_weights import new_weights
from world_models.blocks.noise import estimate_noise, noise_slice, noise_table

STAGES = ("background", "static", "sequence", "sharpening", "motion", "looks")
"""Of learning; the settings have the steps of each."""


class AIR(WorldModel[DreamState]):
    """The object-centric world model.

    Args:
        frame_shape: (C, H, W).
        settings: Keys of `AIRSettings`.
    """

    Settings = AIRSettings
    sees = True
    MOST_FOLLOWED, MOST_STILLS = 250, 512
    """Episodes, and single images, that are followed and remembered; more cost as much again."""
    noise_table: Float[Tensor, " n"]

    def __init__(self, frame_shape: tuple[int, int, int], **settings: Any) -> None:
        super().__init__()
        self.settings = AIRSettings(**settings)
        channels, height, width = frame_shape
        self.frame_shape = (channels, height, width)
        self.num_slots = self.settings.num_slots  # may be changed later: slots share networks
        self.register_buffer("noise_table", noise_table(), persistent=False)
        self._build(decided(self.settings))
        self.noise_sigma = 0.0
        self.calibration = Calibration()
        self.bank: Bank | None = None
        self._fitted = False

    def _build(self, chosen: AIRChoices) -> None:
        """Makes all that learns, as it is chosen to be."""
        self.chosen = chosen
        self.viewpoint = Viewpoint(self.frame_shape[1:], chosen)
        self.scene = SceneModel(self.frame_shape, chosen)
        self.transition = self._law(chosen.transition, chosen.relation)
        self.looks = LOOKS[self.settings.looks](chosen.what_dim, self.scene.where_dim - 2)
        self.to(self._place.device)

    def _law(self, transition: str, relation: str) -> Transition:
        """A new transition of this kind."""
        log_side, where_dim = math.log(self.chosen.typical_side), self.scene.where_dim
        still, size = self.chosen.keep_background, self.frame_shape[1:]
        # The edges of a view that moves are no walls.
        law = make_transition(transition, relation, size, log_side, where_dim, still)
        return law.to(self._place.device)

    @property
    def choices(self) -> dict[str, Any]:
        """See `WorldModel.choices`; the usual values before learning."""
        return {name: getattr(self.chosen, name) for name in self.settings.open}

    def fit(self, real: Trajectory, rng: torch.Generator, effort: float = 1.0) -> dict[str, float]:
        """Learns from all real episodes so far; later calls refine what earlier ones found."""
        wanted = {stage: getattr(self.settings, f"{stage}_steps") for stage in STAGES}
        steps = {stage: max(1, round(effort * number)) for stage, number in wanted.items()}
        flat = real.frame.flatten(0, 1)
        first_time = not self._fitted
        if first_time:
            self._choose(real, rng)
            fitting.warm_up_background(self.scene, flat, steps["background"], rng)
        metrics = fitting.fit_static(
            self.scene,
            flat,
            steps["static"],
            self.settings.sigma,
            self.chosen.presence_prior,
            rng,
            first_time,
        )
        real = real.spread(self.MOST_FOLLOWED if real.horizon > 1 else self.MOST_STILLS)
        if real.horizon > 1:
            metrics |= self._fit_motion(real, steps, rng, first_time)
        self.noise_sigma = estimate_noise(flat[:: max(1, len(flat) // 256)])
        self.calibration = Calibration()
        history = judged(self.scene, self.posterior(real), self.viewpoint.canvas)
        self.calibration, boxes = calibrate(history, real)
        count = history.visible.sum(-1).mean().item()
        metrics |= {"noise": self.noise_sigma, "objects_per_frame": count, **boxes}
        metrics |= self._remember(history, real) | self.looks.learn(steps["looks"], rng)
        if real.horizon > 1:
            fitting.check_found(metrics, self.bank is not None, effort, real.num_frames)
        self._fitted = True
        return metrics | {"elbo": history.elbo[:, min(1, real.horizon - 1) :].mean().item()}

    def _remember(self, history: Posterior, real: Trajectory) -> dict[str, float]:
        """Keeps what dreams are made of: moments to begin at, and how looks went on."""
        camera = self.viewpoint.path(history.belief, self.viewpoint.before(real.camera))
        canvas = self.viewpoint.canvas
        belief, sights = look_back(self.scene, history, real.frame, canvas, camera)
        memory, row = remember(belief, sights)
        self.looks.keep(memory)
        bank = gather(belief, inside_share(history.box), row, inside_share(real.box[:, 0]))
        # Single images may all be empty; then there is nothing to dream of.
        self.bank = bank if bool(bank.shown.any()) else None
        return {
            "bank_moments": float(len(bank.valid)) if self.bank else 0.0,
            "looks": float(len(memory.what)),
        }

    def _choose(self, real: Trajectory, rng: torch.Generator) -> None:
        """Settles what the settings leave open, and makes anew what was made for other choices."""
        chosen = choose(self.settings, real)
        if real.horizon > 1:
            check_windows(real.box[:, 0], self.frame_shape[1:], chosen.typical_side)
        if chosen != self.chosen:
            with new_weights(rng):
                self._build(chosen)

    def _choose_relation(self, found: Tracks, rng: torch.Generator) -> dict[str, float]:
        """Settles whether objects act on each other; says what told it."""
        chosen, told = choose_relation(self.settings, self.chosen, found)
        if chosen != self.chosen:
            self.chosen = chosen
            with new_weights(rng):
                self.transition = self._law(chosen.transition, chosen.relation)
        return told

    def _fit_motion(
        self, real: Trajectory, steps: dict[str, int], rng: torch.Generator, first_time: bool
    ) -> dict[str, float]:
        """Learns to follow objects through episodes, and how they and the camera move."""
        asked, canvas = self.viewpoint.before(real.camera), self.viewpoint.canvas
        camera, metrics = asked, {}
        undecided = first_time and "relation" in self.settings.open
        if self.viewpoint.prior is not None or undecided:
            shown = slice(None if self.viewpoint.prior is not None else MOST_EPISODES)
            history = self.posterior(real[shown])
            path, _ = self.viewpoint.learn(history.belief, asked[shown])
            if self.viewpoint.prior is not None:
                camera = path
            if undecided:
                metrics = self._choose_relation(tracks(history.belief, path, history.visible), rng)
        metrics |= fitting.fit_sequence(
            self._filter(), real.frame, camera, steps["sequence"], self.chosen.presence_prior, rng
        )
        if self.settings.sharpening_steps > 0:
            found = crops(self.scene, self._follow(real)[0], real.frame, canvas, rng)
            if found is not None:
                metrics |= sharpen(self.scene, found, steps["sharpening"], rng)
        history = judged(self.scene, self.posterior(real), canvas)
        camera, seen = self.viewpoint.learn(history.belief, asked)
        followed = tracks(history.belief, camera, history.visible)
        return metrics | seen | fit_motion(self.transition, followed, steps["motion"], rng)

    def _filter(self) -> Filter:
        """What follows objects with what has been learned so far."""
        keep = self.chosen.keep_background
        return Filter(self.scene, self.transition, self.num_slots, self.settings.sigma, keep)

    def _follow(self, real: Trajectory) -> tuple[list[Slots], Tensor, Tensor]:
        """Beliefs after each frame, reconstructions and costs (`follow`)."""
        return follow(
            self._filter(),
            real.frame,
            self.viewpoint.before(real.camera),
            self.viewpoint.camera_filter(self.scene),
            self.viewpoint.canvas,
        )

    @torch.no_grad()
    def posterior(self, real: Trajectory) -> Posterior:
        """Filters episodes frame by frame (causally), with posterior means and hard presence."""
        slots, reconstruction, surprise = self._follow(real)
        extent = outlines(self.scene, slots, real.frame, self.viewpoint.canvas)
        where = torch.stack([s.where.loc for s in slots], 1)
        box = self.calibration(window_box(where, extent, self.frame_shape[1:]))
        return Posterior(
            belief=slots,
            box=box,
            visible=torch.stack([s.visible for s in slots], 1) * inside_share(box),
            id=torch.stack([s.id for s in slots], 1),
            reconstruction=reconstruction,
            elbo=-surprise,
        )

    def resume(self, posterior: Posterior, t: int) -> DreamState:
        """The imagined state that continues what the filter believes, all objects kept."""
        slots: Slots = posterior.belief[t]
        kept = slots.alive > 0
        start = moment(slots, kept, kept)
        where, velocity = self.transition.settle(start.where, start.velocity, start.hidden)
        start = dataclasses.replace(start, where=where, velocity=velocity)
        state = dream.begin(self.scene, self.looks, start)
        box = self.calibration.undo(posterior.box[:, t])
        extent = box_in_window(box, slots.where.loc, self.frame_shape[1:])
        return dataclasses.replace(state, look=dataclasses.replace(state.look, extent=extent))

    @torch.no_grad()
    def start(self, batch_size: int, rng: torch.Generator) -> DreamState:
        """Begins imagined episodes at moments of real ones, replayed or recombined."""
        if self.bank is None:
            raise RuntimeError("the world model has seen nothing yet: call fit() before start()")
        state = dream.start(self.scene, self.looks, self.bank, batch_size, self.settings, rng)
        return dataclasses.replace(state, noise=self._noise_offset(rng))

    @torch.no_grad()
    def prior(
        self,
        state: DreamState,
        rng: torch.Generator,
        camera: Float[Tensor, "B 2"] | None = None,
    ) -> DreamState:
        """Draws the next state; see `world_models.air.dream.advance`."""
        parts = self.scene, self.transition, self.looks, self.viewpoint
        state = dream.advance(*parts, state, camera, rng)
        return dataclasses.replace(state, noise=self._noise_offset(rng))

    @torch.no_grad()
    def decode(self, state: DreamState) -> View:
        """Draws the frame, with the camera's noise, and reads the calibrated boxes."""
        canvas, visible = dream.draw(self.looks, state)
        if self.noise_sigma > 0:
            noise = noise_slice(self.noise_table, state.noise, canvas.numel())
            canvas.add_(noise.view_as(canvas), alpha=self.noise_sigma)
        box = self.calibration(window_box(state.where, state.look.extent, self.frame_shape[1:]))
        index = torch.arange(self.num_slots, device=box.device)
        return View(
            frame=to_uint8(canvas),
            box=box,
            visible=visible,
            id=torch.where(state.alive > 0, index, -1),
        )

    def _noise_offset(self, rng: torch.Generator) -> int:
        return int(torch.randint(len(self.noise_table) // 2, (), generator=rng, device=rng.device))

    def get_extra_state(self) -> dict[str, Any]:
        """What no parameter or buffer holds."""
        return {
            "noise_sigma": self.noise_sigma,
            "calibration": dataclasses.asdict(self.calibration),
            "bank": None if self.bank is None else self.bank.as_dict(),
            "looks": None if self.looks.memory is None else self.looks.memory.as_dict(),
            "fitted": self._fitted,
            "chosen": {name: getattr(self.chosen, name) for name in AIRSettings().open},
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what ``get_extra_state`` gave; parts and their weights come after it."""
        had = state["chosen"]
        chosen = decided(self.settings, **had)
        for name, value in had.items():
            if getattr(chosen, name) != value:
                raise RuntimeError(f"it was made with {name}={value}")
        if chosen != self.chosen:
            self._build(chosen)
        self.noise_sigma = state["noise_sigma"]
        self.calibration = Calibration(**state["calibration"])
        self.bank = None if state["bank"] is None else Bank.from_dict(state["bank"])
        self.looks.keep(None if state["looks"] is None else Memory(**state["looks"]))
        self._fitted = state["fitted"]
