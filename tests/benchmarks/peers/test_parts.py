"""Each part measures what it says, for a moment; peers that need a package are left out."""

from pathlib import Path

import pytest
import torch

from benchmarks.imagination import dreams
from benchmarks.peers import growth, scenes, tracking, training
from benchmarks.peers.contest import Missing
from benchmarks.peers.theirs import rssm


@pytest.mark.parametrize(("name", "begin"), sorted(set(training.OURS.values())))
def test_learners_learn(name: str, begin: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "BATCH", 2)
    assert training.learner(name, begin, 0.0)() > 0


@pytest.mark.parametrize("label", scenes.OURS)
def test_scenes_are_shown(label: str) -> None:
    assert scenes.shown(0.0, batch_size=2, **scenes.OURS[label])() > 0


def test_wanted_ratios_are_of_those_who_take_part() -> None:
    for part in (training, scenes):
        for mine, peer in part.WANTED:
            assert mine in part.OURS
            assert peer in part.PEERS


def test_the_rssm_imagines_frames_of_64_pixels() -> None:
    model, rng = rssm.RSSM(3), torch.Generator().manual_seed(0)
    hidden, latent = torch.zeros(2, rssm.HIDDEN), torch.zeros(2, rssm.LATENT)
    hidden, latent = model.prior(hidden, latent, torch.zeros(2, rssm.ACTIONS), rng)
    assert model.decode(hidden, latent).shape == (2, 3, 64, 64)
    assert rssm.dreams(model, 2, 3, True, rng) == 6


def test_trackers_track(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "FRAMES", 2)
    assert tracking.tracker("hart_ppo", 0.0)() > 0
    assert tracking.opencv(tracking.PEERS["KCF"], 0.0)() > 0


def test_a_tracker_without_weights_or_without_its_opencv_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no nanotrackv2_backbone"):
        tracking.opencv(tracking.nano(tmp_path), 0.0)()
    with pytest.raises(Missing, match="this OpenCV lacks it"):
        tracking.opencv(lambda cv2: cv2.NoSuchTracker_create(), 0.0)()


@pytest.mark.slow
def test_models_for_growth_can_dream() -> None:
    model = growth.model(episodes=min(growth.EPISODES))
    assert dreams(model, 2, True, torch.Generator().manual_seed(0)) == 40
