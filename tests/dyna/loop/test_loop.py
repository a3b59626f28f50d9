"""The loop from config to summary: exact counts, same numbers twice, resumable, blind to truth."""

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import DictConfig

from dyna.loop import loop
from dyna.loop.imagination import Imagination
from dyna.loop.rollout import rollout
from dyna.running import model_log
from dyna.running import run as running
from envs.trajectory import Trajectory
from tests.conftest import names
from tests.dyna.loop.runs import rows, tiny, weights

# One is a preset of another for single images, where there is nothing to imagine.
MODELS = [name for name in names("world_model") if name != "air_stills"]
SEEN = ["real_frames=200", "effort=0.02", "imagined_frames=80"]
MORE = {
    "air": SEEN,
    "relabel": SEEN,
    "vae_rnn": ["world_model.steps=200", "world_model.width=4"],
    "linear": ["world_model.steps=200", "world_model.width=4"],
}
"""What a world model needs beyond what is tiny: AIR must have found an object to dream of."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of a whole run with a world model, made once."""

    @functools.cache
    def folder(model: str) -> Path:
        path = tmp_path_factory.mktemp(model)
        running.run(tiny(path, f"world_model={model}", *MORE.get(model, [])))
        return path

    return folder


@pytest.mark.parametrize("model", MODELS)
def test_every_world_model_runs_exactly_its_budget(
    model: str, undisturbed: Callable[[str], Path]
) -> None:
    torch_state = torch.get_rng_state()
    summary = json.loads((undisturbed(model) / "summary.json").read_text())
    assert torch.equal(torch.get_rng_state(), torch_state), "global randomness was used"
    imagined = {"none": 0, "air": 80, "relabel": 80}.get(model, 160)
    real = 200 if model in ("air", "relabel") else 140
    assert (summary["real_frames"], summary["imagined_frames"]) == (real, imagined)
    assert summary["eval/episodes"] == 6


SIZE = ["agent.policy.channels=[16,24]", "agent.policy.features=128", "agent.policy.scale=2.0"]
"""The network of supervision, for PPO."""


class Killed(Exception):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("model", MODELS)
def test_a_run_that_was_killed_ends_with_the_same_bits(
    tmp_path: Path,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: Callable[[str], Path],
) -> None:
    config = [f"world_model={model}", *MORE.get(model, [])]
    expected = rows(undisturbed(model))
    log = running.Run._log

    def killing(self: running.Run, row: loop.Metrics) -> None:
        log(self, row)
        if self.rows == len(expected) - 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(running.Run, "_log", killing)
        with pytest.raises(Killed):
            running.run(tiny(tmp_path, *config))
    running.run(tiny(tmp_path, *config))
    assert rows(tmp_path) == expected
    a, b = weights(tmp_path), weights(undisturbed(model))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert fitted(tmp_path) == fitted(undisturbed(model)) == last_fit(expected)
    assert fitted(tmp_path) or model in ("none", "oracle")  # who learns, or keeps, says what


