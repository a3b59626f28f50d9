"""What a finished run looks like: held-out tracking, and what its world model sees and dreams.

Writes ``<name>.mp4``, and ``<name>.png`` with moments of the first episodes in rows. Truth is read
to draw it.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.base import Agent
from dyna.evaluation import attention, metrics
from dyna.evaluation.heldout import SEED, start_over
from dyna.loop.imagination import Imagination, roll_forward
from dyna.loop.rollout import rollout
from dyna.pictures import gaze, render
from envs import drawing
from envs.scene import Scene
from envs.tracking import Tracking
from envs.trajectory import Trajectory, Truth, concatenate
from envs.video import Video

EPISODES = 6
"""Shown side by side; every arm of a study shows the same ones."""
CONTEXT = 6
"""Frames that the world model sees before it dreams on."""
SIDE = 192
"""Pixels of one picture, at least."""
LONG = 40
"""Films of more frames are shown faster."""


class Clip(NamedTuple):
    """An episode as a video with captions, and the bare videos whose moments go into rows."""

    video: drawing.Array
    rows: list[drawing.Array]


def make_videos(
    folder: Path, agent: Agent, held_out: Tracking, dream: Tracking | None
) -> list[Path]:
    """Writes all that can be shown of a run.

    Args:
        folder: Where to; made if missing.
        agent: The trained agent.
        held_out: Held-out scenes; its generator is set anew.
        dream: The task in imagination, None without a world model.

    Returns:
        The videos.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = _places(held_out)
    episodes = _episodes(held_out, agent, places)
    clips = tracking(
        episodes, held_out, attention.replay(agent, episodes), _names(held_out.scene, places)
    )
    written = [_write(folder / "tracking", clips)]
    if dream is None:
        return written
    model = dream.scene.model if isinstance(dream.scene, Imagination) else None
    if model is not None and model.sees:
        written.append(_write(folder / "world_model", panels(model, episodes), columns=1))
    imagined = _episodes(dream, agent, _places(dream))
    written.append(_write(folder / "imagination", tracking(imagined, dream)))
    return written


