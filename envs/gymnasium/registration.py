"""Registers the tracking task with Gymnasium: ``gymnasium.make("dyna/TrackDigits-v0")``.

``dyna/TrackShapes-v0`` likewise. ``import envs`` does it, or name the package in the id:
``envs:dyna/TrackDigits-v0``. Nothing heavy is imported here; the environments are loaded when they
are made.
"""

from gymnasium.envs import registration

TRACK_DIGITS = "dyna/TrackDigits-v0"
TRACK_SHAPES = "dyna/TrackShapes-v0"


def register() -> None:
    """Registers the environments; a second call changes nothing."""
    for name, arguments in ((TRACK_DIGITS, {}), (TRACK_SHAPES, {"tier": "shapes"})):
        if name not in registration.registry:
            registration.register(
                name,
                entry_point="envs.gymnasium.adapters:TrackDigits",
                vector_entry_point="envs.gymnasium.adapters:VectorTrackDigits",
                kwargs=arguments,
            )
