"""Checkpoints from somebody else: their configs are data, and only members are made of them."""

import copy
import functools
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import pytest
from omegaconf import DictConfig, OmegaConf

from dyna.running import checkpoint, compare, evaluate, foreign, run, track
from dyna.running.build import make
from dyna.running.subject import from_checkpoint, restore

GOOD = Path(__file__).parent / "data" / "layout_1e60b67.pt"


class Bomb:
    """Unpickled, it leaves a file behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable, tuple]:
        return (Path.touch, (self.marker,))


def compose(*overrides: str, config_name: str = "evaluate") -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose(config_name, overrides=list(overrides))


def asked(path: Path) -> DictConfig:
    """As much of ``conf/evaluate.yaml`` as it takes; composing it takes longer than the rest."""
    return OmegaConf.create({"checkpoint": str(path), "device": "cpu"})


@functools.cache
def good() -> dict[str, Any]:
    """A checkpoint that is as it should be."""
    return checkpoint.load(GOOD)


def forged(tmp_path: Path, **parts: Any) -> Path:
    """A good checkpoint but for parts of its config; ``agent__policy`` is ``agent.policy``."""
    state = {**(whole := good()), "config": copy.deepcopy(whole["config"])}
    for place, part in parts.items():
        *outer, last = place.split("__")
        node = state["config"]
        for name in outer:
            node = node[name]
        node[last] = part
    path = tmp_path / "forged.pt"
    checkpoint.save(path, state)
    return path


def attacks(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Nodes that would leave ``tmp_path/marker`` behind."""
    marker = tmp_path / "marker"
    pickled = tmp_path / "pickled.npy"
    pickled.write_bytes(pickle.dumps(Bomb(marker)))
    hub = tmp_path / "hub"
    hub.mkdir()
    (hub / "hubconf.py").write_text(f"open({str(marker)!r}, 'w')\ndef model(**_): pass\n")
    code = f"open({str(marker)!r}, 'w')"
    path = {"_target_": "pathlib.Path", "_args_": [str(marker)]}
    return {
        "numpy": {"_target_": "numpy.load", "file": str(pickled), "allow_pickle": True},
        "torch": {"_target_": "torch.load", "f": str(pickled), "weights_only": False},
        "hub": {
            "_target_": "torch.hub.load",
            "repo_or_dir": str(hub),
            "source": "local",
            "model": "model",
        },
        "write": {"_target_": "pathlib.Path.write_text", "self": path, "data": "x"},
        "positional": {"_target_": "pathlib.Path.touch", "_args_": [path]},
        "system": {"_target_": "os.system", "command": f"touch {marker}"},
        "process": {"_target_": "subprocess.run", "args": ["touch", str(marker)]},
        "exec": {"_target_": "builtins.exec", "_args_": [code]},
        "eval": {"_target_": "builtins.eval", "_args_": [code]},
        "import": {"_target_": "hub.hubconf.model"},
        "borrowed": {"_target_": "dyna.running.run.os.system", "command": f"touch {marker}"},
        "logger": {
            "_target_": "dyna.running.logger.JSONL",
            "folder": str(marker),
            "config": {},
        },
        "function": {
            "_target_": "dyna.running.checkpoint.save",
            "path": {"_target_": "pathlib.Path", "_args_": [str(marker)]},
            "state": {},
        },
        "folder": {"_target_": "dyna.running.run.clear", "folder": str(marker)},
        "partial": {
            "_target_": "functools.partial",
            "_args_": [{"_target_": "os.system"}, f"touch {marker}"],
        },
    }


NAMES = (
    *("numpy", "torch", "hub", "write", "positional", "system", "process", "exec", "eval"),
    *("import", "borrowed", "logger", "function", "folder", "partial"),
)
PLACES = ("agent", "env", "world_model", "agent__policy", "agent__objective", "agent__std")


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_makes_members_alone(tmp_path: Path, name: str) -> None:
    node = attacks(tmp_path)[name]
    for place in PLACES:
        path = forged(tmp_path, **{place: node})
        with pytest.raises(ValueError, match=r"_target_=.* is no member"):
            from_checkpoint(asked(path), [])
    path = forged(tmp_path, agent__policy={**node, "_partial_": True})
    with pytest.raises(ValueError, match=r"_target_=.* is no member"):
        restore(path)
    assert not (tmp_path / "marker").exists()


