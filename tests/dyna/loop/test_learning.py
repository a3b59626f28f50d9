"""The loop learns: minutes of work, run by ``make slow``; on CUDA it runs where there is one."""

import hydra
import pytest
import torch
from omegaconf import DictConfig

from dyna.diagnosis.measure import diagnose
from dyna.evaluation.heldout import evaluate
from dyna.loop.rollout import rollout
from dyna.running.build import build
from dyna.running.subject import held_out


def compose(*overrides: str) -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose("train", overrides=list(overrides))


def learned(*overrides: str, episodes: int = 64) -> float:
    """Held-out IoU at the end of a run."""
    cfg = compose(*overrides)
    dyna = build(cfg)
    for _ in dyna.steps():
        pass
    return evaluate(dyna.agent, held_out(cfg.env, device=cfg.device), episodes)["eval/iou"]


@pytest.mark.slow
def test_dreams_teach_what_few_real_frames_cannot() -> None:
    alone = learned("world_model=none", "real_frames=1000")
    dreamed = learned("world_model=cut_paste", "real_frames=1000", "imagined_frames=40000")
    assert dreamed > alone + 0.05
    assert dreamed > 0.6


@pytest.mark.slow
def test_boxes_teach_faster_than_rewards() -> None:
    dreams = ("world_model=oracle", "env.tier=medium", "real_frames=200", "imagined_frames=20000")
    assert learned("agent=hart_supervised", *dreams) > learned("agent=hart", *dreams) + 0.05


@pytest.mark.slow
def test_air_counts_objects_that_nobody_has_named() -> None:
    cfg = compose("world_model=air", "real_frames=2000", "imagined_frames=640", "batch_size=100")
    dyna = build(cfg)
    for _ in dyna.steps():
        pass
    env = held_out(cfg.env)
    env.batch_size = 40
    assert dyna.model is not None
    found = diagnose(dyna.model, rollout(env, dyna.agent, explore=False))
    assert found["perception"]["count_accuracy"] > 0.8
    assert found["perception"]["box_iou"] > 0.7


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("world_model", ["none", "rigid", "cut_paste", "oracle"])
@pytest.mark.parametrize("agent", ["hart", "hart_supervised"])
def test_the_loop_runs_on_cuda(world_model: str, agent: str) -> None:
    small = ("real_frames=200", "imagined_frames=640", "device=cuda")
    assert 0 < learned(f"world_model={world_model}", f"agent={agent}", *small, episodes=8) < 1
