"""Help for every key comes from the dataclass that is its schema."""

import os

import pytest

from dyna import command_line, keys


def test_every_key_of_the_chosen_members_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["keys", "world_model=air", "world_model.num_slots=7"])
    keys.main()
    lines = capsys.readouterr().out.splitlines()
    assert "world_model: world_models.air.AIR" in lines
    (slots,) = [line for line in lines if "num_slots" in line]
    assert slots.split() == [
        *("world_model.num_slots=7", "K,", "most", "objects", "followed", "at", "a", "time")
    ]
    assert not [line for line in lines if line.startswith("agent")]


def test_an_unknown_key_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["keys", "world_model.slots=7"])
    with pytest.raises(SystemExit) as end:
        keys.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: unknown key world_model.slots")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory: 9 GB")])
def test_too_little_memory_is_one_line(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end, command_line.clear_errors():
        raise error
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: there is not so much memory; lower batch")
    with pytest.raises(RuntimeError), command_line.clear_errors():
        raise RuntimeError("a fault of ours")


def test_errors_leave_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    with pytest.raises(SystemExit), command_line.clear_errors():
        int("no number")
    assert "HYDRA_FULL_ERROR" not in os.environ
