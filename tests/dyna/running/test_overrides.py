"""Paths of any name reach the commands as they are, through the real command line."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from dyna.running import compare
from dyna.running.overrides import quote_paths, quoted
from tests.dyna.running.test_compare import compose

NAMES = [
    *("a b", "a[1]", "{a}", "a=b,c=d", "a'b", 'a"b', "'a'", "ä日本🎬", "$HOME", "${seed}"),
    *("\\${a}", "a\\b", "a\\", 'a\\"b', "choice(a)", "true", "2024", "1e5", "[a, b]", "a#;|&*?"),
]


@pytest.fixture
def configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Calls a command in an empty folder; gives the configs with which it would start its work."""
    monkeypatch.chdir(tmp_path)

    def call(command: str, *arguments: str) -> list[dict[str, Any]]:
        module, found = importlib.import_module(f"dyna.{command}"), []
        take = lambda cfg, *more: found.append(OmegaConf.to_container(cfg, resolve=True)) or {}  # noqa: E731
        monkeypatch.setattr(module, "run", take)
        monkeypatch.setattr(module, "_report", lambda *given: None, raising=False)
        monkeypatch.setattr(sys, "argv", [command, *arguments])
        module.main()
        return found

    yield call
    HydraConfig.instance().cfg = None


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_read_as_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    given = quote_paths([f"output={name}", f"++env.digits={name}"])
    found = compose(*given, f"+video={quoted(name, is_name=True)}")
    assert found.output == found.env.digits == found.video == name


@pytest.mark.parametrize("name", ["a b", "a=[1],{ä}", "it's \\${seed}"])
def test_every_command_takes_them(name: str, configured: Callable) -> None:
    Path(name).touch()
    digits = ("env.digits={}", "env.path={}")
    for command, keys in {
        "train": ("start={}", digits[0]),
        "evaluate": ("checkpoint={}",),
        "check": ("checkpoint={}",),
        "compare": ("output={}",),
        "diagnose": ("load={}", "save={}"),
        "track": ("{}", "checkpoint={}", "output={}"),
    }.items():
        (cfg,) = configured(command, *(key.format(name) for key in keys))
        for key in keys:
            node, found = (key.removesuffix("={}") if "=" in key else "video").split("."), cfg
            for part in node:
                found = found[part]
            assert found == name, (command, key)
    (cfg,) = configured("evaluate", "env=video", f"env.path={name}", f"folder={name}")
    assert cfg["env"]["path"] == cfg["folder"] == name


@pytest.mark.parametrize("name", ["a b", "ä=[1],", "$HOME's"])
def test_a_folder_need_not_exist(name: str, configured: Callable) -> None:
    assert configured("evaluate", f"folder={name}")[0]["folder"] == name
    assert configured("train", f"folder={name}/${{seed}}")[0]["folder"] == f"{name}/0"
    assert not Path(name).exists()


def test_sweeps_keep_their_commas(configured: Callable) -> None:
    Path("a,b").touch()
    choices = ["checkpoint=x=1,y [2]", "seed=0,1", "folder=f/${seed}"]
    found = configured("evaluate", "-m", *choices)
    assert [(cfg["checkpoint"], cfg["seed"]) for cfg in found] == [
        ("x=1", 0), ("x=1", 1), ("y [2]", 0), ("y [2]", 1),
    ]  # fmt: skip
    found = configured("evaluate", "-m", "checkpoint=a,b", "seed=choice(0,1)")
    assert [(cfg["checkpoint"], cfg["seed"]) for cfg in found] == [("a,b", 0), ("a,b", 1)]


def test_what_is_plain_or_quoted_stays_as_it_is() -> None:
    given = ["start=null", "folder=outputs/train/default", "seed=1,2", "checkpoint='a=b'", "-m"]
    assert quote_paths(given[:-1]) == given[:-1]
    assert quote_paths(given) == given
    assert quoted("null", is_name=True) == '"null"'


def test_a_checkpoint_in_brackets_is_no_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs [1]").mkdir()
    monkeypatch.setattr(compare.checkpoint, "load", lambda path: {"config": {"seed": 7}})
    cfg = compose("agents=[]", f"checkpoints={{HART: '{tmp_path}/runs [1]'}}")
    assert [entry.checkpoint for entry in compare.entries(cfg)] == [f"{tmp_path}/runs [1]"]
