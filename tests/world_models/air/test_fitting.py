"""Learning to see: the loss falls, and generators are the only randomness."""

import pytest
import torch

from world_models.air import fitting
from world_models.air.frame.scene_model import SceneModel
from world_models.air.motion.transitions import make_transition
from world_models.air.objects.filtering import Filter
from world_models.air.settings import AIRChoices

SIZE = 24


def _scene() -> SceneModel:
    torch.manual_seed(0)
    return SceneModel((1, SIZE, SIZE), AIRChoices(background="smooth"))


def test_the_background_is_learned() -> None:
    scene = _scene()
    frames = torch.linspace(150, 250, SIZE).expand(32, 1, SIZE, SIZE).to(torch.uint8)

    def error() -> float:
        x = fitting.to_float(frames)
        z_bg = scene.background.posterior(x)[0]
        return (scene.background.decode(z_bg) - x).square().mean().item()

    before = error()
    fitting.warm_up_background(scene, frames, 60, torch.Generator().manual_seed(0))
    assert error() < before / 2


def test_the_loss_of_single_frames_falls() -> None:
    frames = torch.full((32, 1, SIZE, SIZE), 200, dtype=torch.uint8)
    scene, losses = _scene(), []
    for seed in range(2):
        rng = torch.Generator().manual_seed(seed)
        losses.append(fitting.fit_static(scene, frames, 20, 0.12, 1e-8, rng, False)["loss"])
    assert losses[1] < losses[0]


def test_clips_teach_how_far_predictions_may_be_trusted() -> None:
    """Where objects are found soon after is nearer than this prior says."""
    frames = torch.randint(256, (4, 5, 1, SIZE, SIZE)).to(torch.uint8)
    scene, law = _scene(), make_transition("constant_velocity", "none", (SIZE, SIZE), 2.9)
    # So little learning finds nothing; detached thresholds keep objects alive.
    scene.what_encoder[-1].bias.data[-1] = 5.0
    scene.what_decoder[-1].bias.data[-256:] = 2.0
    law.log_scale.data[:2] = before = 2.0
    tracker = Filter(scene, law, 2, 0.12)
    rng = torch.Generator().manual_seed(0)
    fitting.fit_sequence(tracker, frames, torch.zeros(4, 5, 2), 5, 1e-8, rng)
    assert (law.log_scale[:2] < before - 2e-3).all()


def test_the_cost_of_a_clip_is_told_by_the_frame_and_of_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames, told = torch.full((4, 6, 1, SIZE, SIZE), 90, dtype=torch.uint8), []
    losses: list[float] = []
    monkeypatch.setattr(fitting, "descend", lambda loss, *_: losses.append(loss.item()))
    for clip in (2, 4):
        tracker = Filter(_scene(), make_transition("rnn", "none", (SIZE, SIZE), 2.9), 2, 0.12)
        rng = torch.Generator().manual_seed(0)
        found = fitting.fit_sequence(
            tracker, frames, torch.zeros(4, 6, 2), 3, 1e-8, rng, batch=2, clip=clip
        )
        told.append(found["sequence_loss"])
        assert told[-1] == pytest.approx(losses[-1])
    assert len(losses) == 6
    assert told[1] == pytest.approx(told[0], rel=0.3)


def test_generators_are_the_only_randomness() -> None:
    frames = torch.randint(256, (4, 5, 1, SIZE, SIZE)).to(torch.uint8)
    learned = []
    for seed in (1, 2):
        scene = _scene()
        tracker = Filter(scene, make_transition("rnn", "none", (SIZE, SIZE), 2.9), 2, 0.12)
        torch.manual_seed(seed)
        rng = torch.Generator().manual_seed(0)
        fitting.fit_sequence(tracker, frames, torch.zeros(4, 5, 2), 2, 1e-8, rng)
        learned.append([*scene.parameters(), *tracker.transition.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*learned, strict=True))
