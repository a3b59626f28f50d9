"""Every YAML composes, builds what it names, and tells a wrong key from a right one."""

import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import hydra
import pytest
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from agents.base import Agent
from conf import settings_of
from conf.members import find, targets
from dyna.running.build import make
from dyna.running.overrides import quote_paths
from dyna.running.track import arguments
from envs.settings import helps
from envs.tracking import Tracking
from envs.watching import watch
from tests import documents, footage
from tests.conftest import ROOT, agents, names
from world_models.base import WorldModel

FRAME_SHAPE = (1, 48, 48)


def compose(*overrides: str, config_name: str = "train") -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose(config_name, overrides=list(overrides))


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (group, name)
        for group in ("env", "agent", "world_model", "logger")
        for name in names(group)
    ],
)
def test_every_choice_of_a_group_composes(group: str, name: str) -> None:
    config = OmegaConf.to_container(compose(f"{group}={name}"), resolve=False)
    assert isinstance(config, dict)
    assert group in config


@pytest.mark.parametrize("name", names("experiment"))
def test_every_experiment_composes(name: str) -> None:
    assert compose(f"experiment={name}").name == name


MEMBERS = [(group, name) for group in ("env", "agent", "world_model") for name in names(group)]


def nodes(node: object) -> Iterator[DictConfig]:
    """The nodes of a config that name what they build."""
    if isinstance(node, DictConfig):
        if node.get("_target_"):
            yield node
        for key in node:
            if not OmegaConf.is_missing(node, key):
                yield from nodes(node[key])


@pytest.mark.parametrize(("group", "name"), MEMBERS)
def test_the_keys_of_a_member_are_those_of_its_settings(group: str, name: str) -> None:
    for node in nodes(compose(f"{group}={name}")[group]):
        settings = settings_of(node._target_)
        keys = {str(key) for key in node if not str(key).startswith("_")}
        if settings is None:
            assert not keys, f"{node._target_} has keys, but no Settings"
            continue
        assert keys == set(helps(settings))
        assert all(helps(settings).values()), f"{settings.__name__}: a key has no help"


@pytest.mark.parametrize(("group", "name"), MEMBERS)
def test_a_yaml_says_where_its_keys_are_declared(group: str, name: str) -> None:
    text = (ROOT / "conf" / group / f"{name}.yaml").read_text()
    for target, *_ in targets(OmegaConf.to_container(OmegaConf.create(text))):
        settings = settings_of(target)
        if settings is not None and "/settings/" in text:
            home = settings.__module__.replace(".", "/") + ".py"
            assert f"# {home}: {settings.__name__}" in text


@pytest.mark.parametrize(("group", "name"), MEMBERS)
def test_a_yaml_holds_only_what_differs(group: str, name: str) -> None:
    """A value that the YAML repeats would be a second home of the default."""
    written = OmegaConf.load(ROOT / "conf" / group / f"{name}.yaml")
    whole = compose(f"{group}={name}")[group]
    for node, own in ((whole, written), (whole and whole.get("policy"), written.get("policy"))):
        if not isinstance(node, DictConfig) or not isinstance(own, DictConfig):
            continue
        settings = settings_of(node._target_) if node.get("_target_") else None
        parents = [x for x in written.get("defaults", []) if x in names(group)]
        if settings is None or parents:  # it may well undo what its parent says
            continue
        for field in dataclasses.fields(settings):
            if field.name in own and field.default is not dataclasses.MISSING:
                assert own[field.name] != field.default, f"{field.name} is the default"


@pytest.mark.parametrize("name", names("env"))
def test_every_env_is_built(name: str, tmp_path: Path) -> None:
    if name == "video":  # the only one that cannot do without files
        footage.write_folder(tmp_path)
    more = [f"env.path={tmp_path}"] if name == "video" else []
    config = compose(f"env={name}", *more)
    env = make(config.env, split="train", batch_size=2, seed=0, device="cpu")
    assert isinstance(env, Tracking)
    # Watched, not reset: scenes that may be empty have nobody to track.
    assert watch(env.scene, 2, 1, env.rng).frame.shape == (2, 1, *env.scene.frame_shape)


@pytest.mark.parametrize("name", agents())
def test_every_agent_is_built(name: str) -> None:
    agent = make(compose(f"agent={name}").agent, frame_shape=FRAME_SHAPE, seed=0, device="cpu")
    assert isinstance(agent, Agent)


@pytest.mark.parametrize("name", names("world_model"))
def test_every_world_model_is_built(name: str) -> None:
    config = compose(f"world_model={name}").world_model
    if config is None or config.get("_target_") is None:
        return  # none: model-free
    target = find(config._target_)
    more = {}
    if getattr(target, "privileged", False):
        more["scene"] = make(
            compose().env, split="train", batch_size=1, seed=0, device="cpu"
        ).scene
    model = make(config, frame_shape=FRAME_SHAPE, **more)
    assert isinstance(model, WorldModel)


@pytest.mark.parametrize("override", ["sed=1", "env.teir=plain", "agent.nonsense=1", "agnet=hart"])
def test_an_unknown_key_fails(override: str) -> None:
    with pytest.raises(HydraException):
        compose(override)


def test_paths_need_no_quotes_of_their_own() -> None:
    """Our folders' names hold characters of Hydra's grammar."""
    path = "outputs/train/env.tier=plain,world_model=air/seed=0"
    for given in (path, f"'{path}'"):
        (override,) = quote_paths([f"checkpoint={given}"])
        assert compose(override, config_name="evaluate").checkpoint == path
    assert quote_paths(["checkpoint=a.pt", "seed=1,2"]) == ["checkpoint=a.pt", "seed=1,2"]


@pytest.mark.parametrize("command", documents.commands())
def test_every_documented_command_composes(command: str) -> None:
    words = shlex.split(command, comments=True)
    module, overrides = words[words.index("-m") + 1], words[words.index("-m") + 2 :]
    config_name = {"dyna": "train"}.get(module, module.rpartition(".")[2])
    if not (ROOT / "conf" / f"{config_name}.yaml").exists():  # no command of Hydra's
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists()
        return
    multirun = [word for word in overrides if word in {"-m", "--multirun"}]
    if module != "dyna.track":  # whose --box has a value
        overrides = [word for word in overrides if not word.startswith("-")]
    if multirun:  # a sweep: try the first of the choices
        overrides = [re.sub(r"=([^,\[]*),.*", r"=\1", word) for word in overrides]
    overrides = arguments(overrides) if module == "dyna.track" else quote_paths(overrides)
    compose(*overrides, config_name=config_name)
