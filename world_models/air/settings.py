"""What can be set about AIR, and what it chose where nothing was set."""

import dataclasses

from envs.settings import AUTO, Settings, setting


@dataclasses.dataclass(frozen=True)
class AIRSettings(Settings):
    """What can be set; `auto` is chosen from the first real episodes (`choices.choose`).

    Raises:
        ValueError: A value is out of its range, or two do not go together.
    """

    DREAMING = ("recombine", "more_objects", "most_objects", "behind")

    num_slots: int = setting(4, "K, most objects followed at a time", least=1)
    what_dim: int = setting(16, "size of z_what, the appearance of an object", least=1)
    background_dim: int = setting(16, "size of z_bg where it is an autoencoder's", least=1)
    typical_side: float | str = setting(
        AUTO, "side of a usual object's window, pixels; auto: told by first boxes", above=0
    )
    window: float | str = setting(
        AUTO, "window in which an object is looked for, pixels; auto: told by first boxes", above=0
    )
    anisotropic: bool = setting(
        False, "windows have a width and a height of their own, not one side"
    )
    background: str = setting(
        "linear",
        "smooth, free: autoencoders of coarse grids, of pixels",
        choices=("linear", "smooth", "free"),
    )
    inference: str = setting(
        "residual",
        "where to look next: where the picture is least explained, or (recurrent) where a "
        "recurrent network says, as published",
        choices=("residual", "recurrent"),
    )
    inhibition: float | str = setting(
        AUTO,
        "radius around an object in which no other is looked for, as a share of typical_side",
        above=0,
    )
    presence_prior: float | str = setting(
        AUTO,
        "prior probability of an object per slot; smaller for larger and brighter objects, lest "
        "they be drawn as two",
        above=0,
        below=1,
    )
    sigma: float = setting(
        0.12, "least scale of the Gaussian pixel likelihood; must exceed the noise", above=0
    )
    background_steps: int = setting(200, "gradient steps of the background alone", least=0)
    static_steps: int = setting(600, "gradient steps on single frames", least=0)
    sequence_steps: int = setting(100, "gradient steps on clips", least=0)
    sharpening_steps: int = setting(
        1000, "gradient steps on crops of objects that were followed", least=0
    )
    motion_steps: int = setting(100, "gradient steps of the transition on tracks", least=0)
    looks_steps: int = setting(
        400, "gradient steps on how looks go on, if that is learned", least=0
    )
    recombine: bool = setting(
        True,
        "imagine objects and backgrounds of different episodes together; false: real scenes are "
        "replayed",
    )
    more_objects: int = setting(
        0,
        "recombined scenes have up to so many objects more than real ones, from other moments; "
        "as far as there are slots",
        least=0,
    )
    most_objects: int | None = setting(
        None,
        "recombined scenes have no more objects; 1: the target alone",
        least=1,
    )
    behind: str = setting(
        "own",
        "backgrounds of dreams; mean: one colour, as bright as real ones are on average",
        choices=("own", "mean", "black"),
    )
    looks: str = setting(
        "replay",
        "how looks go on in dreams: along a real track, by a learned recurrent prior, not at all",
        choices=("replay", "learned", "frozen"),
    )
    keep_background: bool | str = setting(
        AUTO, "the background stays the same in an episode; false where the camera moves"
    )
    camera: str = setting(
        AUTO,
        "given: the view moves exactly as it is asked to; inferred: how it moves is seen in the "
        "frames, and what actions do to it is learned",
        choices=("given", "inferred"),
    )
    canvas: bool | str = setting(
        AUTO, "the background is remembered pixel by pixel, beyond the edges of the view"
    )
    actions: bool = setting(True, "false: the model is not told what is asked of the camera")
    occluders: bool | str = setting(
        AUTO, "things that are no objects may hide objects (bars); auto: looked for in the frames"
    )
    margin: int | str = setting(
        AUTO, "objects are followed this far beyond the edges of the view, pixels", least=0
    )
    transition: str = setting(
        "kalman",
        "how objects move; kalman: a recurrent law with a filtered velocity; rnn: one on the last "
        "move; linear: locally linear",
        choices=("kalman", "rnn", "linear", "constant_velocity"),
    )
    relation: str = setting(
        AUTO,
        "pairwise: objects act on each other, as in collisions; sparse: only those that touch; "
        "auto: pairwise if real ones bounce off each other",
        choices=("none", "pairwise", "sparse"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("more_objects", "most_objects"):
            if getattr(self, name) and not self.recombine:
                raise ValueError(
                    f"{name}={getattr(self, name)}, but scenes are replayed as they were: give "
                    "recombine=true"
                )
        if self.anisotropic and self.inference == "recurrent":
            raise ValueError("inference=recurrent has square windows: give anisotropic=false")
        if self.transition == "constant_velocity" and self.relation in ("pairwise", "sparse"):
            raise ValueError(
                f"relation={self.relation} changes velocities: choose another transition with it"
            )

    @property
    def open(self) -> list[str]:
        """The keys that are left to be chosen."""
        return [f.name for f in dataclasses.fields(self) if getattr(self, f.name) == AUTO]


@dataclasses.dataclass(frozen=True)
class AIRChoices(AIRSettings):
    """`AIRSettings` with nothing left open; defaults suit small digits before a still camera."""

    typical_side: float = setting(18.0, "", above=0)
    window: float = setting(28.0, "", above=0)
    inhibition: float = setting(0.33, "", above=0)
    presence_prior: float = setting(1e-8, "", above=0, below=1)
    keep_background: bool = True
    camera: str = "given"
    canvas: bool = False
    occluders: bool = False
    margin: int = 0
    relation: str = "none"


def decided(settings: AIRSettings, **found: object) -> AIRChoices:
    """What is set, and where it is left open what was found, or else the usual value."""
    given = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    for name in settings.open:
        del given[name]
    return AIRChoices(**{**{k: v for k, v in found.items() if k in settings.open}, **given})
