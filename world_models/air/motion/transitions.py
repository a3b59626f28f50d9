"""Which transitions there are, by name."""

from world_models.air.motion.filtered_transition import TransitionKalman, TransitionLinear
from world_models.air.motion.transition import ConstantVelocity, Transition, TransitionRNN

LAWS = {"rnn": TransitionRNN, "kalman": TransitionKalman, "linear": TransitionLinear}
TRANSITIONS = (*LAWS, "constant_velocity")
RELATIONS = ("none", "pairwise", "sparse")


def make_transition(
    name: str,
    relation: str,
    frame_size: tuple[int, int],
    log_typical_side: float,
    where_dim: int = 3,
    walls: bool = True,
) -> Transition:
    """The transition of that name; without ``walls`` it knows of no edges that turn objects back.

    Raises:
        ValueError: No such transition or relation, or they do not go together.
    """
    if name not in TRANSITIONS:
        raise ValueError(f"unknown transition {name!r}: choose one of {', '.join(TRANSITIONS)}")
    if relation not in RELATIONS:
        raise ValueError(f"unknown relation {relation!r}: choose one of {', '.join(RELATIONS)}")
    if name == "constant_velocity":
        if relation != "none":
            raise ValueError(
                f"relation={relation} changes velocities: choose another transition with it"
            )
        return ConstantVelocity(frame_size, where_dim)
    return LAWS[name](frame_size, log_typical_side, where_dim, relation, walls)
