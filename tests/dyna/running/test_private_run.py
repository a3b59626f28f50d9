"""Nothing that a run writes holds a secret, or what its config looked up in the environment."""

import sys
from pathlib import Path

import hydra
import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dyna import command_line, train
from dyna.reporting import pages
from dyna.running.checks import check_name
from dyna.running.run import run
from dyna.study.plan import Study

SMALL = (
    *("world_model=none", "real_frames=20", "batch_size=2", "env.horizon=5", "evaluations=0"),
    *("final_episodes=2", "agent=last_box", "progress=false", "pictures=false"),
)
GIVEN = ("name=${oc.env:MY_TEAM}", "+api_key=swordfish", "logger.tags=[hunter22]")


def compose(*overrides: str) -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose("train", list(overrides))


@pytest.mark.parametrize("logger", ["jsonl", "wandb"])
def test_no_file_of_a_run_holds_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logger: str
) -> None:
    monkeypatch.setenv("MY_TEAM", "team-rocket")
    monkeypatch.setenv("MY_API_KEY", "hunter22")
    monkeypatch.setattr(sys, "argv", ["dyna", *SMALL, *GIVEN])
    given = [*SMALL, f"logger={logger}", *GIVEN[: 3 if logger == "wandb" else 2]]
    cfg = compose(*given, f"folder={tmp_path / 'run'}", "checkpoint_every=0")
    run(cfg)
    pages.write_run(tmp_path / "run")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"config.yaml", "summary.json", "report.html"} <= {path.name for path in files}
    assert [path for path in files if path.suffix == ".pt"]
    for path in files:
        for secret in (b"hunter22", b"swordfish", b"team-rocket"):
            assert secret not in path.read_bytes(), path
    assert "${oc.env:MY_TEAM}" in (tmp_path / "run" / "config.yaml").read_text()


def test_a_changed_environment_is_another_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (*SMALL, "env.tier=${oc.env:MY_TIER}", f"folder={tmp_path}")
    monkeypatch.setenv("MY_TIER", "plain")
    first = run(compose(*given))
    assert run(compose(*given))["date"] == first["date"]  # finished, not repeated
    monkeypatch.setenv("MY_TIER", "easy")
    with pytest.raises(ValueError, match="looks up in the environment"):
        run(compose(*given))


def test_a_folder_is_not_named_after_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "hunter22")
    name = command_line.run_name("logger.tags=[hunter22],token=swordfish,x=${oc.env:HOME}")
    assert "hunter22" not in name
    assert "swordfish" not in name
    assert "${" not in name


@pytest.mark.parametrize("name", ["../../x", "..", "a/b", "/tmp/x", "a\\b", "", ".", "x" * 200])
def test_a_name_leads_nowhere_else(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a folder"):
        check_name("name", name)
    cfg = compose("folder=x")
    cfg.name = name
    with pytest.raises(ValueError, match=r"^name=.* is no name of a folder"):
        train.validate(cfg)
    known = {"arms": ["none"], "real_frames": [1], "imagined_frames": 0, "seeds": [0]}
    with pytest.raises(ValueError, match=r"study\.name=.* is no name"):
        Study(name=name, tiers=["plain"], **known)
    with pytest.raises(ValueError, match=r"study\.tiers=.* is no name"):
        Study(name="x", tiers=[name], **known)


def test_a_folder_is_not_named_after_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_TEAM", "team-rocket")
    monkeypatch.setattr(sys, "argv", ["dyna", *SMALL, "+note=${oc.env:MY_TEAM}"])
    try:
        train.main()
    finally:
        HydraConfig.instance().cfg = None
    (summary,) = tmp_path.rglob("summary.json")
    assert "note=$oc.env:MY_TEAM" in str(summary)
    assert not [path for path in tmp_path.rglob("*") if "rocket" in path.name]