def test_every_command_that_reads_checkpoints_refuses_them(tmp_path: Path) -> None:
    path = forged(tmp_path, agent__policy=attacks(tmp_path)["system"])
    given = [f"checkpoint={path}", f"folder={tmp_path / 'out'}"]
    with pytest.raises(ValueError, match="is no member"):
        evaluate.run(compose(*given), given)
    given = [f"checkpoints={{x: [{path}]}}", "agents=[]", f"output={tmp_path / 'x.json'}"]
    with pytest.raises(ValueError, match="is no member"):
        compare.run(compose(*given, config_name="compare"), given)
    with pytest.raises(ValueError, match="is no member"):
        track.choose(compose(f"checkpoint={path}", config_name="track"), 48, 48)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("key", ["_args_", "_recursive_", "_convert_"])
def test_a_node_takes_no_orders_of_hydra(tmp_path: Path, key: str) -> None:
    policy = good()["config"]["agent"]["policy"]
    with pytest.raises(ValueError, match=key):
        restore(forged(tmp_path, agent__policy={**policy, key: []}))


@pytest.mark.parametrize(
    "text", ["${oc.env:HOME}", r"\\${oc.env:HOME}", "x${told:1}", "${..scale}", "${oc.env:"]
)
@pytest.mark.parametrize("place", ["agent__policy__features", "seed", "env__tier"])
def test_nothing_is_looked_up_for_a_checkpoint(tmp_path: Path, place: str, text: str) -> None:
    said: list[str] = []
    OmegaConf.register_new_resolver("told", lambda x: said.append(x) or "easy", replace=True)
    try:
        path = forged(tmp_path, **{place: text})
        with pytest.raises(ValueError, match=rf"{place.replace('__', '[.]')}=.*\$\{{"):
            from_checkpoint(asked(path), [])
        if not place.startswith("env"):  # an agent alone needs no env
            with pytest.raises(ValueError, match=r"\$\{"):
                restore(path)
        assert not said
    finally:
        OmegaConf.clear_resolver("told")


def test_what_is_not_looked_up_can_be_given(tmp_path: Path) -> None:
    path = forged(tmp_path, env__tier="${oc.env:TIER}", name="${oc.env:HOME}")
    given = [f"checkpoint={path}", "env.tier=plain"]
    assert from_checkpoint(compose(*given), given).env.tier == "plain"
    assert "tier" not in restore(path).env


@pytest.mark.parametrize(
    "part", [None, 3, "agents.ppo.PPO", [], {"_target_": None}, {"_target_": ["os.system"]}, {}]
)
def test_a_config_of_another_shape_is_one_line(tmp_path: Path, part: Any) -> None:
    path = forged(tmp_path, agent=part)
    with pytest.raises(ValueError, match="forged"):
        restore(path)
    path = forged(tmp_path, agent__policy__features=part)
    with pytest.raises(ValueError, match=r"forged.pt|features"):
        restore(path)


@pytest.mark.parametrize("weights", [None, {}, {"policy": 3}, {"policy": {}}, []])
def test_weights_that_do_not_fit_are_one_line(tmp_path: Path, weights: Any) -> None:
    path = tmp_path / "odd.pt"
    checkpoint.save(path, {**good(), "agent": weights})
    with pytest.raises(ValueError, match="odd") as found:
        restore(path)
    assert "\n" not in str(found.value)


def started(tmp_path: Path, start: Path, *overrides: str) -> None:
    given = ["world_model=none", *overrides, f"start={start}", f"folder={tmp_path / 'run'}"]
    cfg = compose(*given, config_name="train")
    foreign.inherit(make(cfg.agent, frame_shape=(1, 48, 48), seed=0, device="cpu"), cfg)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("agent=ratm", "Supervised with HART .*Supervised with RATM"),
        ("agent=hart_ppo", r"HART \(channels=\[2, 2\].*PPO with HART \(channels=\[8, 16\]"),
        ("agent=last_box", "LastBox"),
    ],
)
def test_a_start_from_another_agent_names_both(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"start=.*{said}.*give a checkpoint") as found:
        started(tmp_path, GOOD, override)
    assert len(str(found.value)) < 700
    assert "\n" not in str(found.value)


def test_a_start_needs_weights_alone(tmp_path: Path) -> None:
    path = tmp_path / "bare.pt"
    checkpoint.save(path, {"world_model": {}})
    with pytest.raises(ValueError, match=r"bare\.pt is of nobody"):
        started(tmp_path, path, "agent=hart_ppo")


def test_a_refused_start_leaves_nothing(tmp_path: Path) -> None:
    given = ["world_model=none", "agent=last_box", f"start={GOOD}", f"folder={tmp_path / 'run'}"]
    with pytest.raises(ValueError, match="start="):
        run.run(compose(*given, config_name="train"))
    assert not (tmp_path / "run").exists()
