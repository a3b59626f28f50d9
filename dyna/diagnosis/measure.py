"""How well a world model sees and predicts held-out scenes, beside hand-written rivals.

``python -m dyna.diagnose world_model=air env.tier=plain`` trains models from scratch and writes
their figures and pictures; ``python -m dyna.evaluate checkpoint=...`` measures the model of a
finished run. Truth is read here to measure, and for nothing else.
"""

import dataclasses
import time
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from dyna.diagnosis.forecast import forecast, trust_horizons
from dyna.diagnosis.matching import Matches, match
from dyna.diagnosis.occlusion import occlusion
from dyna.diagnosis.perception import perception, target_figures
from dyna.diagnosis.protocol import Protocol
from dyna.loop.following import Target, follow_target
from envs.trajectory import Trajectory
from world_models.base import Posterior, WorldModel


def diagnose(
    model: WorldModel,
    episodes: Trajectory,
    seed: int = 0,
    protocol: Protocol | None = None,
    simulated: Float[Tensor, "B S O 4"] | None = None,
) -> dict[str, Any]:
    """All diagnostics of a model on held-out episodes that carry their truth.

    Args:
        model: Any that sees.
        episodes: Of `rollout`.
        seed: Of the stochastic rollouts.
        protocol: How it is measured.
        simulated: Where the simulator itself would take the objects (`true_motion.foresee`).

    Returns:
        ``perception``, ``target``, ``occlusion`` and ``trust``: figures by name. ``rollout``: a
        row for each step ahead. A model of one slot among several objects follows the target
        alone and is not asked to count.
    """
    protocol = protocol or Protocol()
    truth = episodes.truth
    if truth is None:
        raise ValueError("diagnosing needs episodes with truth: take them from rollout()")
    began = time.process_time()
    posterior = model.posterior(episodes.without_truth())
    seconds = time.process_time() - began
    matches, target = match(posterior, truth), follow_target(posterior, episodes.box[:, 0])
    size = episodes.box.new_tensor([model.frame_shape[2], model.frame_shape[1]])
    start = slice(protocol.frames)
    early = truth.first(protocol.frames)
    metrics = _seeing(posterior, episodes, matches, protocol)
    metrics["filtered_frames_per_cpu_second"] = episodes.num_frames / max(seconds, 1e-9)
    followed = Target(target.identity, target.box[:, start])
    rng = torch.Generator(episodes.frame.device).manual_seed(seed)
    rows = forecast(model, posterior, episodes, matches, target, rng, protocol, simulated)
    return {
        "perception": metrics,
        "target": target_figures(followed, early, size),
        "occlusion": occlusion(model, posterior, episodes, matches, rng),
        "trust": trust_horizons(rows),
        "rollout": rows,
    }


def _seeing(
    posterior: Posterior, episodes: Trajectory, matches: Matches, protocol: Protocol
) -> dict[str, float]:
    """Figures of perception, picture and likelihood in the frames that are scored."""
    truth = episodes.truth
    assert truth is not None
    start = slice(protocol.frames)
    seen, early = _first_seen(posterior, start), truth.first(protocol.frames)
    paired = Matches(*(getattr(matches, f.name)[:, start] for f in dataclasses.fields(Matches)))
    metrics: dict[str, float] = {}
    if posterior.box.shape[2] > 1 or truth.box.shape[2] == 1:
        metrics |= perception(seen, early, paired, protocol.settled)
    error = (seen.reconstruction.float() - episodes.frame[:, start].float()) / 255
    metrics["reconstruction_mse"] = error.square().mean().item()
    # The first frame has no past to be given; where there is no other, some models score none.
    scored = seen.elbo[:, min(1, seen.elbo.shape[1] - 1) :]
    if episodes.horizon > 1 or bool(scored.any()):
        metrics["elbo"] = scored.mean().item()
    return metrics


def _first_seen(posterior: Posterior, frames: slice) -> Posterior:
    cut = {
        f.name: getattr(posterior, f.name)[:, frames]
        for f in dataclasses.fields(Posterior)
        if f.name != "belief"
    }
    return Posterior(belief=posterior.belief[frames], **cut)
