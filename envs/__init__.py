"""Scenes, the tracking task over any scene, and what flows out of it (trajectories).

Importing this package registers ``dyna/TrackDigits-v0`` and ``dyna/TrackShapes-v0``.
"""

from envs.gymnasium.registration import register

register()
