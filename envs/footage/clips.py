"""Annotated videos cut into clips, each with one object to follow."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from envs.footage.sequences import Sequence
from envs.scene import WELL_VISIBLE

TRAIN_SHARE = 0.8
"""With ``split_by=time``, the first 80 % of each sequence are for training (HART, 2017)."""
EVERY = 5
"""With ``split_by=sequence``, every fifth sequence by name is a test sequence."""
SPLITS = ("train", "test")
SPLITS_BY = ("time", "sequence")
OBJECTS = ("all", "main")


@dataclasses.dataclass(frozen=True)
class Clip:
    """Some frames of a sequence, and the object to follow in them.

    Attributes:
        sequence: Where it was cut from.
        target: The object.
        first: First frame; the object is well visible in it.
        stop: The frame after the last.
        end: The clip may slide on until its last frame is the one before this.
    """

    sequence: Sequence
    target: int
    first: int
    stop: int
    end: int

    def __len__(self) -> int:
        """Number of frames."""
        return self.stop - self.first

    def slide(self, by: int) -> "Clip":
        """As many frames, up to ``by`` later; the clip itself if it could not start there."""
        by = min(by, self.end - self.stop)
        first = self.first + by
        if self._seen[first] <= WELL_VISIBLE:
            return self
        return dataclasses.replace(self, first=first, stop=self.stop + by)

    def frames(self, horizon: int, backwards: bool = False, again: bool = False) -> list[int]:
        """The frames to show.

        Args:
            horizon: How many.
            backwards: Play from the last frame in which the object is well visible to the first.
            again: Go to and fro where the clip is shorter than that; otherwise its last frame is
                repeated.
        """
        order = list(range(self.first, self.stop))
        if backwards:
            order = order[: int(np.nonzero(self._seen[order] > WELL_VISIBLE)[0][-1]) + 1][::-1]
        if again and len(order) > 1:
            there_and_back = order + order[-2:0:-1]
            order = there_and_back * -(-horizon // len(there_and_back))
        return (order + order[-1:] * horizon)[:horizon]

    @property
    def _seen(self) -> Float[np.ndarray, " T"]:
        return self.sequence.visible[:, self.target]


def of_split(
    sequences: list[Sequence], split: str, split_by: str, test_sequences: list[str] | None
) -> list[tuple[Sequence, range]]:
    """The sequences of a split, and which of their frames belong to it.

    Args:
        sequences: All of them.
        split: ``train`` or ``test``.
        split_by: ``time`` (the first 80 % and the last 20 % of each) or ``sequence``.
        test_sequences: Names of the test sequences; None: every fifth by name.

    Raises:
        ValueError: An unknown word, or an unknown test sequence.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
    if split_by not in SPLITS_BY:
        raise ValueError(f"split_by must be one of {SPLITS_BY}, got {split_by!r}")
    test = split == "test"
    if split_by == "time":
        if test_sequences is not None:
            raise ValueError("test_sequences goes with split_by=sequence, not with split_by=time")
        border = {s: int(TRAIN_SHARE * len(s)) for s in sequences}
        return [(s, range(border[s], len(s)) if test else range(border[s])) for s in sequences]
    names = sorted(s.name for s in sequences)
    chosen = set(names[EVERY - 1 :: EVERY]) if test_sequences is None else set(test_sequences)
    if unknown := chosen - set(names):
        raise ValueError(
            f"test_sequences names {', '.join(sorted(unknown))}, but there are {', '.join(names)}"
        )
    return [(s, range(len(s))) for s in sequences if (s.name in chosen) == test]


def cut(
    sequence: Sequence, part: range, target: int, horizon: int, stride: int, min_length: int
) -> list[Clip]:
    """Clips of one object.

    Args:
        sequence: Where to cut.
        part: Which frames may be used.
        target: The object.
        horizon: Frames of a clip, at most: it ends early where the object is not seen any more.
        stride: Frames from the start of a clip to the earliest start of the next one.
        min_length: Shorter clips are left out.
    """
    seen = sequence.visible[part.start : part.stop, target]
    good: Bool[np.ndarray, " T"] = seen > WELL_VISIBLE
    if not good.any():
        return []
    end = part.start + int(np.nonzero(seen > 0)[0][-1]) + 1
    clips: list[Clip] = []
    first = part.start
    while first < end and (later := np.nonzero(good[first - part.start :])[0]).size:
        first += int(later[0])
        clip = Clip(sequence, target, first, min(first + horizon, end), end)
        if len(clip) < horizon and clips and first < clips[-1].stop:
            break  # the one before can slide over these frames
        if len(clip) >= min_length:
            clips.append(clip)
        first += stride
    return clips


def cut_all(
    parts: list[tuple[Sequence, range]],
    objects: str,
    horizon: int,
    stride: int,
    min_length: int,
) -> list[list[Clip]]:
    """The clips of each sequence that has any.

    Args:
        parts: What ``of_split`` gave.
        objects: ``all``, or the ``main`` one of each sequence.
        horizon: Frames of a clip, at most.
        stride: As of ``cut``.
        min_length: As of ``cut``.

    Raises:
        ValueError: A value is out of range, or not one clip is long enough.
    """
    if objects not in OBJECTS:
        raise ValueError(f"objects must be one of {OBJECTS}, got {objects!r}")
    if stride < 1 or min_length < 2:
        raise ValueError(
            f"stride must be 1 or more and min_length 2 or more, got {stride} and {min_length}"
        )
    groups = []
    for sequence, part in parts:
        targets = range(sequence.num_objects) if objects == "all" else [sequence.main]
        clips = [c for k in targets for c in cut(sequence, part, k, horizon, stride, min_length)]
        if clips:
            groups.append(clips)
    if not groups:
        names = ", ".join(sequence.name for sequence, _ in parts) or "no sequence"
        raise ValueError(
            f"no clip of {min_length} frames or more in this split of {names}: lower "
            "env.min_length, or choose another env.split_by"
        )
    return groups