def _places(env: Tracking) -> list[int]:
    """Which episodes are shown: spread evenly over those that there are, or the first ones."""
    there = env.scene.num_episodes or EPISODES
    return [i * there // min(EPISODES, there) for i in range(min(EPISODES, there))]


def _names(scene: Scene, places: list[int]) -> list[str] | None:
    """From which video each episode is."""
    if not isinstance(scene, Video):
        return None
    return [scene.clips[place].sequence.name for place in places]


def _episodes(env: Tracking, agent: Agent, places: list[int]) -> Trajectory:
    start_over(env, SEED)
    if env.scene.num_episodes is None:
        env.batch_size = len(places)
        return rollout(env, agent, explore=False)
    parts, served = [], 0
    for place in places:
        if place > served:
            env.scene.reset(place - served, env.rng)  # passes over those between
        env.batch_size, served = 1, place + 1
        parts.append(rollout(env, agent, explore=False))
    return concatenate(parts)


def _write(stem: Path, clips: list[Clip], columns: int = 3) -> Path:
    video = render.grid(np.stack([clip.video for clip in clips]), columns)
    rest = np.repeat(video[-1:], 3, axis=0)  # the end stays in view before it loops
    path = stem.with_suffix(".mp4")
    render.write_mp4(np.concatenate([video, rest]), path, fps=15 if len(video) > LONG else 6)
    rows = [row for clip in clips for row in clip.rows][:3]
    strips = [render.strip(row, times=place == 0) for place, row in enumerate(rows)]
    stem.with_suffix(".png").write_bytes(render.png_bytes(np.concatenate(strips)))
    return path


def _array(value: Tensor) -> drawing.Array:
    return value.detach().cpu().numpy()


def _factor(trajectory: Trajectory) -> int:
    return -(-SIDE // trajectory.frame.shape[-1])


def _truth(trajectory: Trajectory) -> Truth:
    if trajectory.truth is None:
        raise ValueError("episodes without truth cannot be shown with boxes")
    return trajectory.truth


def tracking(
    trajectory: Trajectory,
    env: Tracking,
    seen: list[Any] | None = None,
    names: list[str] | None = None,
) -> list[Clip]:
    """Every episode with its boxes, the agent's as it is after it has seen the frame.

    Args:
        trajectory: Episodes with their truth.
        env: Their task.
        seen: What the agent attended to at each step (``attention.replay``), drawn beside frames.
        names: What to call each episode above its frames.
    """
    truth = _truth(trajectory)
    moved = metrics.answer(trajectory, env.action_scale)
    iou = metrics.overlap(trajectory, env.action_scale)
    others = (truth.id >= 0) & (truth.visible > 0)
    others[torch.arange(len(others), device=others.device), :, truth.target] = False
    clips = []
    for b in range(trajectory.num_episodes):
        video = drawing.annotate(
            _array(trajectory.frame[b]),
            target=_array(truth.target_box[b]),
            agent=_array(moved[b]),
            others=_array(truth.box[b]),
            present=_array(others[b]),
            factor=_factor(trajectory),
        )
        if seen is not None:
            pairs = zip(video, seen, strict=True)
            video = np.stack([gaze.beside(picture, moment, b) for picture, moment in pairs])
        name = "" if names is None else f"   {names[b]}"
        texts = [f"t {t}   IoU {iou[b, t]:.2f}{name}" for t in range(len(video))]
        clips.append(Clip(_label(video, texts), [video]))
    return clips


def _label(video: drawing.Array, texts: list[str]) -> drawing.Array:
    pairs = zip(video, texts, strict=True)
    return np.stack([render.caption(picture, text) for picture, text in pairs])


@torch.no_grad()
def panels(model: Any, real: Trajectory, episodes: int = 3) -> list[Clip]:
    """Real | reconstruction | imagined, with every object's box; ``CONTEXT`` frames are seen."""
    real = real[:episodes]
    truth = _truth(real)
    history = model.posterior(real.without_truth())
    frames, dreamed, alive = _dream(model, history, real)
    visible = (truth.id >= 0) & (truth.visible > 0)
    shown = (
        ("real", drawing.TARGET, real.frame, truth.box, visible),
        (
            "reconstruction",
            drawing.AGENT,
            history.reconstruction,
            history.box,
            history.visible > 0,
        ),
        ("imagined", drawing.AGENT, frames, dreamed, alive),
    )
    clips = []
    for b in range(real.num_episodes):
        plain, labelled = [], []
        for title, colour, frame, box, present in shown:
            video = drawing.upscale(_array(frame[b]), _factor(real))
            for t, picture in enumerate(video):
                for k in torch.nonzero(present[b, t])[:, 0].tolist():
                    drawing.draw_box(picture, _array(box[b, t, k]), colour)
            plain.append(video)
            labelled.append(_label(video, [_title(title, t) for t in range(len(video))]))
        clips.append(Clip(render.beside(labelled), plain))
    return clips


def _title(title: str, t: int) -> str:
    if title != "imagined":
        return f"{title}, t {t}"
    return "still looking" if t < CONTEXT else f"imagined {t + 1 - CONTEXT} ahead"


def _dream(model: Any, history: Any, real: Trajectory) -> tuple[Tensor, Tensor, Tensor]:
    """The reconstruction while the model may look, then what it dreams without looking."""
    context = min(CONTEXT, real.horizon)
    rng = torch.Generator(real.frame.device).manual_seed(0)
    camera = real.camera[:, context - 1 :] if bool(real.camera.any()) else None
    state = model.resume(history, context - 1)
    views = roll_forward(model, state, real.horizon - context, camera, rng)
    frames = [history.reconstruction[:, t] for t in range(context)] + [v.frame for v in views]
    dreamed = [history.box[:, t] for t in range(context)] + [v.box for v in views]
    alive = [history.visible[:, t] > 0 for t in range(context)] + [v.id >= 0 for v in views]
    return torch.stack(frames, 1), torch.stack(dreamed, 1), torch.stack(alive, 1)
