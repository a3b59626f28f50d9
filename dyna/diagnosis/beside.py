"""Dreams beside reality: the same figures of real and of dreamed episodes, and their ratio.

Compared in two ways. **By the model**: its own posterior looks at both, so what it measures
wrongly it measures wrongly on both sides, and no truth is needed. **By truth**: what the scene
knows of its objects beside what the dream says of its own, which is what agents are rewarded by.
"""

import dataclasses
import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor

from dyna.diagnosis import fit
from dyna.diagnosis.behaviour import Record, seen, statistics, told
from dyna.diagnosis.matching import match
from dyna.loop.following import pick
from envs.scene import Scene
from envs.trajectory import Trajectory, Truth
from world_models.base import Posterior, WorldModel

GOOD = (0.9, 1.1)
"""Ratios in this range are good."""
FLOOR = 0.002
"""Smaller figures count as this: nobody would see them, and a ratio to nothing says nothing."""
EPISODES = 128
"""Episodes of either kind, at most."""
GROUPS = 16
"""Groups of episodes whose figures tell how far chance moves that of all; at most."""
GROUP = 4
"""Episodes of a group, at least, as far as there are two groups."""
SETTLED, WELL_SEEN, WELL_MATCHED = 3, 0.8, 0.3
"""Boxes are compared from this frame on, where more than these shares are seen and shared."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """One figure, real and dreamed.

    Attributes:
        real: Of the world.
        dreamed: Of dreams; of the sizes of boxes: as the model sees the real ones.
        error: Two standard errors of their ratio, from the spread over episodes.
    """

    real: float
    dreamed: float
    error: float = 0.0

    @property
    def ratio(self) -> float:
        """How many times as much there is of it in dreams."""
        return max(self.dreamed, FLOOR) / max(self.real, FLOOR)


def verdict(ratio: float, error: float) -> str:
    """Nothing if the ratio is `GOOD`, else ``low`` or ``high``; with ``?`` if it may be chance."""
    if GOOD[0] <= ratio <= GOOD[1]:
        return ""
    doubt = "" if abs(ratio - 1) > error else "?"
    return f"{'low' if ratio < 1 else 'high'}{doubt}"


def beside(
    real: Trajectory, dreamed: Trajectory, model: WorldModel | None = None
) -> dict[str, float]:
    """Puts dreamed episodes beside real ones.

    Args:
        real: Of `rollout`, or of `watch`; without truth where the scene does not know all of its
            objects.
        dreamed: Of `rollout` in the model's imagination, by the same kind of agent.
        model: Looks at both, if it can see.

    Returns:
        ``beside/HOW/FIGURE/...`` with ``real``, ``dreamed``, ``ratio`` and ``error`` (`Pair`; an
        error that nobody knows is left out). HOW is ``model`` or ``truth`` with the figures of
        `statistics`, or ``boxes`` with those of `box_bias`, whose ``dreamed`` is what the model
        sees of real episodes. Only frames that both have are compared, and only real episodes
        that have a target, as all dreams do. ``beside/fit/FIGURE/real`` and ``/dreamed`` say how
        the boxes of truth sit on what is drawn (`fit.figures`).
    """
    horizon = min(real.horizon, dreamed.horizon)
    real = real[real.box[:, 0, 2] > 0][:EPISODES].first(horizon)
    dreamed = dreamed[:EPISODES].first(horizon)
    if real.num_episodes == 0:
        return {}
    found: dict[str, dict[str, Pair]] = {}
    if model is not None and model.sees:
        posterior = model.posterior(real.without_truth())
        imagined = model.posterior(dreamed.without_truth())
        found["model"] = compare(seen(real, posterior), seen(dreamed, imagined))
        if real.truth is not None:
            found["boxes"] = box_bias(posterior, real.truth)
    sits: dict[str, float] = {}
    if real.truth is not None:
        pair = told(alike(real, dreamed)), told(dreamed)
        found["truth"] = compare(*pair)
        for part, record in zip(("real", "dreamed"), pair, strict=True):
            sits |= {f"beside/fit/{name}/{part}": x for name, x in fit.figures(record).items()}
    return sits | {
        f"beside/{how}/{name}/{part}": value
        for how, pairs in found.items()
        for name, pair in pairs.items()
        for part, value in {**dataclasses.asdict(pair), "ratio": pair.ratio}.items()
        if math.isfinite(value)
    }


def with_whole_truth(scene: Scene, episodes: Trajectory) -> Trajectory:
    """The episodes, without truth where the scene does not tell of all objects."""
    return episodes if scene.tells_all else episodes.without_truth()


def alike(real: Trajectory, dreamed: Trajectory) -> Trajectory:
    """The real episodes, with the target alone where dreams are of nothing else.

    Both have truth.
    """
    truth, other = real.truth, dreamed.truth
    assert truth is not None
    assert other is not None
    if other.id.shape[-1] > 1 or truth.id.shape[-1] == 1:
        return real
    slot = truth.target[:, None, None].expand(-1, real.horizon, 1)
    alone = Truth(
        torch.zeros_like(truth.target),
        truth.target_box[:, :, None],
        truth.target_visible[:, :, None],
        truth.id.gather(-1, slot),
    )
    return dataclasses.replace(real, truth=alone)


def compare(real: Record, dreamed: Record) -> dict[str, Pair]:
    """The figures that both have."""
    ours, theirs = statistics(real), statistics(dreamed)
    errors = _standard_errors(real), _standard_errors(dreamed)
    return {
        name: Pair(
            value,
            theirs[name],
            2 * math.hypot(*(e.get(name, math.inf) for e in errors)) / max(value, FLOOR),
        )
        for name, value in ours.items()
        if name in theirs
    }


def _standard_errors(record: Record) -> dict[str, float]:
    """Of every figure that two groups of episodes have."""
    number = len(record.frame)
    groups = min(max(2, number // GROUP), GROUPS)
    edges = [number * i // groups for i in range(groups + 1)]
    parts = [statistics(record[a:b]) for a, b in itertools.pairwise(edges) if a < b]
    found = {}
    for name in {name for part in parts for name in part}:
        values = torch.tensor([part[name] for part in parts if name in part])
        if len(values) > 1:
            found[name] = (values.std() / math.sqrt(len(values))).item()
    return found


def box_bias(posterior: Posterior, truth: Truth) -> dict[str, Pair]:
    """How large a model sees objects: geometric means of true boxes and of its own.

    Over boxes that are settled, well seen and matched, by quarter of true widths.

    Returns:
        ``width_1`` to ``width_4`` and ``height_1`` to ``height_4`` in pixels, from the narrowest
        quarter to the widest; nothing if there are fewer than four boxes.
    """
    matches = match(posterior, truth)
    used = (matches.iou > WELL_MATCHED) & (truth.visible > WELL_SEEN)
    used[:, : SETTLED if used.shape[1] > SETTLED else 0] = False
    slot = matches.slot.clamp(min=0)
    own = pick(posterior.box.flatten(0, 1), slot.flatten(0, 1)).view_as(truth.box)
    size = own.new_tensor(posterior.reconstruction.shape[:-3:-1])
    sides = torch.cat([(box[used][:, 2:] * size).log() for box in (truth.box, own)], -1)
    found = {}
    for number, boxes in enumerate(_quarters(sides), 1):
        for axis, name in enumerate(("width", "height")):
            real, model = boxes[:, axis].mean().exp(), boxes[:, axis + 2].mean().exp()
            found[f"{name}_{number}"] = Pair(real.item(), model.item())
    return found


def _quarters(sides: Float[Tensor, "N 4"]) -> list[Float[Tensor, "n 4"]]:
    """Quarters of rows, from those with the smallest first entries on."""
    ordered = sides[sides[:, 0].argsort(stable=True)]
    edges = [len(sides) * i // 4 for i in range(5)]
    return [ordered[a:b] for a, b in itertools.pairwise(edges)] if edges[1] else []
