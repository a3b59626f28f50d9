"""The work of ``python -m dyna.evaluate``: references and checkpoints, scored and written down."""

import json
from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from agents.last_box import LastBox
from dyna.loop.rollout import rollout
from dyna.running import checkpoint, subject
from dyna.running.build import build, imagined
from dyna.running.evaluate import put_beside, run
from envs import video
from envs.digits import make
from envs.tracking import Tracking
from tests.footage import write_folder
from tests.scenes import MovingPatch
from world_models.cut_paste import CutPaste
from world_models.oracle import Oracle


def compose(*overrides: str, config_name: str = "evaluate") -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose(config_name, overrides=list(overrides))


def test_the_command_scores_a_reference_and_writes_it_down(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    cfg = compose("agent=ncc", "env.tier=easy", "episodes=4", "horizon=6", f"folder={tmp_path}")
    document = run(cfg, [])
    assert document["horizon"] == 6
    assert document["env"]["tier"] == "easy"
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert written["metrics"] == document["metrics"]
    iou = document["metrics"]["eval/iou"]
    assert f"{iou:.4g}" in capsys.readouterr().out


def trained(path: Path, *overrides: str) -> torch.Tensor:
    """Writes the checkpoint of a run that has just begun; gives a weight of its agent.

    Its world model, if there is one, has seen one batch of episodes.
    """
    cfg = compose("folder=x", *overrides, config_name="train")
    config = OmegaConf.to_container(cfg, resolve=True)
    dyna = build(cfg)
    if dyna.model is not None:
        real = rollout(dyna.env, LastBox()).without_truth()
        dyna.model.fit(real, torch.Generator().manual_seed(0))
    with torch.no_grad():
        weight = next(iter(dyna.agent.policy.parameters()))  # type: ignore[attr-defined]
        weight.fill_(0.123)
    checkpoint.save(path, {"config": config, **dyna.state_dict()})
    return weight


def test_a_checkpoint_gives_the_agent_back_and_the_env_may_differ(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    weight = trained(path, "world_model=none", "env.tier=plain")
    overrides = [f"checkpoint={path}", "env.tier=easy", "env.factors={noise: 0.1}", "episodes=3"]
    found = subject.from_checkpoint(compose(*overrides), overrides)
    assert found.env.factors == {"noise": 0.1}
    assert found.env.tier == "easy"
    assert found.model is None
    restored = next(iter(found.agent.policy.parameters()))  # type: ignore[attr-defined]
    assert torch.equal(restored, weight)
    cfg = compose(*overrides, f"folder={tmp_path}")
    assert "eval/iou" in run(cfg, overrides)["metrics"]


def test_dreams_of_a_checkpoint_are_put_beside_reality(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "checkpoint.pt"
    model = ("world_model=vae_rnn", "world_model.steps=2", "world_model.clip=4")
    trained(path, *model, "env.tier=easy", "env.horizon=6", "batch_size=4")
    overrides = [f"checkpoint={path}", "episodes=8"]
    document = run(compose(*overrides, f"folder={tmp_path}"), overrides)
    assert document["beside"]["beside/truth/speed_5/ratio"] > 0
    assert document["beside"]["beside/model/objects/ratio"] == 1
    assert "model ratio" in capsys.readouterr().out


def test_a_checkpoint_meets_frames_of_its_own_channels_only(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    trained(path, "world_model=none", "env.tier=plain")
    cfg = compose(f"checkpoint={path}", "env.tier=medium", f"folder={tmp_path}")
    with pytest.raises(ValueError, match="1 channel"):
        run(cfg, ["env.tier=medium"])


def test_another_agent_does_not_go_with_a_checkpoint() -> None:
    overrides = ["checkpoint=no.pt", "agent=ncc"]
    with pytest.raises(ValueError, match=r"agent=... does not go with checkpoint"):
        subject.from_checkpoint(compose(*overrides), overrides)


def test_what_has_learned_nothing_is_not_scored(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"agent=.* has learned nothing yet: give checkpoint="):
        run(compose("agent=hart", f"folder={tmp_path}/x"), [])


def test_no_work_is_done_for_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"folder=.*: no file can be written there"):
        run(compose("episodes=2", f"folder={tmp_path}/file/x"), [])


def test_a_missing_checkpoint_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at no\.pt"):
        subject.from_checkpoint(compose("checkpoint=no.pt"), ["checkpoint=no.pt"])


@pytest.mark.parametrize("override", ["episodes=0", "horizon=1", "threads=0", "device=abacus"])
def test_bad_values_fail_before_any_work(override: str) -> None:
    with pytest.raises(ValueError, match=override.partition("=")[0]):
        run(compose(override, "folder=x"), [override])


def task(tier: str = "easy") -> Tracking:
    return make(tier=tier, split="test", batch_size=3, horizon=8)


def test_the_simulator_dreams_of_the_same_world() -> None:
    env = task()
    dream = imagined(Oracle(env.scene.frame_shape, task().scene), env, batch_size=5, seed=1)
    found = put_beside(LastBox(), env, dream, episodes=12)
    assert (env.batch_size, dream.batch_size, dream.horizon) == (12, 12, 8)
    # It cannot look at frames.
    assert {name.split("/")[1] for name in found} == {"agent", "truth", "fit"}
    in_both = [found[f"beside/agent/iou/{name}"] for name in ("real", "dreamed")]
    assert in_both[0] == pytest.approx(in_both[1], abs=0.1)
    assert found["beside/truth/speed/ratio"] == pytest.approx(1, abs=0.3)
    assert found == put_beside(LastBox(), env, dream, episodes=12)


def test_who_profits_from_what_holds_in_dreams_alone_is_found() -> None:
    env, still = task(), {"speed": 0.0, "velocity_jitter": 0.0, "scale": 0.0}
    scene = make(tier="easy", split="train", batch_size=3, horizon=8, factors=still).scene
    dream = imagined(Oracle(env.scene.frame_shape, scene), env, batch_size=5, seed=1)
    found = put_beside(LastBox(), env, dream, episodes=12)
    assert found["beside/agent/iou/dreamed"] > 0.8
    assert found["beside/agent/iou/real"] < 0.7


def test_truth_that_may_lack_objects_is_left_aside(tmp_path: Path) -> None:
    settings = {"path": str(write_folder(tmp_path / "clip", 60)), "horizon": 10}
    env = video.make(split="test", **settings)
    scene = video.make(split="train", **settings).scene
    dream = imagined(Oracle(env.scene.frame_shape, scene), env, batch_size=4, seed=1)
    names = {name.split("/")[1] for name in put_beside(LastBox(), env, dream)}
    assert names == {"agent"}
    other = Tracking(MovingPatch(channels=3), batch_size=4, horizon=6)
    assert "beside/truth/objects/ratio" in put_beside(LastBox(), other, dream)


def test_a_failure_is_only_a_warning() -> None:
    env = task()
    dream = imagined(CutPaste(env.scene.frame_shape), env, batch_size=3, seed=0)
    with pytest.warns(UserWarning, match="not put beside reality"):
        assert put_beside(LastBox(), env, dream, episodes=3) == {}  # it was never fitted
    assert put_beside(LastBox(), env, None) == {}
