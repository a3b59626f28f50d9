"""Pictures of what a world model sees and dreams: real | filtered | imagined samples.

Every identity has a colour: a true object's own one, and for an identity of the model that of the
object which it followed first. So one object whose colour changes has been taken for another.
Dashed boxes are hidden objects; that of the target has a white rim. Truth is read to draw it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from dyna.diagnosis.extrapolation import camera_path
from dyna.diagnosis.matching import match
from dyna.loop.following import follow_target
from dyna.loop.imagination import roll_forward
from dyna.pictures import render
from envs import drawing
from envs.trajectory import VISIBLE, Trajectory
from world_models.base import Posterior, WorldModel

COLOURS: Sequence[drawing.Colour] = (
    (255, 149, 0), (86, 190, 255), (46, 214, 130), (255, 112, 197), (240, 228, 66),
    (165, 140, 255), (255, 84, 70), (120, 230, 230),
)  # fmt: skip
AHEAD = (1, 5, 10, 20)
"""Steps of rollouts that are shown, after the last frame that is seen."""
RIM: drawing.Colour = (255, 255, 255)
"""Around the target's box."""
FILMED = 2
"""Rollouts that are shown in films."""
SIDE = 144
"""Pixels of one picture, roughly."""
LETTERS = 22
"""Height of letters in pixels."""
MOST_IMAGES = 24
"""Single images that are shown, if episodes have but one frame."""


class Story(NamedTuple):
    """One episode as videos with boxes; imagined ones begin after the context."""

    real: drawing.Array
    filtered: drawing.Array
    imagined: list[drawing.Array]


def told(episodes: Trajectory) -> list[drawing.Array]:
    """Each of some episodes as a video, with the boxes that its scene tells of.

    Raises:
        ValueError: They carry no truth.
    """
    truth = episodes.truth
    if truth is None:
        raise ValueError("episodes without truth cannot be shown with boxes")
    rows = torch.arange(len(truth.target), device=truth.target.device)
    target = truth.id[rows, :, truth.target].max(1).values.tolist()  # -1 where it is not there
    scene = (episodes.frame, truth.box, truth.visible, truth.id)
    return _Painter(_factor(episodes))(*scene, _true_colours(truth.id), target)


@torch.no_grad()
def tell(
    model: WorldModel,
    episodes: Trajectory,
    context: int = 6,
    samples: int = 3,
    ahead: int = 30,
    seed: int = 0,
) -> list[Story]:
    """What a model makes of each of some episodes, which must carry their truth."""
    real, truth = told(episodes), episodes.truth
    assert truth is not None
    posterior = model.posterior(episodes.without_truth())
    own = own_colours(posterior, match(posterior, truth).identity)
    paint = _Painter(_factor(episodes))
    followed = follow_target(posterior, episodes.box[:, 0]).identity.tolist()
    seen = (posterior.reconstruction, posterior.box, posterior.visible, posterior.id)
    filtered = paint(*seen, own, followed)
    steps = min(ahead, episodes.horizon - context)
    dreams: list[list[drawing.Array]] = [[] for _ in real]
    rng = torch.Generator(episodes.frame.device).manual_seed(seed)
    path = camera_path(episodes)
    camera = None if path is None else path[:, context - 1 :]
    for _ in range(samples if steps > 0 else 0):
        state = model.resume(posterior, context - 1)
        views = roll_forward(model, state, steps, camera, rng)
        frame, box, visible = (
            torch.stack([getattr(view, name) for view in views], 1)
            for name in ("frame", "box", "visible")
        )
        names = posterior.id[:, context - 1, None].expand(-1, steps, -1)
        for b, video in enumerate(paint(frame, box, visible, names, own, followed)):
            dreams[b].append(video)
    return [Story(*parts) for parts in zip(real, filtered, dreams, strict=True)]


def sheet(stories: Sequence[Story], context: int = 6) -> drawing.Array:
    """The stories as one picture, moments from left to right."""
    if len(stories[0].real) == 1:
        return _images(stories)
    blocks = []
    for story in stories:
        horizon = len(story.real)
        now = min(context, horizon) - 1
        ahead = min([horizon - context, *map(len, story.imagined)])
        after = [h for h in AHEAD if h <= ahead]
        times = [(now, f"t {now}")] + [(now + h, f"+{h}") for h in after]
        lines = []
        for title, video in (("real", story.real), ("filtered", story.filtered)):
            names = [f"{title} {n}" if t == now else n for t, n in times]
            cells = [_titled(video[t], name) for (t, _), name in zip(times, names, strict=True)]
            lines.append(render.beside(cells, 4))
        for number, video in enumerate(story.imagined, 1):
            cells = [_titled(np.full_like(story.real[0], 24), f"sample {number}")]
            cells += [_titled(video[h - 1], f"+{h}") for h in after]
            lines.append(render.beside(cells, 4))
        blocks.append(np.concatenate(lines))
    return render.grid(np.stack(blocks), columns=1, gap=14)


