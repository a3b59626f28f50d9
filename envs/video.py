"""Real video as scenes: clips of annotated sequences, one object to follow in each."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from envs.action_scale import ActionScale
from envs.footage import formats
from envs.footage.clips import Clip, cut_all, of_split
from envs.footage.pictures import Album
from envs.footage.window import JitterSettings, Window, around
from envs.scene import Scene, View
from envs.settings import Settings, configured_by, from_config, setting
from envs.tracking import Tracking


class Shot(NamedTuple):
    """A clip, ready to be shown: T pictures, and K slots of which the first is the target."""

    pixels: list[UInt8[Tensor, "C h w"]]
    box: Float[Tensor, "T K 4"]
    visible: Float[Tensor, "T K"]
    id: Int[Tensor, "T K"]


@dataclasses.dataclass(frozen=True)
class TaskSettings(Settings):
    """What can be set about the tracking task."""

    min_size: float = setting(
        0.02, "no side of the agent's box is smaller (of the frame),", above=0
    )
    max_size: float = setting(1.0, "or larger", above=0)
    centre_gain: float = setting(1.0, "box sizes that a full action moves the centre", above=0)
    size_gain: float = setting(0.2, "log-size that a full action changes", least=0)
    camera_speed: float = setting(
        0.0,
        "a window follows the agent's box by so much of its width per frame, e.g. 0.2",
        least=0,
    )


@dataclasses.dataclass(frozen=True)
class VideoSettings(Settings):
    """What can be set."""

    path: str | None = setting(
        None, "a sequence, a folder of sequences, or a video file with a CSV beside it"
    )
    format: str = setting(formats.AUTO, "of annotations: auto, or csv kitti kth mot otb vot")
    rotate: bool = setting(
        True,
        "turn frames as viewers do (EXIF, display matrix); false where boxes were drawn on the "
        "pixels as they are stored",
    )
    horizon: int = setting(20, "T: frames per episode", least=1)
    frame_size: Any = setting(
        [120, 160],
        "height and width; other shapes get black bars",
        pair=int,
        least=16,
        most=8192,
    )
    channels: int = setting(3, "1: grey, 3: RGB")
    split_by: str = setting(
        "time", "time: the last 20 % of each sequence are held out; sequence: whole ones"
    )
    test_sequences: Any = setting(None, "of split_by=sequence, by name; null: every fifth")
    objects: str = setting("all", "all objects in turn, or the main one of each sequence")
    stride: int | None = setting(
        None, "frames between starts of training clips; null: half of the horizon"
    )
    min_length: int = setting(10, "shorter clips are left out")
    num_slots: int = setting(8, "K, at most; 1 leaves out all objects but the target", least=1)
    jitter: JitterSettings = setting(JitterSettings(), "how training clips vary")
    window: int | float | None = setting(
        None,
        "show a window of so many target sizes around the first box, for targets that are small "
        "in the picture, e.g. 8; the task's camera moves it; null: the whole picture",
        least=1.5,
    )
    detail: int = setting(
        1, "how many times finer than a frame pictures are kept, for windows, e.g. 3", least=1
    )
    task: TaskSettings = setting(TaskSettings(), "what actions do, and the camera's speed")
    cache_mb: int | float = setting(1024, "megabytes of pictures to keep in memory")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {self.channels}")

    @property
    def training_stride(self) -> int:
        """Frames between the starts of training clips."""
        return max(self.horizon // 2, 1) if self.stride is None else self.stride


class Video(Scene):
    """Clips of annotated sequences. The target is in slot 0, other annotated objects follow.

    Training draws a sequence, then one of its clips, evenly, and varies it. Held-out clips are
    served once each, in order, as they are; the last one is followed by the first. After the end
    of a held-out clip its last frame stands still, and nothing counts as visible; a training clip
    is played to and fro.

    Args:
        groups: Clips of each sequence (``envs.footage.clips.cut_all``).
        settings: How they are shown.
        training: Whether these are training clips.
        device: Where the scenes live.
    """

    num_targets = 1
    tells_all = False

    def __init__(
        self,
        groups: list[list[Clip]],
        settings: VideoSettings,
        training: bool = False,
        device: str = "cpu",
    ) -> None:
        height, width = settings.frame_size
        self.groups = groups
        self.clips = [clip for clips in groups for clip in clips]
        self.horizon = settings.horizon
        self.frame_shape = (settings.channels, height, width)
        self.jitter = settings.jitter if training else None
        self.slide = settings.training_stride - 1
        most = max(clip.sequence.num_objects for clip in self.clips)
        self.num_slots = min(settings.num_slots, most)
        self.window = settings.window
        self.device = device
        detail = settings.detail
        self.album = Album((settings.channels, detail * height, detail * width), settings.cache_mb)
        self.num_episodes = None if training else len(self.clips)
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


@configured_by(VideoSettings)
def make(
    split: str = "train", batch_size: int = 32, seed: int = 0, device: str = "cpu", **settings: Any
) -> Tracking:
    """The tracking task on real video (``docs/data.md``).

    Args:
        split: ``train`` draws clips and varies them; ``test`` serves each once, as it is.
        batch_size: Episodes side by side.
        seed: Seed of all episodes to come.
        device: Where the scenes live.
        **settings: Keys of `VideoSettings`.

    Raises:
        FileNotFoundError: A file or folder is missing.
        ValueError: A value is out of range, a file is damaged, or no clip is long enough.
    """
    s = from_config(VideoSettings, settings)
    if s.path is None:
        raise ValueError("env=video needs env.path=..., a sequence or a folder of sequences")
    train = split == "train"
    names = None if s.test_sequences is None else list(s.test_sequences)
    parts = of_split(formats.load(s.path, s.format, s.rotate), split, s.split_by, names)
    step = s.training_stride if train else s.horizon
    groups = cut_all(parts, s.objects, s.horizon, step, min(s.min_length, s.horizon))
    scene = Video(groups, s, train, device)
    task = s.task
    scale = ActionScale(task.centre_gain, task.size_gain, task.min_size, task.max_size)
    return Tracking(scene, batch_size, s.horizon, scale, task.camera_speed, seed, device)
