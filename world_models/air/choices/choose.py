"""All that single frames, short clips and first boxes tell."""

from typing import Any

from envs.trajectory import Trajectory
from world_models.air.choices.objects import choose_presence_prior, choose_windows
from world_models.air.choices.scenery import bars_hide, view_moves
from world_models.air.settings import AIRChoices, AIRSettings, decided

INHIBITION = 0.33
LARGE_INHIBITION = 0.45
LARGE_SIDE = 22.0
"""From this side on, pixels, strokes of one object are far enough apart to look like two."""
MARGIN = 2 / 3
"""How far objects are followed beyond the edges of a view that moves, in sides of an object."""


def choose(settings: AIRSettings, real: Trajectory) -> AIRChoices:
    """What is set, and the rest as the first real episodes tell; the law of motion comes later.

    Args:
        settings: What is not open in them stays.
        real: Real episodes, without truth.
    """
    wanted, found = settings.open, dict[str, Any]()
    first_frame, first_box = real.frame[:, 0], real.box[:, 0]
    if {"typical_side", "window", "inhibition", "margin"} & {*wanted}:
        height, width = first_frame.shape[-2:]
        found |= choose_windows(first_box, (height, width))
    if "presence_prior" in wanted:
        found |= choose_presence_prior(first_frame, first_box, settings.sigma)
    side = decided(settings, **found).typical_side
    found["inhibition"] = LARGE_INHIBITION if side >= LARGE_SIDE else INHIBITION
    if {"camera", "canvas", "keep_background", "margin", "occluders"} & {*wanted}:
        moves = view_moves(real.frame)
        found["camera"] = "inferred" if moves else "given"
        found["keep_background"] = not moves
        found["margin"] = round(MARGIN * side) if moves else 0
        # Bars are looked for where all stands still but objects.
        found["occluders"] = not moves and bars_hide(real.frame)
        moves = decided(settings, **found).camera == "inferred"
        found["canvas"] = moves or decided(settings, **found).occluders
    return decided(settings, **found)
