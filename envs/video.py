"""Real video as scenes: clips of annotated sequences, one object to follow in each."""

from collections.abc import Mapping
from collections.abc import Sequence as Several
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from envs.action_scale import ActionScale
from envs.footage import formats
from envs.footage.clips import Clip, cut_all, of_split
from envs.footage.pictures import Album
from envs.footage.window import Jitter, Window, around
from envs.scene import Scene, View
from envs.tracking import Tracking


class Shot(NamedTuple):
    """A clip, ready to be shown: T pictures, and K slots of which the first is the target."""

    pixels: list[UInt8[Tensor, "C h w"]]
    box: Float[Tensor, "T K 4"]
    visible: Float[Tensor, "T K"]
    id: Int[Tensor, "T K"]


class Video(Scene):
    """Clips of annotated sequences. The target is in slot 0, other annotated objects follow.

    Training draws a sequence, then one of its clips, evenly. Held-out clips are served in order;
    the last one is followed by the first. After the end of a held-out clip its last frame stands
    still, and nothing counts as visible; a training clip is played to and fro.

    Args:
        groups: Clips of each sequence (``envs.footage.clips.cut_all``).
        horizon: T: frames of a clip.
        frame_size: Height and width of a frame. Videos of another shape get black bars.
        channels: 1 for grey, 3 for RGB.
        jitter: How training clips vary; None serves each clip once, in order, as it is.
        slide: Training clips start up to so many frames later.
        num_slots: K, at most; 1 leaves out all objects but the target.
        window: Show a window of so many target sizes around the first box, for targets that are
            small in the picture; the task's camera moves it. None shows the whole picture.
        detail: How many times finer than a frame the pictures are kept, for windows.
        cache_mb: Megabytes of pictures to keep in memory.
        device: Where the scenes live.

    Raises:
        ValueError: A value is out of range.
    """

    num_targets = 1

    def __init__(
        self,
        groups: list[list[Clip]],
        horizon: int,
        frame_size: Several[int] = (120, 160),
        channels: int = 3,
        jitter: Jitter | None = None,
        slide: int = 0,
        num_slots: int = 8,
        window: float | None = None,
        detail: int = 1,
        cache_mb: float = 1024,
        device: str = "cpu",
    ) -> None:
        if len(frame_size) != 2 or min(frame_size) < 16:
            raise ValueError(f"frame_size must be [height, width], 16 or more, got {frame_size}")
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {channels}")
        if num_slots < 1 or detail < 1:
            raise ValueError(f"num_slots={num_slots} and detail={detail} must be 1 or more")
        if window is not None and window < 1.5:
            raise ValueError(f"window must be 1.5 target sizes or more, got {window}")
        height, width = frame_size
        self.groups = groups
        self.clips = [clip for clips in groups for clip in clips]
        self.horizon = horizon
        self.frame_shape = (channels, height, width)
        self.jitter = jitter
        self.slide = slide
        self.num_slots = min(num_slots, max(clip.sequence.num_objects for clip in self.clips))
        self.window = window
        self.device = device
        self.album = Album((channels, detail * height, detail * width), cache_mb)
        self.num_episodes = len(self.clips) if jitter is None else None
        self._next = 0

    def reset(self, batch_size: int, rng: torch.Generator) -> View:
        """Starts new clips."""
        if self.jitter is None:
            places = [(self._next + i) % len(self.clips) for i in range(batch_size)]
            self._next = (places[-1] + 1) % len(self.clips)
            clips = [self.clips[place] for place in places]
            shots = [self._shoot(clip, clip.frames(self.horizon), len(clip)) for clip in clips]
        else:
            shots = [self._draw(self.jitter.reverse, rng) for _ in range(batch_size)]
        self._pixels = [shot.pixels for shot in shots]
        self._box = torch.stack([shot.box for shot in shots]).to(self.device)
        self._visible = torch.stack([shot.visible for shot in shots]).to(self.device)
        self._id = torch.stack([shot.id for shot in shots]).to(self.device)
        self._windows = self._first_windows(rng)
        plain = self.jitter is None and self.window is None
        self._whole = plain and self.album.frame_shape == self.frame_shape
        self._t = 0
        return self._show()

    def advance(self, rng: torch.Generator, camera: Float[Tensor, "B 2"] | None = None) -> View:
        """Shows the next frames, through windows that moved with the camera."""
        self._t += 1
        if camera is not None:
            self._windows = self._windows.moved(camera)
            self._whole = False
        return self._show()

    def rewind(self) -> None:
        """Starts again with the first held-out clip."""
        self._next = 0

    def state_dict(self) -> dict[str, Any]:
        """Which held-out clip comes next."""
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        self._next = state["next"]

    def _draw(self, reverse: bool, rng: torch.Generator) -> Shot:
        """A training clip."""
        uniform = torch.rand(4, generator=rng, device=rng.device).tolist()
        group = self.groups[int(uniform[0] * len(self.groups))]
        clip = group[int(uniform[1] * len(group))].slide(int(uniform[2] * (self.slide + 1)))
        backwards = reverse and uniform[3] < 0.5
        return self._shoot(clip, clip.frames(self.horizon, backwards, again=True), self.horizon)

    def _shoot(self, clip: Clip, frames: list[int], length: int) -> Shot:
        """Reads the frames of a clip, of which ``length`` count, and fills the slots."""
        pictures = self.album.look_up(clip.sequence.frames, set(frames))
        seen = clip.sequence.visible[frames]
        others = np.argsort(-(seen > 0).sum(0), kind="stable").tolist()
        slots = [clip.target, *(k for k in others if k != clip.target)][: self.num_slots]
        shape = (len(frames), self.num_slots)
        box, visible = torch.zeros(*shape, 4), torch.zeros(shape)
        name = torch.full(shape, -1)
        boxes = {t: picture.box(clip.sequence.box_px[t, slots]) for t, picture in pictures.items()}
        box[:, : len(slots)] = torch.stack([boxes[t] for t in frames])
        visible[:length, : len(slots)] = torch.from_numpy(seen[:length, slots]).float()
        # The target keeps its name to the end, others have one while they are in the scene.
        name[:, 0] = clip.target
        for slot, k in enumerate(slots[1:], start=1):
            name[torch.from_numpy(_from_first_to_last(seen[:, k] > 0)), slot] = k
        return Shot([pictures[t].pixels for t in frames], box, visible, name)

    def _first_windows(self, rng: torch.Generator) -> Window:
        height, width = self.frame_shape[1:]
        target = self._box[:, 0, 0]
        windows = around(target, self.window, width / height)
        return windows if self.jitter is None else self.jitter.draw(windows, target, rng)

    def _show(self) -> View:
        t = min(self._t, self.horizon - 1)
        pixels = torch.stack([pictures[t] for pictures in self._pixels]).to(self.device)
        box, visible = self._box[:, t], self._visible[:, t]
        if not self._whole:
            pixels = self._windows.show(pixels, *self.frame_shape[1:])
            box = self._windows.box(box)
            visible = self._windows.visible(visible, box)
        if self._t >= self.horizon:
            visible = torch.zeros_like(visible)
        return View(frame=pixels, box=box, visible=visible, id=self._id[:, t])


