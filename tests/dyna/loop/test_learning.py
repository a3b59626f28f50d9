"""The loop learns: minutes of work, run by ``make slow``; on CUDA it runs where there is one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import DictConfig

from dyna.diagnosis.measure import diagnose
from dyna.evaluation.heldout import evaluate
from dyna.loop.rollout import rollout
from dyna.running import checkpoint
from dyna.running.build import build
from dyna.running.subject import held_out
from tests.conftest import agents, names


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
    assert learned("agent=hart_supervised", *dreams) > learned("agent=hart_ppo", *dreams) + 0.05


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


@pytest.fixture
def repeatable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a run: what has no deterministic form raises."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_deterministic_debug_mode("error")
    yield
    torch.set_deterministic_debug_mode("default")


GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.usefixtures("repeatable"),
    pytest.mark.filterwarnings("ignore:targets are up to"),
]
SMALL = ("real_frames=200", "imagined_frames=640", "device=cuda")
MODELS = [name for name in names("world_model") if name != "air_stills"]
AIR = {
    "camera": "env.tier=active keep_background=false camera=inferred canvas=true margin=12",
    "laws": "relation=pairwise transition=linear background=free anisotropic=true",
    "bars": "env.tier=hard occluders=true canvas=true transition=kalman background=smooth",
}


def gpu(test: Callable[..., None]) -> Callable[..., None]:
    for mark in GPU:
        test = mark(test)
    return test


@gpu
@pytest.mark.parametrize("world_model", MODELS)
@pytest.mark.parametrize("agent", ["hart", "hart_ppo", "hart_supervised"])
def test_the_loop_runs_on_cuda(world_model: str, agent: str) -> None:
    short = [] if world_model in ("none", "rigid", "cut_paste", "oracle") else ["effort=0.1"]
    chosen = (f"world_model={world_model}", f"agent={agent}", *short)
    assert 0 < learned(*chosen, *SMALL, episodes=8) < 1


@gpu
@pytest.mark.parametrize("variant", AIR)
def test_air_runs_on_cuda_in_all_its_forms(variant: str) -> None:
    keys = [k if k.startswith("env.") else f"world_model.{k}" for k in AIR[variant].split()]
    agent = ("agent=random_actions", "world_model=air", "effort=0.3")
    assert 0 < learned(*agent, *keys, *SMALL, "real_frames=1000", episodes=8) < 1


@gpu
@pytest.mark.parametrize("agent", agents())
def test_every_agent_runs_on_cuda(agent: str) -> None:
    chosen = (f"agent={agent}", "world_model=none", "imagined_frames=0", "real_frames=200")
    assert 0 < learned(*chosen, "device=cuda", episodes=8) < 1


@gpu
def test_cuda_repeats_and_its_checkpoint_loads_on_the_cpu(tmp_path: Path) -> None:
    overrides = ("world_model=air", "agent=hart", "effort=0.1", *SMALL)
    runs = [build(compose(*overrides)) for _ in range(2)]
    first, second = (list(run.steps()) for run in runs)
    assert first == second
    checkpoint.save(tmp_path / "a.pt", runs[0].state_dict())
    state = checkpoint.load(tmp_path / "a.pt")
    here = build(compose(*overrides, "device=cpu"))
    here.load_state_dict(state)
    assert here.dream is not None
    rollout(here.dream, here.agent)
    there = build(compose(*overrides))
    there.load_state_dict(here.state_dict())
    assert there.dream is not None
    assert rollout(there.dream, there.agent).frame.is_cuda
