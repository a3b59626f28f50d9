"""AIR: objects and a background, followed through time and dreamed ahead.

`model` is the member, `relabel` one that labels real frames by it. The rooms below are its parts:
one frame, its background, objects through time, their motion.
"""

from world_models.air.model import AIR
from world_models.air.relabel import Relabel

__all__ = ["AIR", "Relabel"]
