"""HART, hierarchical attentive recurrent tracking: the policy and the parts that are its own."""

from agents.hart.objective import HARTObjective
from agents.hart.policy import HART
from agents.hart.state import Inspection

__all__ = ["HART", "HARTObjective", "Inspection"]
