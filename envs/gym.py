"""Registers the tracking task with Gymnasium: ``gymnasium.make("dyna/TrackDigits-v0")``.

``import envs`` does it, or name the package in the id: ``envs:dyna/TrackDigits-v0``. Nothing heavy
is imported here; the environments are loaded when they are made.
"""

from gymnasium.envs import registration

TRACK_DIGITS = "dyna/TrackDigits-v0"


def register() -> None:
    """Registers the environments; a second call changes nothing."""
    if TRACK_DIGITS not in registration.registry:
        registration.register(
            TRACK_DIGITS,
            entry_point="envs.adapters:TrackDigits",
            vector_entry_point="envs.adapters:VectorTrackDigits",
        )
