"""Factors of variation: what differs between the scenes of a simulator, within and over episodes.

A scene that has them tells them by ``Scene.factors``; a named choice of them is a tier
(``envs.simulator.tiers``). Two scenes with equal factors are equally distributed.
"""

import dataclasses

from envs.settings import Settings, setting

COLOURS = ("white", "grey", "rgb")
MORPHS = ("none", "same_class", "any_class")
LIKENESSES = ("class", "instance")
CAMERAS = ("fixed", "pan", "action")


@dataclasses.dataclass(frozen=True)
class Factors(Settings):
    """Everything that a scene of digits or shapes can vary.

    A factor is a number, a switch or a choice that says how one property of scenes is distributed:
    how far it spreads over objects and episodes, or how fast it changes in time. With 0, false,
    ``none`` or ``fixed`` the property does not vary. All factors can be set independently, but for
    those that `_check_together` names. Lengths are pixels, times are frames, brightness is from 0
    (black) to 1 (white), a share is from 0 to 1.

    Raises:
        ValueError: A factor is out of its range, or does not go with another one; names it.
    """

    # The frame and what is in it.
    frame_size: int = setting(48, "side of the square frame, pixels", least=1, most=4096)
    min_objects: int = setting(
        1, "fewest objects in a scene; with 0 some are empty: watched, not tracked", least=0
    )
    max_objects: int = setting(
        3, "most objects in a scene; their number is even between", least=1, most=1000
    )
    # How large objects are.
    size: float = setting(16.0, "mean height of a digit, or diameter of a shape, pixels", above=0)
    size_jitter: float = setting(0.25, "sizes differ by up to this share", least=0, most=1)
    # How objects move.
    speed: float = setting(2.0, "mean pixels per frame; each object's is within +-50 %", least=0)
    velocity_jitter: float = setting(
        0.2, "std of the white noise on velocities, pixels per frame, per frame and axis", least=0
    )
    acceleration: float = setting(
        0.0, "std of a random acceleration of about 10 frames, pixels per frame^2", least=0
    )
    rotation: float = setting(
        0.0, "mean angular speed, degrees per frame, either way; 0: upright", least=0
    )
    leave: float = setting(
        0.0, "how far beyond the edge of the view the walls stand, pixels", least=0
    )
    collide: bool = setting(False, "whether objects collide (elastic discs)")
    apart: bool = setting(
        False,
        "whether not even the squares around objects overlap at the start; with depth or collide "
        "the circles around them never do",
    )
    # How objects change their shape in time; each swing has a period of 40 to 80 frames.
    scale: float = setting(0.0, "sizes swing by this share", least=0, most=1)
    aspect: float = setting(
        0.0, "width and height swing against each other by this share", least=0, most=1
    )
    morph: str = setting("none", "which digit an object turns into and back", choices=MORPHS)
    # How objects look.
    gain: float = setting(0.0, "brightness of objects swings by this share", least=0, most=1)
    colour: str = setting("white", "white, grey (.55 to 1) or rgb", choices=COLOURS)
    lookalikes: float = setting(
        0.0, "chance that an object shares the first one's class and colour", least=0, most=1
    )
    likeness: str = setting(
        "class", "what a lookalike shares: the class or the very instance", choices=LIKENESSES
    )
    # What hides objects.
    depth: bool = setting(
        False,
        "whether objects hide each other in a random order; else they shine through each other, "
        "which needs white ones",
    )
    bars: int = setting(0, "number of bars in front of everything", least=0)
    bar_width: float = setting(12.0, "width of a bar, pixels", least=0)
    bar_brightness: tuple[float, float] = setting(
        (0.05, 0.2), "brightness of bars, from and to", pair=float, least=0
    )
    # What is behind objects, light and noise.
    background: float = setting(0.3, "brightness of the background, at most", least=0)
    background_detail: float = setting(
        0.0, "weight of fine texture in the background against coarse", least=0
    )
    clutter: int = setting(0, "pieces of digits in the background per 48 x 48 pixels", least=0)
    illumination: float = setting(
        0.0, "brightness of the whole frame swings by this share", least=0, most=1
    )
    noise: float = setting(0.05, "standard deviation of the pixel noise, of brightness", least=0)
    # The camera and its world.
    camera: str = setting(
        "fixed", "fixed, pan (wanders) or action (moved by whoever acts)", choices=CAMERAS
    )
    camera_speed: float = setting(0.0, "fastest move of the camera, pixels per frame", least=0)
    camera_follow: float = setting(
        0.0, "pull of a panning camera to the objects, share of the distance per frame", least=0
    )
    world: int = setting(
        0, "side of the world that the walls enclose, pixels; 0: as the frame", least=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_together()

    def _check_together(self) -> None:
        """Refuses factors that do not go together."""
        if self.min_objects > self.max_objects:
            raise ValueError(
                f"need min_objects <= max_objects, got {self.min_objects} and {self.max_objects}"
            )
        if not self.depth and self.colour != "white":
            raise ValueError(f"objects of colour {self.colour!r} need depth=True")
        if self.size * (1 + self.size_jitter) > self.room:
            raise ValueError(
                f"size {self.size} +-{self.size_jitter:.0%} must fit between the walls "
                f"({self.room} px)"
            )
        if self.camera == "action" and self.camera_speed == 0:
            raise ValueError("camera 'action' needs a camera_speed above 0 (px per frame)")
        if 0 < self.world < self.frame_size:
            raise ValueError(f"world {self.world} must not be smaller than the frame")

    @property
    def room(self) -> int:
        """Side of the world, pixels."""
        return self.world or self.frame_size

    @property
    def channels(self) -> int:
        """Channels of a frame."""
        return 3 if self.colour == "rgb" else 1

    @property
    def resizes(self) -> bool:
        """Whether boxes change their size in time."""
        return bool(self.rotation or self.scale or self.aspect or self.morph != "none")
