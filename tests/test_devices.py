"""Everything runs on CUDA: tried on a stand-in (`tests.other_device`), and by reading the source.

What really needs a device is marked ``gpu`` (`tests/dyna/loop/test_learning.py`).
"""

import ast
from collections.abc import Iterator
from typing import Any

import hydra
import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from agents.random_actions import RandomActions
from dyna.diagnosis.measure import diagnose
from dyna.loop.imagination import Imagination
from dyna.loop.rollout import rollout
from dyna.running.build import build, make
from envs.scene import restore
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from tests.conftest import PACKAGES, ROOT, agents, names
from tests.other_device import DEVICE, Moved, back, move, pretended
from tests.usual import USUAL
from world_models.air.choices.choose import choose
from world_models.air.choices.motion import choose_relation
from world_models.air.motion.learning import Tracks
from world_models.air.settings import AIRChoices, AIRSettings
from world_models.base import WorldModel

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
DRAWS = {"rand", "randn", "randint", "randperm", "normal"}
MAKERS = {"zeros", "ones", "empty", "full", "arange", "tensor", "eye", "linspace", *DRAWS}
ON_THE_CPU = ("__init__", "noise_table", "enlarger")
"""Made once, and moved with the module."""


def compose(group: str, name: str, *more: str) -> Any:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose(overrides=[f"+{group}={name}", *more])[group]


@pytest.fixture(autouse=True)
def _pretend(request: pytest.FixtureRequest) -> Iterator[None]:
    """A device, in the tests that ask for one."""
    if "here" in request.keywords:
        yield
        return
    with pretended():
        yield


TINY = {
    "vae_rnn": ("steps=1", "width=2", "batch=1", "latent=4"),
    "linear": ("steps=1", "width=2", "batch=1", "latent=4"),
    "air": ("num_slots=2",),
    "relabel": ("num_slots=2",),
}
CAMERA = "keep_background=false camera=inferred canvas=true margin=12 transition=kalman"
VARIANTS = {
    "air camera": ("active", f"num_slots=2 typical_side=22.0 window=34.0 {CAMERA}"),
    "air laws": (
        "plain",
        "num_slots=2 relation=pairwise transition=linear background=free anisotropic=true",
    ),
    "air bars": ("plain", "num_slots=2 background=smooth occluders=true canvas=true"),
}


def world_model(name: str) -> tuple[WorldModel, Tracking]:
    """A small world model on the device, and the task that it is to learn."""
    tier, more = VARIANTS.get(name, ("plain", " ".join(TINY.get(name, ()))))
    name = name.split()[0]
    learns_to_see = name in ("air", "relabel")
    if learns_to_see:  # what it would choose is looked at below
        more = " ".join([*(f"{key}={value}" for key, value in USUAL.items()), more])
    task: dict[str, Any] = {"split": "train", "batch_size": 2, "horizon": 4, "device": "cuda"}
    env = make(compose("env", "digits", f"++env.tier={tier}"), **task)
    config = compose("world_model", name, *(f"++world_model.{pair}" for pair in more.split()))
    extra = {"scene": env.scene} if name == "oracle" else {}
    model = make(config, frame_shape=env.scene.frame_shape, **extra).to("cuda")
    if learns_to_see:  # so few steps find nothing by themselves
        scene = (model.air if name == "relabel" else model).scene
        scene.what_encoder[-1].bias.data[-1] = 5.0
        scene.what_decoder[-1].bias.data[-256:] = 2.0
    return model, env


def test_air_chooses_on_the_device() -> None:
    task: dict[str, Any] = {"split": "train", "batch_size": 4, "horizon": 8, "device": "cuda"}
    env = make(compose("env", "digits", "++env.tier=pan"), **task)
    real = rollout(env, RandomActions(device="cuda")).without_truth()
    assert choose(AIRSettings(), real).typical_side > 10
    path = torch.rand(4, 8, 2, 3, device="cuda")
    present = torch.ones(4, 8, 2, dtype=torch.bool, device="cuda")
    tracks = Tracks(path, path[:, :, 0, :2], present, present.long(), present.float())
    assert choose_relation(AIRSettings(), AIRChoices(), tracks)[0].relation == "none"


def dream(model: WorldModel, device: str) -> Trajectory:
    env = Tracking(Imagination(model), 2, horizon=2, camera_speed=0.1, device=device)
    return rollout(env, RandomActions(device=device))


@pytest.mark.parametrize("name", [n for n in names("world_model") if n != "none"] + [*VARIANTS])
@pytest.mark.filterwarnings("ignore:targets are up to")
def test_world_models_fit_dream_and_come_back_on_either_device(name: str) -> None:
    if name == "air_stills":
        pytest.skip("single images, of env=stills alone; the same class as air")
    model, env = world_model(name)
    real = rollout(env, RandomActions(device="cuda"))
    model.fit(real.without_truth(), torch.Generator("cuda").manual_seed(0), effort=1e-6)
    assert isinstance(dream(model, "cuda").frame, Moved)
    if model.sees:
        diagnose(model, real)
    saved = tree_map_only(Tensor, back, dict(model.state_dict()))  # as a checkpoint is read
    other, _ = world_model(name)
    other.load_state_dict(saved)
    assert isinstance(dream(other, "cuda").frame, Moved)


