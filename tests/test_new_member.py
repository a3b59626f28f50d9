"""A scene, an agent and a world model are one module and one YAML each, and nothing else."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PACKAGES, ROOT

SCENE = '''
"""A bright square that drifts."""
import dataclasses
import torch
from envs.scene import Scene, View
from envs.settings import Settings, configured_by, setting
from envs.tracking import Tracking

@dataclasses.dataclass(frozen=True)
class DriftSettings(Settings):
    """What can be set."""
    speed: float = setting(0.01, "share of the frame per step", least=0)
    horizon: int = setting(8, "frames per episode", least=2)

class Drift(Scene):
    """One square."""
    frame_shape = (1, 48, 48)
    num_slots = 1
    def __init__(self, speed): self.speed = speed
    def reset(self, batch_size, rng):
        self.x = 0.3 + 0.2 * torch.rand(batch_size, generator=rng)
        return self.view()
    def advance(self, rng, camera=None):
        self.x = self.x + self.speed
        return self.view()
    def view(self):
        box = torch.stack([self.x, *[torch.full_like(self.x, v) for v in (0.5, 0.2, 0.2)]], -1)
        place = (torch.arange(48) + 0.5) / 48
        wide = ((place - self.x[:, None]).abs() < 0.1)[:, None, None, :]
        high = ((place - 0.5).abs() < 0.1)[None, None, :, None]
        ones = torch.ones(len(self.x), 1)
        return View((200 * wide * high).byte(), box[:, None], ones, torch.zeros_like(ones).long())

@configured_by(DriftSettings)
def make(split="train", batch_size=1, seed=0, device="cpu", **settings):
    """The task."""
    chosen = DriftSettings(**settings)
    return Tracking(Drift(chosen.speed), batch_size, horizon=chosen.horizon, seed=seed)
'''
AGENT = '''
"""Stays where it is."""
import torch
from agents.base import Agent

class Still(Agent):
    """Never moves its box."""
    def __init__(self, frame_shape, seed=0, device="cpu"): pass
    def initial(self, obs): return None
    def act(self, obs, state, explore=False): return torch.zeros_like(obs.box), state, {}
'''
MODEL = '''
"""Dreams that the first frames stand still."""
import dataclasses
from typing import Any
import torch
from envs.scene import View
from envs.settings import Settings, setting
from world_models.base import WorldModel

@dataclasses.dataclass(frozen=True)
class FrozenSettings(Settings):
    """What can be set."""
    brightness: float = setting(1.0, "of dreams", above=0)

class Frozen(WorldModel[Any]):
    """Nothing moves."""
    Settings = FrozenSettings
    num_slots = 1
    def __init__(self, frame_shape, **settings):
        super().__init__()
        self.frame_shape, self.settings = frame_shape, FrozenSettings(**settings)
    def fit(self, real, rng, effort=1.0):
        self.frame, self.box = real.frame[:, 0], real.box[:, :1]
        return {"episodes": float(len(self.box))}
    def start(self, batch_size, rng):
        return torch.randint(len(self.box), (batch_size,), generator=rng)
    def prior(self, state, rng, camera=None): return state
    def decode(self, state):
        ones = torch.ones(len(state), 1)
        return View(self.frame[state], self.box[state], ones, torch.zeros_like(ones).long())
'''
FILES = {
    "envs/drift.py": SCENE,
    "conf/env/drift.yaml": "defaults: [/settings/drift@_here_, _self_]\n"
    "_target_: envs.drift.make\n",
    "agents/still.py": AGENT,
    "conf/agent/still.yaml": "_target_: agents.still.Still\n",
    "world_models/frozen.py": MODEL,
    "conf/world_model/frozen.yaml": "defaults: [/settings/frozen@_here_, _self_]\n"
    "_target_: world_models.frozen.Frozen\n",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The packages and the three new members, each a module and a YAML."""
    for package in (*PACKAGES, "conf"):
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def python(checkout: Path, *arguments: str) -> str:
    """What a command of that checkout prints."""
    command = [sys.executable, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_new_members_run_without_a_change_elsewhere(checkout: Path) -> None:
    chosen = ("env=drift", "agent=still", "world_model=frozen", "env.speed=0.02")
    small = ("real_frames=64", "imagined_frames=64", "evaluations=0", "final_episodes=4")
    quiet = ("pictures=false", "progress=false", "folder=outputs/x")
    printed = python(checkout, "-m", "dyna", *chosen, *small, *quiet)
    assert "64 real + 64 imagined frames" in printed
    shown = python(checkout, "-m", "dyna.keys", *chosen)
    assert "env.speed=0.02" in shown
    assert "world_model.brightness=1.0" in shown
    lint = "from importlinter.cli import lint_imports_command as run; run(['--no-cache'])"
    assert "0 broken" in python(checkout, "-c", lint)


MADE_OF = {"joint": {"supervised"}}
"""Members that are others put together."""


@pytest.mark.parametrize("package", ["agents", "world_models"])
def test_no_member_knows_another(package: str) -> None:
    """Listed in the contracts of setup.cfg or not: members are what YAMLs name."""
    group = package.removesuffix("s")
    texts = [path.read_text() for path in (ROOT / "conf" / group).glob("*.yaml")]
    words = {word.strip() for text in texts for word in text.split()}
    members = {word.split(".")[1] for word in words if word.startswith(f"{package}.")}
    assert len(members) > 4
    for member in members:
        others = members - {member} - MADE_OF.get(member, set())
        place = ROOT / package / member
        files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
        for path in files:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package):
                    names = [f"{node.module}.{alias.name}".split(".")[1] for alias in node.names]
                    assert not {*names} & others, f"{path} imports {names}"
