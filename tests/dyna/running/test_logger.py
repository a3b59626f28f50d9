"""Loggers: no row is doubled or lost, and W&B never blocks."""

import json
import time
from pathlib import Path

import pytest

from dyna.running.logger import JSONL, TensorBoard, WandB

ROW = {"real_frames": 5, "imagined_frames": 0, "agent_frames": 5, "eval/iou": 0.5}
CONFIG = {"name": "test", "world_model": {"_target_": "world_models.rigid.Rigid"}}


def test_rows_after_the_checkpoint_are_cut_off(tmp_path: Path) -> None:
    logger = JSONL(tmp_path, CONFIG)
    logger.log({"step": 1})
    state = logger.state_dict()
    logger.log({"step": 2})
    again = JSONL(tmp_path, CONFIG)
    again.load_state_dict(state)
    again.log({"step": 3})
    logger.close()
    again.close()
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 3]


def test_old_words_of_wandb_for_its_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "dryrun")
    assert WandB(tmp_path, CONFIG, mode="online")._mode == "offline"
    monkeypatch.setenv("WANDB_MODE", "abc")
    with pytest.raises(ValueError, match="the variable WANDB_MODE is abc: take offline, online"):
        WandB(tmp_path, CONFIG)


def test_lost_rows_are_noticed(tmp_path: Path) -> None:
    logger = JSONL(tmp_path, CONFIG)
    with pytest.raises(ValueError, match="shorter"):
        logger.load_state_dict({"bytes": 100})
    logger.close()


def test_tensorboard_writes_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    logger = TensorBoard(tmp_path, CONFIG)
    logger.log(ROW)
    logger.close()
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_wandb_offline_leaves_a_run_and_keeps_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    logger = WandB(tmp_path, CONFIG, tags=["a"])
    logger.log(ROW)
    state = logger.state_dict()
    name = state["id"]
    logger.summary({"eval/iou": 0.5})
    logger.close()
    files = list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))
    assert [path.stem for path in files] == [f"run-{name}"]
    assert files[0].stat().st_size > 0
    resumed = WandB(tmp_path, CONFIG)
    resumed.load_state_dict(state)
    resumed.log(ROW)
    assert resumed.state_dict()["id"] == name
    resumed.close()


@pytest.mark.parametrize("key", [None, "0" * 40])
def test_wandb_online_without_key_or_network_falls_back_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    if key is None:
        monkeypatch.delenv("WANDB_API_KEY", raising=False)
    else:
        monkeypatch.setenv("WANDB_API_KEY", key)
    start = time.monotonic()
    with pytest.warns(UserWarning, match="no connection" if key else "no API key"):
        logger = WandB(tmp_path, CONFIG)
    # Generous: a hang would be 16 seconds or more.
    assert time.monotonic() - start < 10
    logger.log(ROW)
    logger.close()
    assert list((tmp_path / "wandb").glob("offline-run-*"))


def test_an_unknown_mode_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with pytest.raises(ValueError, match="mode is sometimes"):
        WandB(tmp_path, CONFIG, mode="sometimes")