@pytest.mark.parametrize("name", agents())
def test_agents_act_learn_and_come_back_on_either_device(name: str) -> None:
    env = make(compose("env", "digits"), split="train", batch_size=2, horizon=3, device="cuda")
    given = {"frame_shape": env.scene.frame_shape, "seed": 0}
    agent = make(compose("agent", name), **given, device="cuda")
    trajectory = rollout(env, agent)
    if agent.supervised:
        trajectory = Trajectory(**{**vars(trajectory), "labels": trajectory.truth.labels})
    agent.update(trajectory, 0.5)
    saved = tree_map_only(Tensor, back, agent.state_dict())
    for device in ("cuda", "cpu"):
        other = make(compose("agent", name), **given, device=device)
        other.load_state_dict(saved)
        task = {"split": "train", "batch_size": 2, "horizon": 2, "device": device}
        rollout(make(compose("env", "digits"), **task), other)
        assert rollout(env, agent, 2).action.device == DEVICE


@pytest.mark.parametrize("env", ["digits", "shapes", "collage"])
def test_a_run_goes_on_where_its_checkpoint_was(env: str) -> None:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        small = ("real_frames=12", "imagined_frames=6", "batch_size=2", "seed=3")
        chosen = ("agent=random_actions", "world_model=cut_paste", f"env={env}", "env.horizon=3")
        cfg = hydra.compose("train", overrides=[*small, *chosen, "device=cuda"])
    whole, rows = build(cfg), []
    for row in whole.steps():
        rows.append(row)
        if len(rows) == 1:
            saved = tree_map_only(Tensor, back, whole.state_dict())
    again = build(cfg)
    again.load_state_dict(saved)
    assert list(again.steps()) == rows[1:]


@pytest.mark.here
def test_a_generator_takes_a_state_of_its_own_kind_and_is_seeded_by_another() -> None:
    rng, other = torch.Generator().manual_seed(1), torch.Generator()
    restore(other, rng.get_state())
    assert torch.equal(torch.rand(4, generator=rng), torch.rand(4, generator=other))
    drawn = []
    for offset in (0, 4, 0):  # of CUDA: seed and offset, eight bytes each
        restore(rng, torch.tensor([7] + [0] * 7 + [offset] + [0] * 7, dtype=torch.uint8))
        drawn.append(torch.rand(4, generator=rng))
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])


def calls(path: Any) -> Iterator[tuple[str, ast.Call, str]]:
    """Every call of a file: the function or name that it stands in, it, and what is called."""

    def visit(node: ast.AST, inside: str) -> Iterator[tuple[str, ast.Call, str]]:
        if isinstance(node, ast.FunctionDef):
            inside = node.name
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and not inside:
            inside = node.targets[0].id
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield inside, node, ast.unparse(node.func)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    return visit(ast.parse(path.read_text()), "")


@pytest.mark.here
def test_what_a_generator_draws_is_drawn_where_it_lives() -> None:
    for path in SOURCES:
        for inside, call, name in calls(path):
            given = {keyword.arg for keyword in call.keywords}
            drawn = name in {f"torch.{draw}" for draw in DRAWS}
            if drawn and "generator" in given and inside not in ON_THE_CPU:
                local = path.name == "textures.py"  # a bank drawn once on the CPU, then moved
                assert "device" in given or local, f"{path}:{call.lineno}: give {name} a device"


@pytest.mark.here
def test_what_meets_tensors_of_a_device_is_made_there() -> None:
    for path in SOURCES:
        if path.parts[len(ROOT.parts)] not in ("agents", "world_models") or "opencv" in path.parts:
            continue  # what OpenCV sees has left the device
        for inside, call, name in calls(path):
            made = name in {f"torch.{maker}" for maker in MAKERS}
            if made and not {k.arg for k in call.keywords} & {"device"}:
                assert inside in ON_THE_CPU, f"{path}:{call.lineno}: give {name} a device"


@pytest.mark.here
def test_tensors_come_to_the_cpu_before_they_become_arrays() -> None:
    for path in SOURCES:
        for _, call, name in calls(path):
            if name.endswith(".numpy") and path.name != "digit_files.py":
                assert ".cpu()" in name, f"{path}:{call.lineno}: {name} lacks .cpu()"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, rng: x + torch.zeros(3),
        lambda x, rng: torch.cat([x, torch.zeros(3)]),
        lambda x, rng: torch.rand(3, generator=rng),
        lambda x, rng: torch.rand(3, generator=torch.Generator(), device=x.device),
        lambda x, rng: x.median(0).values,
        lambda x, rng: x.cumsum(0),
        lambda x, rng: x.numpy(),
        lambda x, rng: torch.zeros(3)[x.long()],
    ],
)
def test_the_stand_in_refuses_what_cuda_refuses(wrong: Any) -> None:
    rng = torch.Generator("cuda").manual_seed(0)
    with pytest.raises((RuntimeError, TypeError)):
        wrong(move(torch.ones(3)), rng)
