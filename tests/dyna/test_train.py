"""The command line, as a user meets it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hydra
import pytest
import torch
from hydra.core.hydra_config import HydraConfig

from dyna import __version__, command_line, train
from dyna.running.run import run
from tests.conftest import ROOT

TINY = [
    "world_model=rigid",
    "real_frames=100",
    "imagined_frames=200",
    "batch_size=4",
    "evaluations=2",
    "evaluation_episodes=4",
    "final_episodes=4",
    "env.horizon=10",
    "agent.epochs=[[null,1]]",
    "progress=false",
    "pictures=false",
    "checkpoint_every=0",
]


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "dyna", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    out, error = process.communicate(timeout=400)
    return process.returncode, out, error


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if not k.startswith(("time/", "speed/"))}
        for line in lines
    ]


def wait_for_rows(folder: Path, number: int) -> None:
    deadline = time.monotonic() + 300
    path = folder / "metrics.jsonl"
    while time.monotonic() < deadline:
        if path.exists() and len(path.read_bytes().splitlines()) >= number:
            return
        time.sleep(0.005)
    raise AssertionError(f"{path} never had {number} rows")


def test_a_killed_run_ends_with_the_numbers_of_an_undisturbed_one(tmp_path: Path) -> None:
    killed = start(tmp_path, *TINY, "folder=b")
    wait_for_rows(tmp_path / "b", 4)
    killed.send_signal(signal.SIGKILL)
    assert finish(killed)[0] == -signal.SIGKILL
    assert not (tmp_path / "b" / "summary.json").exists()
    code, out, error = finish(start(tmp_path, *TINY, "folder=b"))
    assert code == 0, error
    assert "goes on after" in error
    assert "eval/iou" in out
    with hydra.initialize_config_module("conf", version_base="1.3"):
        run(hydra.compose("train", [*TINY, f"folder={tmp_path / 'a'}"]))
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


def test_held_out_scenes_may_have_more_objects(tmp_path: Path) -> None:
    asked = ["env.factors={max_objects: 2}", "generalise={min_objects: 4, max_objects: 4}"]
    asked += ["world_model=oracle", f"folder={tmp_path}"]
    with hydra.initialize_config_module("conf", version_base="1.3"):
        found = run(hydra.compose("train", [*TINY, *asked]))
    assert {name for name in found if re.fullmatch(r"eval/iou_\d_objects?", name)} == {
        "eval/iou_4_objects"
    }
    assert 1 <= found["beside/truth/objects/real"] <= 2, "dreams are put beside what they are of"


def test_a_terminated_run_saves_and_says_so(tmp_path: Path) -> None:
    process = start(tmp_path, *TINY, "checkpoint_every=1000", "imagined_frames=20000", "folder=a")
    wait_for_rows(tmp_path / "a", 3)
    process.terminate()
    code, _, error = finish(process)
    assert code == 143
    assert "saved: the same command goes on" in error
    saved = list((tmp_path / "a" / "checkpoints").glob("*.pt"))
    assert max(int(path.stem[-8:]) for path in saved) == len(rows(tmp_path / "a"))


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Runs ``python -m dyna`` within this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dyna", *arguments])
        code = 0
        try:
            train.main()
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capsys.readouterr()

    yield call
    HydraConfig.instance().cfg = None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("env.tier=foo", "unknown tier 'foo'"),
        ("nonsense=1", "unknown key nonsense"),
        (
            "agent.rewards.gamma=abc",
            "agent.rewards.gamma=abc: Value 'abc' of type 'str' could not be converted",
        ),
        ("agent.learning_rate=-1", "learning_rate must be a positive number"),
        ("world_model=foo", "choose one of air, "),
        ("+agent.nonsense=1", "nonsense"),
        ("real_frames=-1", "real_frames must be at least 1, got -1"),
        ("real_frames", "real_frames"),
        ("env.digits=/nowhere/mnist.npz", "/nowhere/mnist.npz"),
        ("agent=[nan,nan]", "agent=[nan,nan] names no agent: choose one of classical, "),
        ("world_model={a: 1}", "names no world_model: choose one of air, "),
        ("agent.std=[0.1]", "std=[0.1] is no pair [a, b], each a number"),
        ("agent.std=0.1", "std=0.1 is no pair"),
        ("agent.learning_rate=[1e30,1e30]", "learning_rate must be a positive number, or pairs"),
        ("agent.learning_rate=[[null,.nan]]", "learning_rate must be a positive number, or pairs"),
        ("agent.policy.scale=nan", "scale must be finite"),
        ("agent.policy.channels=[8,0.5]", "channels=[8, 0.5] is no pair [a, b], each a whole"),
        ("agent.policy.memory=0", "memory must be at least 1, got 0"),
        ("agent.policy=3", "policy=3 is none"),
        ("generalise=7", "generalise=7: give factors, {max_objects: 6}"),
        ("generalise={nonsense: 1}", "unknown factor 'nonsense'"),
        ("env.factors=7", "factors=7 names none: give factors={max_objects: 5}"),
        ("env.factors={bar_brightness: 3}", "bar_brightness=3 is no pair"),
        ("seed=18446744073709551616", "seed must be finite, and below 2^63"),
        ("real_frames=10", "real_frames=10 is less than one episode of 20 frames: give 20 or"),
        ("folder=null", "folder=null is no folder"),
        ("folder=/proc/x", "folder=/proc/x: no file can be written there"),
        ("name=a=b", "name=a=b cannot be read: quote its value"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, command: Callable, override: str, message: str
) -> None:
    code, out, error = command(override)
    assert (code, out) == (2, "")
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_every_round_needs_an_episode(command: Callable) -> None:
    error = command("world_model=rigid", "rounds=3", "real_frames=40")[2]
    assert "one episode of 20 frames in each of 3 rounds: give 60 or more" in error


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("real_frames=-1", "real_frames must be at least 1, got -1"),
        ("real_frames=many", "real_frames=many is not a whole number"),
        ("batch_size=0", "batch_size must be at least 1, got 0"),
        ("effort=-1", "effort must be at least 0, got -1"),
        ("overwrite=maybe", "overwrite=maybe"),
        ("device=tpu", "device=tpu is unknown"),
        ("device=cuda:99", "device=cuda:99"),
    ],
)
def test_bad_values_are_named_before_any_work(override: str, message: str) -> None:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("train", ["folder=x", override])
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        train.validate(cfg)


def test_a_sweep_leaves_the_working_folder_clean(
    tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(train, "run", lambda cfg: seen.append((cfg.seed, cfg.folder)))
    monkeypatch.setattr(train, "_report", lambda summary, folder: None)
    assert command("-m", "seed=0,1", "folder=outputs/x/${seed}")[0] == 0
    assert seen == [(0, "outputs/x/0"), (1, "outputs/x/1")]
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


def test_publishing_is_for_studies(command: Callable) -> None:
    code, _, error = command("publish=true")
    assert (code, error.count("\n")) == (2, 1)
    assert "experiment=" in error


def test_the_version_is_ours(command: Callable) -> None:
    assert command("--version") == (0, f"dyna {__version__}, torch {torch.__version__}\n", "")


def test_a_run_goes_on_when_nobody_reads_its_output(tmp_path: Path) -> None:
    """As after ``| head -1``."""
    ours, theirs = os.pipe()
    os.close(ours)
    words = ["agent=last_box", "episodes=2", "horizon=3", "folder=out", "env.horizon=3"]
    done = subprocess.run(
        [sys.executable, "-u", "-m", "dyna.evaluate", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out" / "iou.svg").exists()  # written after the first line of output


def test_trackers_from_opencv_take_any_seed(command: Callable) -> None:
    """In a run every part has a seed of 63 bits."""
    tiny = [word for word in TINY if not word.startswith("agent.")]
    small = [*tiny, "world_model=none", "evaluations=0", "final_episodes=2", "real_frames=20"]
    for agent, seed in (("ncc", 0), ("kcf", 2**63 - 1)):
        code, _, error = command(*small, f"agent={agent}", f"seed={seed}", f"folder={agent}")
        assert code == 0, error


def test_help_lists_groups_and_keys(command: Callable) -> None:
    code, out, _ = command("--help")
    assert code == 0
    for word in (
        "world_model: air, ",
        "cut_paste, linear, none, oracle",
        "real_frames",
        "env.tier",
    ):
        assert word in out


def test_names_of_run_folders_are_short_and_without_slashes() -> None:
    assert command_line.run_name("") == "default"
    assert command_line.run_name("env.tier=plain,seed=1") == "env.tier=plain,seed=1"
    assert "/" not in command_line.run_name("env.digits=/data/mnist.npz")
    long = [command_line.run_name("x" * 300 + end) for end in "ab"]
    assert len(set(long)) == 2
    assert max(map(len, long)) < 140