def test_what_a_world_model_chose_stands_in_config_and_summary(
    undisturbed: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load((undisturbed("air") / "config.yaml").read_text())
    chosen = config["chosen"]["world_model"]
    assert config["world_model"]["typical_side"] == "auto"
    assert 10 < chosen["typical_side"] < 30
    assert chosen["camera"] == "given"
    summary = json.loads((undisturbed("air") / "summary.json").read_text())
    assert {f"chosen/{key}": value for key, value in chosen.items()}.items() <= summary.items()
    assert "chosen" not in yaml.safe_load((undisturbed("rigid") / "config.yaml").read_text())
    (tmp_path / "config.yaml").write_text("seed: 0")
    for side in (17.0, 20.0):  # a second fit chooses nothing anew
        model_log.keep_choices({"typical_side": side}, tmp_path)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["chosen"] == {
        "world_model": {"typical_side": 17.0}
    }
    assert capsys.readouterr().err.count("typical_side=17.0") == 1


def fitted(folder: Path) -> dict[str, float]:
    """What the summary says of the world model."""
    summary = json.loads((folder / "summary.json").read_text())
    return {k: v for k, v in summary.items() if k.startswith("world_model/")}


def last_fit(history: list[dict[str, Any]]) -> dict[str, float]:
    """The last that was logged of it."""
    return {k: v for row in history for k, v in row.items() if k.startswith("world_model/")}


def spoiled(*args: Any, dreams: bool = True, **kwargs: Any) -> Trajectory:
    """A rollout whose truth is garbage, that of dreams included if ``dreams`` is true."""
    trajectory = rollout(*args, **kwargs)
    if trajectory.truth is None or (isinstance(args[0].scene, Imagination) and not dreams):
        return trajectory
    truth = dataclasses.replace(
        trajectory.truth,
        box=trajectory.truth.box * torch.nan,
        visible=trajectory.truth.visible * torch.nan,
        id=trajectory.truth.id * 0 - 7,
        target=trajectory.truth.target * 0,
    )
    return dataclasses.replace(trajectory, truth=truth)


@pytest.mark.parametrize("model", [name for name in MODELS if name != "oracle"])
def test_no_truth_beyond_first_boxes_and_rewards_reaches_learning(
    tmp_path: Path,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: Callable[[str], Path],
) -> None:
    monkeypatch.setattr(loop, "rollout", functools.partial(spoiled, dreams=False))
    running.run(tiny(tmp_path, f"world_model={model}", *MORE.get(model, [])))
    a, b = weights(tmp_path), weights(undisturbed(model))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert rows(tmp_path) == rows(undisturbed(model))


def supervised(folder: Path, model: str, agent: str = "hart_supervised") -> DictConfig:
    more = [*MORE.get(model, []), "evaluations=0"]
    return tiny(folder, f"world_model={model}", f"agent={agent}", *more)


@pytest.mark.parametrize("agent", ["hart_supervised", "hart"])
def test_with_a_world_model_supervision_is_told_no_real_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agent: str
) -> None:
    # Who tells is no matter of the model; that each is blind is tested above.
    taught = "rigid", agent
    running.run(supervised(tmp_path / "a", *taught))
    monkeypatch.setattr(loop, "rollout", functools.partial(spoiled, dreams=False))
    running.run(supervised(tmp_path / "b", *taught))
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert rows(tmp_path / "a") == rows(tmp_path / "b")
    monkeypatch.setattr(loop, "rollout", spoiled)
    running.run(supervised(tmp_path / "c", *taught))
    c = weights(tmp_path / "c")
    assert not all(torch.equal(a[name], c[name]) for name in a), "no dreamed box was used"


@pytest.mark.parametrize("taught", [("none", "hart_supervised"), ("rigid", "hart")])
def test_supervision_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taught: tuple[str, str]
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    running.run(supervised(whole, *taught))
    log = running.Run._log

    def killing(self: running.Run, row: loop.Metrics) -> None:
        log(self, row)
        if self.rows == 3:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(running.Run, "_log", killing)
        with pytest.raises(Killed):
            running.run(supervised(cut, *taught))
    running.run(supervised(cut, *taught))
    assert rows(cut) == rows(whole)
    a, b = weights(cut), weights(whole)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_an_agent_starts_from_the_policy_of_another_run(tmp_path: Path) -> None:
    running.run(supervised(tmp_path / "taught", "none"))
    start = [
        f"start={tmp_path / 'taught' / 'checkpoints'}",
        "agent.rewards.learning_rate=[[null,1e-9]]",
    ]
    running.run(tiny(tmp_path / "b", "world_model=none", *SIZE, *start))
    taught, after = weights(tmp_path / "taught"), weights(tmp_path / "b")
    for name, x in after.items():
        torch.testing.assert_close(x, taught[name], atol=1e-5, rtol=0)


def test_a_finished_run_is_not_repeated_unless_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ["world_model=none", "real_frames=40", "evaluations=0"]
    first = running.run(tiny(tmp_path, *config))
    (tmp_path / "notes.txt").write_text("mine")

    def forbidden(self: running.Run) -> dict:
        raise AssertionError("it ran again")

    with monkeypatch.context() as patch:
        patch.setattr(running.Run, "go", forbidden)
        assert running.run(tiny(tmp_path, *config)) == json.loads(json.dumps(first))
    again = running.run(tiny(tmp_path, *config, "overwrite=true"))
    assert again["eval/iou"] == first["eval/iou"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_run_does_not_go_on_with_another_config(tmp_path: Path) -> None:
    config = ["world_model=none", "evaluations=0"]
    running.run(tiny(tmp_path, *config, "real_frames=40"))
    with pytest.raises(ValueError, match=r"real_frames=40 \(now 60\)"):
        running.run(tiny(tmp_path, *config, "real_frames=60"))
