"""Members in a folder of one's own: ``path=FOLDER``, with the package installed as a wheel is."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig

from conf.members import FOLDERS, PLACES
from conf.own import own_folders
from dyna import compare, diagnose, evaluate, keys, train
from dyna.running.subject import restore
from dyna.study.plan import Study
from tests.test_new_member import AGENT, MODEL, SCENE

FILES = {
    "my_drift.py": SCENE.replace("DriftSettings", "MyDriftSettings"),
    "conf/env/my_drift.yaml": "defaults: [/settings/my_drift@_here_, _self_]\n"
    "_target_: my_drift.make\n",
    "my_agents/__init__.py": "",
    "my_agents/still.py": AGENT,
    "conf/agent/my_still.yaml": "_target_: my_agents.still.Still\n",
    "my_frozen.py": MODEL.replace("class Frozen(", "class MyFrozen("),
    "conf/world_model/my_frozen.yaml": "defaults: [/settings/myfrozen@_here_, _self_]\n"
    "_target_: my_frozen.MyFrozen\n",
}
COMMANDS = {"dyna": train, "evaluate": evaluate, "compare": compare, "diagnose": diagnose}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three members, each a module and a YAML."""
    folder = tmp_path_factory.mktemp("my members")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Runs a command within this process."""
    monkeypatch.chdir(tmp_path)

    def call(name: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        code = 0
        try:
            (keys if name == "keys" else COMMANDS[name]).main()
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capsys.readouterr()

    yield call
    HydraConfig.instance().cfg = None


MINE = ("env=my_drift", "agent=my_still", "world_model=my_frozen")
QUIET = ("pictures=false", "progress=false", "evaluations=0", "final_episodes=2")


def test_own_members_run_and_come_back(tmp_path: Path, folder: Path, command: Callable) -> None:
    path, before = f"path={folder}", list(sys.path)
    frames = ("real_frames=32", "imagined_frames=32", "batch_size=2", "env.speed=0.02")
    code, out, error = command("dyna", path, *MINE, *frames, *QUIET, "folder=a")
    assert (code, error) == (0, "")
    assert "32 real + 32 imagined frames" in out
    saved = max((tmp_path / "a" / "checkpoints").glob("*.pt"))
    code, out, error = command("evaluate", path, f"checkpoint={saved}", "episodes=2", "folder=b")
    assert (code, error) == (0, "")
    code, out, _ = command("keys", path, *MINE)
    assert "env.speed=0.01" in out
    assert "world_model.brightness=1.0" in out
    more = ("agents=[my_still]", "episodes=2", "horizons=[4]", "output=c.json")
    code, _, error = command("compare", path, "env=my_drift", *more)
    assert (code, error) == (0, "")
    assert json.loads((tmp_path / "c.json").read_text())["rows"][0]["tracker"] == "my_still"
    # Without the folder they are nobody's: a checkpoint cannot bring it along.
    assert str(folder) in (tmp_path / "a" / "config.yaml").read_text()
    with pytest.raises(ValueError, match=r"my_drift\.make is no member.*path=FOLDER"):
        restore(saved)
    assert (sys.path, FOLDERS) == (before, [])
    assert "my_drift.make" not in PLACES


def test_the_next_folder_may_use_the_same_names(tmp_path: Path, command: Callable) -> None:
    for one in ("first", "second"):
        (tmp_path / one / "conf" / "agent").mkdir(parents=True)
        code = AGENT.replace("class Still(", f"class {one.title()}(")
        (tmp_path / one / "my_agent.py").write_text(code)
        target = f"_target_: my_agent.{one.title()}\n"
        (tmp_path / one / "conf" / "agent" / f"my_{one}.yaml").write_text(target)
        code, _, error = command("keys", f"path={tmp_path / one}", f"agent=my_{one}")
        assert (code, error) == (0, "")
        assert "my_agent" not in sys.modules


def test_what_is_not_of_the_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what lies below it, as an environment may, or what has no place, as built-in ones."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "below_it.py").write_text("X = 1\n")
    (tmp_path / "of_it.py").write_text("X = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "site")
    before = set(sys.modules)
    with own_folders(["path=."]):
        for name in ("below_it", "of_it"):
            importlib.import_module(name)
    assert before <= set(sys.modules)
    assert "of_it" not in sys.modules
    assert sys.modules.pop("below_it").X == 1


def test_what_python_brings_is_no_module_of_the_folder_we_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf" / "agent").mkdir(parents=True)
    (tmp_path / "conf" / "agent" / "odd.yaml").write_text("_target_: os.system\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="os is no module of"), own_folders(["path=."]):
        pass


def test_a_study_hands_the_folder_on(folder: Path) -> None:
    with own_folders([f'path="{folder}"']):
        known = {"tiers": ["x"], "real_frames": [9], "imagined_frames": 9, "seeds": [0]}
        study = Study(name="s", arms=["my_frozen"], references={"my_still": 2}, **known)
        for job in study.jobs([f"path={folder}", "env=my_drift"]):
            assert f"path={folder}" in job.command


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is no folder"),
        ({"conf/agent/hart.yaml": "_target_: mine.X\n"}, "has the name of a member of ours"),
        ({"conf/agent/odd.yaml": "{: ["}, "cannot be read"),
        ({"conf/agent/odd.yaml": "_target_: nowhere.X\n"}, "nowhere is no module of"),
        ({"conf/agent/odd.yaml": "_target_: os.system\n"}, "os is no module of"),
        ({"conf/agent/odd.yaml": "_target_: json.X\n", "json.py": "X = 1"}, "json is no module"),
        ({"conf/agent/odd.yaml": "_target_: my_m.Y\n", "my_m.py": "X = 1"}, "what is not there"),
        (
            {"conf/agent/odd.yaml": "_target_: my_ppo.PPO\n", "my_ppo.py": "PPO = type('PPO', (), "
             "{'Settings': __import__('agents.ppo', fromlist=['x']).PPOSettings})"},
            "has the name of agents.ppo.PPO",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_folder_is_one_line(
    tmp_path: Path, command: Callable, files: dict[str, str], message: str
) -> None:
    for name, text in files.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    code, out, error = command("dyna", "path=mine")
    assert (code, out) == (2, "")
    assert message in error
    assert error.count("\n") == 1
    assert not FOLDERS
