"""The command: a simulator passes, planted faults are found, and both files are written."""

import html
import json
from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import DictConfig

from dyna.checking import camera, command, labels, scenes
from dyna.diagnosis.behaviour import Record, told
from dyna.loop.rollout import rollout
from dyna.running.build import build
from dyna.running.subject import named
from envs.digits import make

EPISODES = 64


def _config(*overrides: str) -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose("check", list(overrides))


def _world(tier: str) -> Record:
    world = make(tier=tier, split="test", batch_size=EPISODES, seed=1)
    return told(rollout(world, named("random_actions", world.scene.frame_shape, 0)))


def _dreams(tier: str, *overrides: str) -> Record:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("train", [f"env.tier={tier}", "world_model=oracle", *overrides])
    dream = build(cfg).dream
    assert dream is not None
    dream.batch_size = EPISODES
    return told(rollout(dream, named("random_actions", dream.scene.frame_shape, 0)))


@pytest.fixture(scope="module")
def medium() -> Record:
    return _world("medium")


@pytest.fixture(scope="module")
def active() -> Record:
    return _world("active")


@pytest.mark.parametrize("tier", ["medium", "active"])
def test_the_simulator_passes(tier: str, request: pytest.FixtureRequest) -> None:
    real, dreamed = request.getfixturevalue(tier), _dreams(tier)
    for judge in (scenes.judge, labels.judge, camera.judge):
        found = judge(real, dreamed)
        assert found.state in ("good", "not asked"), found


@pytest.mark.parametrize(
    ("fault", "finders"),
    [
        ("world_model.frozen_boxes=1", (scenes, labels)),
        ("world_model.size_bias=1.25", (scenes, labels)),
        ("world_model.factors={background: 0}", (scenes,)),
    ],
)
def test_planted_faults_are_found(fault: str, finders: tuple, medium: Record) -> None:
    dreamed = _dreams("medium", fault)
    for finder in finders:
        assert finder.judge(medium, dreamed).state == "wrong"


@pytest.mark.parametrize("fault", ["ignores", "late"])
def test_a_camera_that_does_not_obey_is_found(fault: str, active: Record) -> None:
    found = camera.judge(active, _dreams("active", f"world_model.camera={fault}"))
    assert found.state == "wrong", found


def test_the_command_writes_what_it_found_and_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    cfg = _config(
        "env.tier=plain", "world_model=rigid", "real_frames=80", "episodes=8", "env.horizon=10",
        "policies=[last_box,random_actions]", f"folder={tmp_path}",
    )  # fmt: skip
    found = command.run(cfg, ["world_model=rigid"])
    assert [one.name for one in found] == [
        "returns", "scenes", "boxes", "actions", "rewards", "sight", "spread",
    ]  # fmt: skip
    document = json.loads((tmp_path / "check.json").read_text())
    assert document["command"] == "python -m dyna.check world_model=rigid"
    assert [row["state"] for row in document["rows"]] == [one.state for one in found]
    assert set(document["returns"]) == {"last_box", "random_actions"}
    page = (tmp_path / "report.html").read_text()
    assert "Is what rigid imagines right?" in page
    for one in found:
        assert html.escape(one.said, quote=False).replace("'", "&#39;") in page
    assert "last box" in page
    assert f"{found[0].state:>9}  returns" in capsys.readouterr().out


def test_a_learned_model_is_asked_all_that_it_can_answer(tmp_path: Path) -> None:
    cfg = _config(
        "env.tier=plain", "world_model=vae_rnn", "real_frames=80", "episodes=8", "effort=0.01",
        "policies=[last_box,random_actions]", f"folder={tmp_path}",
    )  # fmt: skip
    found = {one.name: one.state for one in command.run(cfg, [])}
    assert found["actions"] == "not asked"
    assert "not asked" not in {found[name] for name in ("returns", "scenes", "rewards", "sight")}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["world_model=none"], "world_model=none imagines nothing: choose world_model=air"),
        (["policies=[last_box]"], r"policies=.*no order: name two or more"),
        (["policies=[]"], "policies must be a filled list"),
        (["episodes=1"], "episodes must be at least 2"),
        (["effort=-1"], "effort"),
        (["real_frames=5"], "real_frames=5 is less than one episode"),
        (["policies=[last_box,hart]"], "policies=.*hart.*has learned nothing yet"),
        (["checkpoint=nowhere"], "nowhere"),
    ],
)
def test_bad_values_are_named(overrides: list[str], said: str, tmp_path: Path) -> None:
    cfg = _config("env.tier=plain", "world_model=rigid", f"folder={tmp_path}", *overrides)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        command.run(cfg, overrides)
    assert not (tmp_path / "check.json").exists()


def test_a_run_without_a_world_model_has_nothing_to_check(tmp_path: Path) -> None:
    from dyna.running.run import Run

    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose(
            "train",
            [
                "world_model=none", "real_frames=40", "final_episodes=4", "evaluations=1",
                "pictures=false", "progress=false", f"folder={tmp_path / 'run'}",
            ],
        )  # fmt: skip
    (tmp_path / "run").mkdir()
    Run(cfg).go()
    check = _config(f"checkpoint={tmp_path / 'run' / 'checkpoints'}", f"folder={tmp_path}")
    with pytest.raises(ValueError, match="has no world model: give another run"):
        command.run(check, [])
    assert torch.is_grad_enabled()
