"""What makes a scene hard, factor by factor, and the tiers of digits: named choices of factors.

Each tier isolates a claim: ``easy`` curves in minutes, ``medium`` learned against classical
trackers, ``hard`` memory (a dark bar hides, objects leave), ``interaction`` and ``occlusion``
collisions, ``active`` a camera that the action moves, ``pan`` one that moves by itself, ``stress``
everything at once. ``passing`` is the field's own test (SQAIR): 0 to 2 white digits on black that
start apart and then pass over each other; to be watched (``envs.watching``) for 10 frames.

Any factor of a tier can be changed; ``env.factors={camera: action, camera_speed: 3, world: 96}``
gives a camera to a tier that has none.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

COLOURS = ("white", "grey", "rgb")
MORPHS = ("none", "same_class", "any_class")
LIKENESSES = ("class", "instance")
CAMERAS = ("fixed", "pan", "action")
SHARES = ("size_jitter", "scale", "aspect", "gain", "illumination", "lookalikes")


@dataclasses.dataclass(frozen=True)
class Factors:
    """Everything that a scene of digits or shapes can vary. Lengths are pixels, times are frames.

    Attributes:
        frame_size: Side of the square frame.
        min_objects: Fewest objects in a scene; with 0 some scenes are empty, which can be watched
            (``envs.watching``) but not tracked.
        max_objects: Most objects in a scene.
        size: Height of a digit, or diameter of a shape, in the mean.
        size_jitter: Sizes differ by up to this share.
        speed: Mean speed; each object's is within +-50 %.
        velocity_jitter: Standard deviation of the white noise on velocities, per frame and axis.
        acceleration: Standard deviation of a random acceleration that lasts about 10 frames.
        rotation: Mean angular speed, degrees per frame, either way; 0 keeps digits upright.
        scale: Sizes swing by this share over time.
        aspect: Width and height swing against each other by this share.
        morph: Whether a digit turns into another one and back: of the ``same_class``, of
            ``any_class``, or ``none``.
        gain: Brightness of each object swings by this share.
        illumination: Brightness of the whole frame swings by this share.
        colour: ``white``, ``grey`` (.55 to 1) or ``rgb``.
        lookalikes: Chance that an object shares the first one's class and colour.
        likeness: What a lookalike shares besides the colour: ``class``, or the very ``instance``.
        apart: Objects start so far apart that not even the squares around them overlap; with
            ``depth`` or ``collide`` the circles around them never do.
        depth: Objects hide each other in a random order; else they shine through each other,
            which needs white ones.
        bars: Number of bars in front of everything.
        bar_width: Width of a bar.
        bar_brightness: Grey of bars, from and to.
        leave: How far beyond the edge of the view the walls stand.
        collide: Whether objects collide (elastic discs).
        background: Brightness of the background at most.
        background_detail: Share of fine texture in the background.
        clutter: Pieces of digits in the background per 48 x 48 px.
        noise: Standard deviation of the pixel noise (white is 1).
        camera: ``fixed``, ``pan`` (wanders), or ``action`` (moved by whoever acts).
        camera_speed: Fastest move of the camera per frame.
        camera_follow: Pull of a panning camera towards the objects, share of the distance.
        world: Side of the world that the walls enclose; 0 for the size of the frame.
    """

    frame_size: int = 48
    min_objects: int = 1
    max_objects: int = 3
    size: float = 16.0
    size_jitter: float = 0.25
    speed: float = 2.0
    velocity_jitter: float = 0.2
    acceleration: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    aspect: float = 0.0
    morph: str = "none"
    gain: float = 0.0
    illumination: float = 0.0
    colour: str = "white"
    lookalikes: float = 0.0
    likeness: str = "class"
    apart: bool = False
    depth: bool = False
    bars: int = 0
    bar_width: float = 12.0
    bar_brightness: tuple[float, float] = (0.05, 0.2)
    leave: float = 0.0
    collide: bool = False
    background: float = 0.3
    background_detail: float = 0.0
    clutter: int = 0
    noise: float = 0.05
    camera: str = "fixed"
    camera_speed: float = 0.0
    camera_follow: float = 0.0
    world: int = 0

    def __post_init__(self) -> None:
        for name, choices in (
            ("morph", MORPHS),
            ("colour", COLOURS),
            ("likeness", LIKENESSES),
            ("camera", CAMERAS),
        ):
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type in (int, float) and not value >= 0:
                raise ValueError(f"{field.name} must not be negative, got {value}")
            if field.name in SHARES and value > 1:
                raise ValueError(f"{field.name} is a share, at most 1; got {value}")
        self._check_sizes()

    def _check_sizes(self) -> None:
        if self.max_objects < 1 or self.min_objects > self.max_objects:
            raise ValueError(
                "need min_objects <= max_objects, and max_objects of 1 or more; got "
                f"{self.min_objects} and {self.max_objects}"
            )
        if not self.depth and self.colour != "white":
            raise ValueError(f"objects of colour {self.colour!r} need depth=True")
        if self.size <= 0 or self.size * (1 + self.size_jitter) > self.room:
            raise ValueError(
                f"size {self.size} +-{self.size_jitter:.0%} must be positive and fit between the "
                f"walls ({self.room} px)"
            )
        if self.camera == "action" and self.camera_speed == 0:
            raise ValueError("camera 'action' needs a camera_speed above 0 (px per frame)")
        if 0 < self.world < self.frame_size:
            raise ValueError(f"world {self.world} must not be smaller than the frame")

    @property
    def room(self) -> int:
        """Side of the world."""
        return self.world or self.frame_size

    @property
    def channels(self) -> int:
        """Channels of a frame."""
        return 3 if self.colour == "rgb" else 1

    @property
    def resizes(self) -> bool:
        """Whether boxes change their size in time."""
        return bool(self.rotation or self.scale or self.aspect or self.morph != "none")


PLAIN = Factors()
EASY = Factors(
    colour="grey", size=14, size_jitter=0.1, velocity_jitter=0.1, rotation=6, scale=0.15,
    depth=True, background=0.2,
)  # fmt: skip
MEDIUM = Factors(
    colour="rgb", size=13, size_jitter=0.1, speed=2.5, velocity_jitter=0.1, rotation=10,
    scale=0.25, morph="same_class", gain=0.2, lookalikes=0.5, depth=True,
)  # fmt: skip
HARD = Factors(
    min_objects=2, max_objects=4, colour="rgb", size=13, size_jitter=0.1, velocity_jitter=0.1,
    rotation=8, scale=0.25, morph="same_class", gain=0.3, lookalikes=0.5, depth=True, bars=1,
    leave=6,
)  # fmt: skip
INTERACTION = Factors(
    min_objects=4, max_objects=4, colour="rgb", size=13, size_jitter=0.1, speed=2.5,
    velocity_jitter=0.03, rotation=6, lookalikes=0.5, depth=True, collide=True,
)  # fmt: skip
OCCLUSION = dataclasses.replace(INTERACTION, bars=1, bar_width=14)
ACTIVE = Factors(
    min_objects=2, max_objects=4, colour="rgb", size=15, size_jitter=0.2, velocity_jitter=0.1,
    rotation=8, scale=0.35, morph="same_class", gain=0.3, lookalikes=0.5, depth=True,
    camera="action", camera_speed=3, world=112,
)  # fmt: skip
STRESS = Factors(
    frame_size=64, min_objects=3, max_objects=5, colour="rgb", size=15, size_jitter=0.2,
    velocity_jitter=0.1, acceleration=0.3, rotation=12, scale=0.35, morph="same_class", gain=0.3,
    lookalikes=0.5, depth=True, bars=1, bar_width=8, bar_brightness=(0.5, 0.8), clutter=10,
    noise=0.08, camera="pan", camera_speed=2.5, camera_follow=0.03, world=96,
)  # fmt: skip
PASSING = Factors(
    frame_size=50, min_objects=0, max_objects=2, size=20, size_jitter=0.05, speed=3,
    velocity_jitter=0, apart=True, background=0, noise=0.02,
)  # fmt: skip
PAN = dataclasses.replace(
    MEDIUM, background=0.45, background_detail=0.3, camera="pan", camera_speed=1.5,
    camera_follow=0.1, world=72,
)  # fmt: skip

TIERS: Mapping[str, Factors] = {
    "plain": PLAIN,
    "easy": EASY,
    "medium": MEDIUM,
    "hard": HARD,
    "interaction": INTERACTION,
    "occlusion": OCCLUSION,
    "active": ACTIVE,
    "stress": STRESS,
    "passing": PASSING,
    "pan": PAN,
}


def named(
    tier: str, changes: Mapping[str, Any] | None = None, tiers: Mapping[str, Factors] = TIERS
) -> Factors:
    """The factors of one of ``tiers``, with ``changes`` to some of them.

    Raises:
        ValueError: No such tier or factor, or a factor is out of range.
    """
    if tier not in tiers:
        raise ValueError(f"unknown tier {tier!r}: choose one of {', '.join(tiers)}")
    changes = dict(changes or {})
    names = [field.name for field in dataclasses.fields(Factors)]
    unknown = [name for name in changes if name not in names]
    if unknown:
        raise ValueError(f"unknown factor {unknown[0]!r}: choose among {', '.join(names)}")
    if "bar_brightness" in changes:
        low, high = changes["bar_brightness"]
        changes["bar_brightness"] = (low, high)
    return dataclasses.replace(tiers[tier], **changes)
