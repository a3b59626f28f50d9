"""What one test found: good, doubtful, or wrong."""

import dataclasses
import math

from jaxtyping import Float
from torch import Tensor

GOOD, DOUBTFUL, WRONG, UNASKED = "good", "doubtful", "wrong", "not asked"
WORST = (WRONG, DOUBTFUL, GOOD, UNASKED)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one test found.

    Attributes:
        name: Of the test.
        state: `GOOD`, `DOUBTFUL`, `WRONG`; or `UNASKED`: it has no meaning here.
        said: Why, in a sentence.
        figures: What it rests on.
    """

    name: str
    state: str
    said: str
    figures: dict[str, float] = dataclasses.field(default_factory=dict)


def graded(distance: float, good: float, doubtful: float, noise: float = 0.0) -> str:
    """The word for a distance from what is right.

    Args:
        distance: Its size.
        good: Up to here it is good.
        doubtful: Up to here it is doubtful.
        noise: What chance alone may make of it; only what is beyond counts. A distance that is
            not a number is wrong.
    """
    if math.isnan(distance):
        return WRONG
    sure = max(abs(distance) - noise, 0.0)
    return GOOD if sure <= good else DOUBTFUL if sure <= doubtful else WRONG


def worst(*states: str) -> str:
    """The worst of some words."""
    return min(states, key=WORST.index)


def mean_and_error(values: Float[Tensor, " B"]) -> tuple[float, float]:
    """Mean over episodes, those that have no value left out, and two standard errors of it."""
    known = values[values.isfinite()].double()
    if len(known) == 0:
        return math.nan, math.nan
    spread = known.std(correction=min(1, len(known) - 1)).item()
    return known.mean().item(), 2 * spread / math.sqrt(len(known))
