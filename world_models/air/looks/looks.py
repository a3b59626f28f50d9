"""How looks go on in dreams, by name."""

from world_models.air.looks.base import Looks
from world_models.air.looks.learned import Learned
from world_models.air.looks.replay import Replay

LOOKS = {"replay": Replay, "learned": Learned, "frozen": Looks}
