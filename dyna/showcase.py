"""What a finished run looks like: held-out tracking, and what its world model sees and dreams.

Writes ``videos/<name>.mp4``, and ``videos/<name>.png`` with moments of the first episode in a row.
Truth is read to draw it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.base import Agent
from dyna import metrics, render
from dyna.evaluate import SEED
from dyna.imagination import Imagination
from dyna.rollout import rollout
from envs import boxes
from envs.tracking import Tracking
from envs.trajectory import Trajectory

EPISODES = 6
"""Shown side by side; every arm of a study shows the same ones."""
CONTEXT = 6
"""Frames that the world model sees before it dreams on."""
SIDE = 192
"""Pixels of one picture, roughly."""


def record(folder: Path, agent: Agent, held_out: Tracking, dream: Tracking | None) -> list[Path]:
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
    episodes = _episodes(held_out, agent)
    found = {"tracking": _tracking(episodes, held_out)}
    if dream is not None:
        found["imagination"] = _tracking(_episodes(dream, agent), dream)
        model = dream.scene.model if isinstance(dream.scene, Imagination) else None
        if hasattr(model, "posterior") and hasattr(model, "dream_from"):
            found["world_model"] = _world_model(model, episodes)
    return [_write(folder / name, videos) for name, videos in found.items()]


def _episodes(env: Tracking, agent: Agent) -> Trajectory:
    env.rng.manual_seed(SEED)
    env.batch_size = EPISODES
    return rollout(env, agent, explore=False)


def _write(stem: Path, videos: list[render.Array]) -> Path:
    video = render.grid(np.stack(videos), columns=1 if videos[0].shape[2] > 2 * SIDE else 3)
    rest = np.repeat(video[-1:], 3, axis=0)  # the end stays in view before it loops
    path = stem.with_suffix(".mp4")
    render.write_mp4(np.concatenate([video, rest]), path)
    stem.with_suffix(".png").write_bytes(render.png_bytes(render.strip(videos[0])))
    return path


def _array(value: Tensor) -> render.Array:
    return value.detach().cpu().numpy()


def _factor(trajectory: Trajectory) -> int:
    return max(1, round(SIDE / trajectory.frame.shape[-1]))


def _tracking(trajectory: Trajectory, env: Tracking) -> list[render.Array]:
    """Every episode with its boxes, where the agent was after it had seen the frame."""
    truth = trajectory.truth
    if truth is None:
        raise ValueError("episodes without truth cannot be shown with boxes")
    moved = boxes.move(trajectory.box[:, :-1], trajectory.action, env.centre_gain, env.size_gain)
    iou = metrics.overlap(trajectory, env.centre_gain, env.size_gain)
    others = truth.id >= 0
    others[torch.arange(len(others)), :, truth.target] = False
    videos = []
    for b in range(trajectory.num_episodes):
        video = render.annotate(
            _array(trajectory.frame[b]),
            target=_array(truth.target_box[b]),
            agent=_array(moved[b]),
            others=_array(truth.box[b]),
            present=_array(others[b] & (truth.visible[b] > 0)),
            factor=_factor(trajectory),
        )
        texts = [f"t {t:2d}   IoU {iou[b, t]:.2f}" for t in range(len(video))]
        videos.append(_label(video, texts))
    return videos


def _label(video: render.Array, texts: list[str]) -> render.Array:
    pairs = zip(video, texts, strict=True)
    return np.stack([render.caption(picture, text) for picture, text in pairs])


@torch.no_grad()
def _world_model(model: Any, real: Trajectory, episodes: int = 3) -> list[render.Array]:
    """Real | reconstruction | imagined, with every object's box; ``CONTEXT`` frames are seen."""
    truth = real[:episodes].truth
    if truth is None:
        raise ValueError("episodes without truth cannot be shown with boxes")
    history = model.posterior(real[:episodes].without_truth())
    frames, dreamed, alive = _dream(model, history, real[:episodes])
    factor, videos = _factor(real), []
    for b in range(episodes):
        panels = []
        for title, frame, box, present in (
            ("real", real.frame, truth.box, truth.id >= 0),
            ("reconstruction", history.reconstruction, history.box, history.alive > 0),
            ("imagined", frames, dreamed, alive),
        ):
            video = render.upscale(_array(frame[b]), factor)
            for t, picture in enumerate(video):
                for k in torch.nonzero(present[b, t])[:, 0].tolist():
                    colour = render.TARGET if title == "real" else render.AGENT
                    render.draw_box(picture, _array(box[b, t, k]), colour, thickness=1)
            seen = [title == "imagined" and t < CONTEXT for t in range(len(video))]
            texts = [
                f"{title}{' (still looking)' if look else f'  t {t}'}"
                for t, look in enumerate(seen)
            ]
            panels.append(_label(video, texts))
        videos.append(render.beside(panels))
    return videos


def _dream(model: Any, history: Any, real: Trajectory) -> tuple[Tensor, Tensor, Tensor]:
    """The reconstruction while the model may look, then what it dreams without looking."""
    context = min(CONTEXT, real.horizon)
    rng = torch.Generator(real.frame.device).manual_seed(0)
    state = model.dream_from(history.slots[context - 1])
    frames = [history.reconstruction[:, t] for t in range(context)]
    dreamed = [history.box[:, t] for t in range(context)]
    alive = [history.alive[:, t] > 0 for t in range(context)]
    for t in range(context, real.horizon):
        camera = real.camera[:, t - 1] if bool(real.camera.any()) else None
        state = model.prior(state, rng, camera)
        view = model.decode(state)
        frames.append(view.frame)
        dreamed.append(view.box)
        alive.append(view.id >= 0)
    return torch.stack(frames, 1), torch.stack(dreamed, 1), torch.stack(alive, 1)
