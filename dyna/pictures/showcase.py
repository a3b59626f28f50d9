"""What a finished run looks like: held-out tracking, and what its world model sees and dreams.

Writes ``<name>.mp4``, and ``<name>.png`` with moments of the first episodes in rows. Truth is read
to draw it.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from agents.base import Agent
from dyna.evaluation import attention, metrics
from dyna.evaluation.heldout import SEED, start_over
from dyna.loop.following import follow_target
from dyna.loop.imagination import Imagination, roll_forward
from dyna.loop.rollout import rollout
from dyna.pictures import gaze, render
from envs import drawing
from envs.scene import Scene
from envs.tracking import Tracking
from envs.trajectory import Trajectory, Truth, concatenate
from envs.video import Video
from world_models.base import Posterior

EPISODES = 6
"""Shown side by side; every arm of a study shows the same ones."""
CONTEXT = 6
"""Frames that the world model sees before it dreams on."""
SIDE = 192
"""Pixels of one picture, at least."""
LONG = 40
"""Films of more frames are shown faster."""
WIDE = 600
"""Pixels of a film, roughly: clips stand beside each other as far as they fit."""


class Clip(NamedTuple):
    """An episode as a video with captions, and the bare videos whose moments go into rows."""

    video: drawing.Array
    rows: list[drawing.Array]
    titles: tuple[str, ...] = ()
    """Of the rows, if each has its own."""


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
        written.append(_write(folder / "world_model", panels(model, episodes)))
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


def _write(stem: Path, clips: list[Clip]) -> Path:
    columns = min(max(1, round(WIDE / clips[0].video.shape[2])), len(clips))
    video = render.grid(np.stack([clip.video for clip in clips]), columns)
    rest = np.repeat(video[-1:], 3, axis=0)  # the end stays in view before it loops
    path = stem.with_suffix(".mp4")
    render.write_mp4(np.concatenate([video, rest]), path, fps=15 if len(video) > LONG else 6)
    rows = [row for clip in clips for row in clip.rows][:3]
    titles = clips[0].titles or ("",) * len(rows)
    strips = [
        render.strip(row, title=title, times=bool(title) or row is rows[0])
        for row, title in zip(rows, titles, strict=True)
    ]
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
        bare = video
        if seen is not None:
            pairs = zip(video, seen, strict=True)
            video = np.stack([gaze.beside(picture, moment, b) for picture, moment in pairs])
        name = "" if names is None else f"   {names[b]}"
        texts = [f"t {t}   IoU {iou[b, t]:.2f}{name}" for t in range(len(video))]
        clips.append(Clip(_label(video, texts), [bare]))
    return clips


def _label(video: drawing.Array, texts: list[str]) -> drawing.Array:
    pairs = zip(video, texts, strict=True)
    return np.stack([render.caption(picture, text) for picture, text in pairs])


@torch.no_grad()
def panels(model: Any, real: Trajectory, episodes: int = 3) -> list[Clip]:
    """Real | reconstruction | imagined, with every object's box; ``CONTEXT`` frames are seen.

    The target's box is dashed green where it is true. Among the model's it is the solid orange one
    of the slot that fits the first box, which is all that a tracker is told.
    """
    real = real[:episodes]
    truth = _truth(real)
    history = model.posterior(real.without_truth())
    frames, dreamed, alive = _dream(model, history, real)
    visible = (truth.id >= 0) & (truth.visible > 0)
    slots = torch.arange(truth.id.shape[-1], device=truth.id.device)
    target = (slots == truth.target[:, None])[:, None].expand_as(truth.id)
    own, dreamed_own = _own_target(history, real)
    seen = history.visible > 0
    shown = (
        ("real", real.frame, truth.box, visible, target),
        ("reconstruction", history.reconstruction, history.box, seen, own),
        ("imagined", frames, dreamed, alive, dreamed_own),
    )
    clips = []
    for b in range(real.num_episodes):
        plain, labelled = [], []
        for title, frame, box, present, chosen in shown:
            video = drawing.upscale(_array(frame[b]), _factor(real))
            for t, picture in enumerate(video):
                _draw_boxes(picture, box[b, t], present[b, t], chosen[b, t], title == "real")
            plain.append(video)
            labelled.append(_label(video, [_title(title, t) for t in range(len(video))]))
        clips.append(Clip(render.beside(labelled), plain, tuple(title for title, *_ in shown)))
    return clips


def _own_target(
    history: Posterior, real: Trajectory
) -> tuple[Bool[Tensor, "B T K"], Bool[Tensor, "B T K"]]:
    """The slot that a model takes for the target, in frames that it sees and as it dreams on."""
    identity = follow_target(history, real.box[:, 0]).identity[:, None, None]
    own = (history.id == identity) & (identity >= 0)
    last = min(CONTEXT, real.horizon) - 1
    ahead = own[:, last : last + 1].expand(-1, real.horizon - last - 1, -1)
    return own, torch.cat([own[:, : last + 1], ahead], 1)


def _draw_boxes(
    picture: drawing.Array, box: Tensor, present: Tensor, target: Tensor, true: bool
) -> None:
    """Thin grey boxes, and over them that of the target."""
    for k in sorted(torch.nonzero(present)[:, 0].tolist(), key=lambda k: bool(target[k])):
        place = _array(box[k])
        if not target[k]:
            drawing.draw_box(picture, place, drawing.OTHER, thickness=1)
        elif true:
            drawing.draw_box(picture, place, drawing.TARGET, dashed=True)
        else:
            drawing.draw_box(picture, place, drawing.AGENT)


def _title(title: str, t: int) -> str:
    if title == "imagined":
        return "still looking" if t < CONTEXT else f"imagined +{t + 1 - CONTEXT}"
    return f"{title} t {t}" if title == "real" else title


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
