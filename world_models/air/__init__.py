"""AIR: objects and a background, followed through time and dreamed ahead.

`model` is the member; the rooms below are its parts: one frame, its background, objects through
time, their motion.
"""

from world_models.air.model import AIR

__all__ = ["AIR"]
