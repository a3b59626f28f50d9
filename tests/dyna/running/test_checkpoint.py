"""Checkpoints: whole or not there, never of another run, and the older ones stay."""

import errno
import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from dyna.evaluation.heldout import evaluate
from dyna.running import checkpoint
from dyna.running.checkpoint import Checkpoints
from dyna.running.subject import held_out, restore

CONFIG = {"seed": 0, "env": {"tier": "plain"}, "logger": {"mode": "offline"}}
STATE = {"weights": torch.arange(5.0), "frames": 3}


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = Checkpoints(tmp_path, CONFIG).save(STATE, step=1)
    state = checkpoint.load(path)
    assert torch.equal(state["weights"], STATE["weights"])
    assert (state["frames"], state["config"]) == (3, CONFIG)


def test_the_two_newest_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CONFIG)
    for step in (1, 2, 10):
        checkpoints.save({"step": step}, step)
    assert [path.name[-6:] for path in checkpoints.paths()] == ["002.pt", "010.pt"]
    latest = checkpoints.latest()
    assert latest is not None
    assert latest["step"] == 10


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: data[:-9] + b"x" + data[-8:], "checksum"),
        (lambda data: b"PK" + data, "not a dyna checkpoint"),
        (lambda data: b"", "not a dyna checkpoint"),
    ],
)
def test_a_damaged_file_is_named_and_passed_over(
    tmp_path: Path, damage: Any, message: str
) -> None:
    checkpoints = Checkpoints(tmp_path, CONFIG)
    checkpoints.save({"step": 1}, 1)
    path = checkpoints.save({"step": 2}, 2)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{path.name}.*{message}|{message}"):
        checkpoint.load(path)
    with pytest.warns(UserWarning, match=path.name):
        latest = checkpoints.latest()
    assert latest is not None
    assert latest["step"] == 1


def test_a_file_of_another_kind_is_not_to_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# A page\n")
    with pytest.raises(ValueError, match=r"README\.md is not a dyna checkpoint") as found:
        checkpoint.load(path)
    assert "delete" not in str(found.value)


@pytest.mark.parametrize(
    "payload", [pickle.dumps(os.getcwd), pickle.dumps(3), b"PK\x03\x04", b"", b"\x80"]
)
def test_what_torch_will_not_read_is_one_line_without_its_advice(
    tmp_path: Path, payload: bytes
) -> None:
    path = tmp_path / "evil.pt"
    digest = hashlib.sha256(payload).hexdigest().encode()
    path.write_bytes(checkpoint.MAGIC + digest + b" %d\n" % len(payload) + payload)
    with pytest.raises(ValueError, match=r"evil\.pt holds .*: give a file") as found:
        checkpoint.load(path)
    assert "weights_only" not in str(found.value)
    assert "\n" not in str(found.value)


def test_what_is_no_table_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "odd.pt"
    buffer = io.BytesIO()
    torch.save([1, 2], buffer)
    payload = buffer.getvalue()
    digest = hashlib.sha256(payload).hexdigest().encode()
    path.write_bytes(checkpoint.MAGIC + digest + b" %d\n" % len(payload) + payload)
    with pytest.raises(ValueError, match=r"odd\.pt holds no state"):
        checkpoint.load(path)


def test_when_all_are_damaged_it_says_how_to_start_anew(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CONFIG)
    checkpoints.save(STATE, 1).write_bytes(b"")
    passed_over = pytest.warns(UserWarning, match="passed over")
    with passed_over, pytest.raises(ValueError, match="overwrite=true"):
        checkpoints.latest()
    assert Checkpoints(tmp_path / "none", CONFIG).latest() is None


def test_another_config_is_refused_and_the_keys_are_named(tmp_path: Path) -> None:
    Checkpoints(tmp_path, CONFIG).save(STATE, 1)
    other = {**CONFIG, "env": {"tier": "hard"}}
    with pytest.raises(ValueError, match=r"env\.tier=plain \(now hard\)"):
        Checkpoints(tmp_path, other).latest()
    volatile = {**CONFIG, "logger": {"mode": "online"}, "overwrite": True}
    assert Checkpoints(tmp_path, volatile).latest() is not None
    assert checkpoint.config_hash(CONFIG) == checkpoint.config_hash(volatile)
    assert checkpoint.config_hash(CONFIG) != checkpoint.config_hash(other)


def test_a_full_disk_leaves_the_older_one_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, CONFIG)
    checkpoints.save({"step": 1}, 1)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="make room"):
        checkpoints.save({"step": 2}, 2)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-00000001.pt"]
    latest = checkpoints.latest()
    assert latest is not None
    assert latest["step"] == 1


def test_a_folder_stands_for_its_newest_checkpoint(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CONFIG)
    for step in (9, 10):
        checkpoints.save({"step": step}, step)
    assert checkpoint.load(tmp_path)["step"] == 10


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        checkpoint.load(tmp_path / "nothing.pt")


def test_a_checkpoint_of_the_old_layout_still_loads():
    """Written at 1e60b67, before the rooms: its config names modules that have moved since."""
    path = Path(__file__).parent / "data" / "layout_1e60b67.pt"
    state = checkpoint.load(path)
    assert state["config"]["agent"]["objective"]["_target_"] == "agents.hart.HARTObjective"
    subject = restore(path)
    weights = subject.agent.state_dict()["policy"]
    assert all(
        torch.equal(weights[name], value) for name, value in state["agent"]["policy"].items()
    )
    env = held_out(subject.env, horizon=5)
    assert 0 < evaluate(subject.agent, env, episodes=4)["eval/iou"] < 1


def test_a_restored_policy_knows_what_its_actions_did() -> None:
    subject = restore(Path(__file__).parent / "data" / "layout_1e60b67.pt")
    assert subject.agent.policy.action_scale == subject.agent.action_scale  # type: ignore[attr-defined]