def animation(stories: Sequence[Story], context: int = 6) -> drawing.Array:
    """The stories as one video, one below the other: real | filtered | imagined samples."""
    lines = []
    for story in stories:
        parts = [_narrated(story.real, "real"), _narrated(story.filtered, "filtered")]
        for number, video in enumerate(story.imagined[:FILMED], 1):
            whole = np.concatenate([story.filtered[:context], video])
            titles = ["still looking"] * context
            titles += [f"sample {number} +{h + 1}" for h in range(len(video))]
            frames = [_titled(p, n) for p, n in zip(whole, titles, strict=True)]
            parts.append(np.stack(frames + frames[-1:] * (len(story.real) - len(frames))))
        lines.append(render.beside(parts, 4))
    return render.grid(np.stack(lines), columns=1, gap=14)


def write(
    folder: Path,
    model: WorldModel,
    episodes: Trajectory,
    context: int = 6,
    ahead: int = 30,
    number: int = 3,
) -> list[Path]:
    """Writes ``sheet.png`` and, where there is motion, ``film.mp4``; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    stories = tell(model, _worth_showing(episodes, number), context, ahead=ahead)
    picture = folder / "sheet.png"
    picture.write_bytes(render.png_bytes(sheet(stories, context)))
    if episodes.horizon == 1:
        return [picture]
    video = animation(stories, context)
    path = folder / "film.mp4"
    render.write_mp4(np.concatenate([video, np.repeat(video[-1:], 3, axis=0)]), path)
    return [picture, path]


def _worth_showing(episodes: Trajectory, number: int) -> Trajectory:
    """The first episodes; of videos, those with nothing in them come last."""
    if episodes.horizon == 1 or episodes.truth is None:
        return episodes[:MOST_IMAGES]
    empty = (episodes.truth.id < 0).all(-1).all(-1)
    return episodes[empty.float().argsort(stable=True)[:number]]


def _images(stories: Sequence[Story]) -> drawing.Array:
    pairs = [
        np.concatenate([_titled(s.real[0], "real"), _titled(s.filtered[0], "explained")])
        for s in stories
    ]
    return render.grid(np.stack(pairs), columns=min(6, len(pairs)))


def _factor(episodes: Trajectory) -> int:
    return max(1, round(SIDE / episodes.frame.shape[-1]))


def _titled(picture: drawing.Array, text: str) -> drawing.Array:
    return render.caption(picture, text, size=LETTERS)


def _narrated(video: drawing.Array, title: str) -> drawing.Array:
    return np.stack([_titled(picture, f"{title} t {t}") for t, picture in enumerate(video)])


Palette = dict[int, drawing.Colour]


def _true_colours(identity: Int[Tensor, "B T O"]) -> list[Palette]:
    """A colour for each true object, in the order of slots."""
    palettes = []
    for episode in identity:
        names = list(dict.fromkeys(n for n in episode.flatten().tolist() if n >= 0))
        palettes.append({n: COLOURS[i % len(COLOURS)] for i, n in enumerate(sorted(names))})
    return palettes


def own_colours(posterior: Posterior, followed: Int[Tensor, "B T O"]) -> list[Palette]:
    """A colour for each identity of the model: that of the object it followed first, if free."""
    palettes = []
    for b in range(len(followed)):
        palette: Palette = {}
        for moment in followed[b].tolist():
            for place, name in enumerate(moment):
                colour = COLOURS[place % len(COLOURS)]
                if name >= 0 and name not in palette and colour not in palette.values():
                    palette[name] = colour
        spare = [c for c in reversed(COLOURS) if c not in palette.values()] or list(COLOURS)
        rest = sorted(set(posterior.id[b].flatten().tolist()) - {-1} - set(palette))
        palette |= {name: spare[i % len(spare)] for i, name in enumerate(rest)}
        palettes.append(palette)
    return palettes


class _Painter:
    """Draws boxes in the colours of identities."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(
        self,
        frame: Tensor,
        box: Float[Tensor, "B T K 4"],
        visible: Float[Tensor, "B T K"],
        identity: Int[Tensor, "B T K"],
        colours: list[Palette],
        target: Sequence[int],
    ) -> list[drawing.Array]:
        """One video an episode; ``target`` is the identity whose box gets a rim, -1 for none."""
        videos = []
        for b, palette in enumerate(colours):
            video = drawing.upscale(frame[b].cpu().numpy(), self.factor)
            for t, picture in enumerate(video):
                for k, name in enumerate(identity[b, t].tolist()):
                    if name >= 0:
                        hidden = bool(visible[b, t, k] <= VISIBLE)
                        place = box[b, t, k].cpu().numpy()
                        if name == target[b]:
                            rim = place + np.array([0, 0, 4 / len(picture[0]), 4 / len(picture)])
                            drawing.draw_box(picture, rim, RIM, dashed=hidden)
                        drawing.draw_box(picture, place, palette[name], dashed=hidden)
            videos.append(video)
        return videos