def _from_first_to_last(there: Bool[np.ndarray, " T"]) -> Bool[np.ndarray, " T"]:
    """Whether something was there before or now, and will be there later or is now."""
    before = np.logical_or.accumulate(there)
    return before & np.logical_or.accumulate(there[::-1])[::-1]


def make(
    path: str | None = None,
    format: str = formats.AUTO,
    split: str = "train",
    batch_size: int = 32,
    horizon: int = 20,
    seed: int = 0,
    device: str = "cpu",
    split_by: str = "time",
    test_sequences: Several[str] | None = None,
    objects: str = "all",
    stride: int | None = None,
    min_length: int = 10,
    jitter: Mapping[str, Any] | None = None,
    task: Mapping[str, Any] | None = None,
    **view: Any,
) -> Tracking:
    """The tracking task on real video.

    Args:
        path: A sequence, a folder of sequences, or a video file with a CSV (``docs/data.md``).
        format: One of ``envs.footage.formats.FORMATS``, or ``auto``.
        split: ``train`` draws clips and varies them; ``test`` serves each once, as it is.
        batch_size: Episodes side by side.
        horizon: Frames per episode.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        split_by: As of ``envs.footage.clips.of_split``.
        test_sequences: As of ``envs.footage.clips.of_split``.
        objects: As of ``envs.footage.clips.cut_all``.
        stride: Frames between the starts of training clips; None: half of the horizon.
        min_length: Shorter clips are left out.
        jitter: How training clips vary, by name; see ``envs.footage.window.Jitter``.
        task: Further arguments of ``Tracking``, by name: what actions do, and the camera's speed.
        **view: Further arguments of ``Video``, such as ``frame_size``, ``channels``, ``window``.

    Raises:
        FileNotFoundError: A file or folder is missing.
        ValueError: A value is out of range, a file is damaged, or no clip is long enough.
    """
    if path is None:
        raise ValueError("env=video needs env.path=..., a sequence or a folder of sequences")
    train = split == "train"
    stride = max(horizon // 2, 1) if stride is None else stride
    names = None if test_sequences is None else list(test_sequences)
    parts = of_split(formats.load(path, format), split, split_by, names)
    step = stride if train else horizon
    groups = cut_all(parts, objects, horizon, step, min(min_length, horizon))
    vary = Jitter(**jitter or {})
    scene = Video(
        groups, horizon, jitter=vary if train else None, slide=stride - 1, device=device, **view
    )
    given = {
        "min_size": 0.02,
        "max_size": 1.0,
        "centre_gain": 0.5,
        "size_gain": 0.2,
        **(task or {}),
    }
    speed = given.pop("camera_speed", 0.0)
    scale = ActionScale(given.pop("centre_gain"), given.pop("size_gain"), **given)
    return Tracking(scene, batch_size, horizon, scale, speed, seed, device)
