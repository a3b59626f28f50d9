"""How a world model is measured."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a world model is measured.

    Attributes:
        settled: First frame whose count is scored; 0 for single images.
        frames: Frames in which perception is scored; None: all.
        context: Frames that are seen before rollouts begin.
        ahead: Steps of rollouts, at most; as many as the episodes have frames after the context.
        samples: Rollouts of each episode.
    """

    settled: int = 2
    frames: int | None = None
    context: int = 6
    ahead: int = 30
    samples: int = 8

    def __post_init__(self) -> None:
        for name, least in {"settled": 0, "context": 1, "ahead": 0, "samples": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)} must be {least} or more")
