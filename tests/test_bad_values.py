"""Whatever is given to a command: it starts its work, or says in one line why not.

Keys are drawn from the schemas, values from what people mistype. The work itself is left out: each
case ends as soon as everything is checked and built. More cases than in the suite:

    DYNA_CASES=2000 JAXTYPING_DISABLE=1 python -m pytest tests/test_bad_values.py
"""

import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import hydra
import hypothesis.strategies as st
import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hypothesis import HealthCheck, Phase, given, note, settings
from omegaconf import DictConfig, OmegaConf, open_dict
from PIL import Image

from dyna.command_line import call as call_command
from dyna.running.overrides import quote_paths
from dyna.running.track import arguments as tracking
from tests import footage
from tests.conftest import ROOT, names

CASES = int(os.environ.get("DYNA_CASES", "5"))
COMMANDS = {
    "train": ("dyna.running.run.Run._drive", "dyna.study.study.run_all"),
    "evaluate": ("dyna.running.evaluate.observe",),
    "compare": ("dyna.running.compare.observe",),
    "diagnose": ("dyna.running.diagnose._fit", "dyna.running.diagnose._load"),
    "check": ("dyna.loop.loop.Dyna.steps", "dyna.checking.command.examine"),
    "track": ("dyna.running.track.follow",),
    "keys": (),
}
"""Commands, and where the work of each begins."""
GROUPS = ("env", "agent", "world_model", "logger", "experiment")
VALUES = (
    *("-1", "0", "1", "2", "3", "7", "0.5", "1.5", "-0.5", "1e-30", "1e30", "nan", "inf", "-inf"),
    *("2147483648", "4294967296", "9223372036854775808", "18446744073709551616", "-9999999999"),
    *("null", "true", "false", "abc", "''", "ä b", "???", "${seed}", "${nowhere}", "a=b"),
    *("[]", "[1]", "[0,1]", "[1,2,3]", "[16,16]", "[1e30,1e30]", "[nan,nan]", "[abc,1]", "[-1,2]"),
    *("[null]", "[true]", "[[]]", "[[null,1]]", "[[null,nan]]", "[[null,inf]]", "[[0,1]]"),
    *("[[5,1],[null,2]]", "[[null,0.5]]", "[[null,-1]]", "[[null,null]]", "[[null,abc]]"),
    *("{}", "{a: 1}", "{min_objects: 0}", "{max_objects: -1}", "{noise: nan}", "{size: 1e30}"),
    *("{bar_brightness: 3}", "{frame_size: 1.5}", "/dev/null", "/proc/x", "."),
    *("5", "16", "100", "0.01", "0.3"),
)


class WorkBegins(BaseException):
    """Everything is checked and built."""


def begin(*given: object, **more: object) -> NoReturn:
    raise WorkBegins


def leaves(node: Any, before: str = "") -> Iterator[str]:
    """The keys of a config, nodes included."""
    for key in node:
        if not str(key).startswith("_"):
            yield before + str(key)
            inner = None if OmegaConf.is_missing(node, key) else node._get_node(key)
            if isinstance(inner, DictConfig) and not inner._is_none():
                yield from leaves(inner, f"{before}{key}.")


@functools.cache
def keys_of(config_name: str, *members: str) -> dict[str, tuple[str, ...]]:
    """The keys of a config, or of a member if one is given; each with the values to try."""
    with hydra.initialize_config_module("conf", version_base="1.3"):
        config = hydra.compose(config_name, overrides=list(members))
    found = {}
    for key in leaves(config):
        parent, _, name = key.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        value = None if OmegaConf.is_missing(node, name) else node._get_node(name)
        found[key] = like(value._value() if value is not None else None)
    found.pop("debug", None)  # which asks for a traceback
    groups = tuple(f"{group}." for group in (members[0].split("=")[:1] if members else GROUPS))
    return {
        key: values for key, values in found.items() if key.startswith(groups) == bool(members)
    }


def like(value: object) -> tuple[str, ...]:
    """Of the values those whose kind may be right."""
    if isinstance(value, bool):
        return ("true", "false")
    if isinstance(value, int | float):
        return (*(text for text in VALUES if text[-1].isdigit()), "nan", "inf", "-inf")
    if isinstance(value, list | dict):
        return tuple(text for text in VALUES if text[0] in "[{")
    return VALUES


def command_line(draw: Callable[[st.SearchStrategy], Any]) -> tuple[str, list[str]]:
    """A command and its arguments."""
    command = draw(st.sampled_from(sorted(COMMANDS)))
    config_name = "train" if command == "keys" else command
    known = OmegaConf.load(ROOT / "conf" / f"{config_name}.yaml")
    groups = [g for g in GROUPS if any(g in entry for entry in known.defaults)]
    chosen = {g: draw(st.sampled_from(names(g))) for g in groups if draw(st.booleans())}
    if "experiment" in chosen and draw(st.integers(0, 3)):
        del chosen["experiment"]
    members = [f"{group}={name}" for group, name in chosen.items()]
    keys = dict(keys_of(config_name))
    for member in members:
        keys |= keys_of("train", member)
    arguments = usual(command, chosen)
    for key in draw(st.lists(st.sampled_from(sorted(keys)), max_size=3, unique=True)):
        values = keys[key] if draw(st.integers(0, 2)) else VALUES
        arguments.append(f"{key}={draw(st.sampled_from(values))}")
    return command, members + arguments


def usual(command: str, chosen: dict[str, str]) -> list[str]:
    """What a case cannot do without."""
    given = ["video", "--box", "5,5,20,20"] if command == "track" else []
    return [*given, "env.path=clips"] if chosen.get("env") == "video" else given


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str, list[str]], str]:
    """Runs a command up to its work, or to its end; gives what it said if it refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    footage.write_folder(tmp_path / "clips")
    (tmp_path / "video").mkdir()
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "video" / "0.png")
    for places in COMMANDS.values():
        for place in places:
            monkeypatch.setattr(place, begin)

    def run(command: str, arguments: list[str]) -> str:
        module = importlib.import_module(f"dyna.{command}")
        monkeypatch.setattr(sys, "argv", [f"dyna.{command}", *arguments])

        def task() -> None:  # as hydra.main, which composes everything twice
            if command == "keys":
                module._task()
                return
            with hydra.initialize_config_module("conf", version_base="1.3"):
                cfg = hydra.compose(command, sys.argv[1:], return_hydra_config=True)
                HydraConfig.instance().set_config(cfg)
                with open_dict(cfg):
                    del cfg["hydra"]
                module._task(cfg)

        status: object = 0
        try:
            call_command(task, tracking if command == "track" else quote_paths)
        except WorkBegins:
            pass
        except SystemExit as end:
            status = end.code
        finally:
            GlobalHydra.instance().clear()
            HydraConfig.instance().cfg = None
        said = capsys.readouterr().err
        if status not in (0, None):
            lines = said.splitlines()
            assert (status, len(lines)) == (2, 1), said
            assert lines[0].startswith("error: "), said
        return said if status else ""

    return run


@settings(
    max_examples=CASES,
    deadline=None,
    derandomize="DYNA_CASES" not in os.environ,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_command_starts_or_refuses_in_one_line(
    data: st.DataObject, call: Callable[[str, list[str]], str]
) -> None:
    command, arguments = command_line(data.draw)
    note(f"python -m dyna.{command} {' '.join(arguments)}")
    call(command, arguments)
