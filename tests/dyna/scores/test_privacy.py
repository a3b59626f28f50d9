"""What may be written of configs and commands."""

import shlex

import pytest
from omegaconf import OmegaConf

from dyna.scores import results
from dyna.scores.privacy import masked, writable


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"MY_API_KEY": "hunter22", "DATA": "/data/mine", "KEYBOARD": "qwerty-us", "TOKEN": "1"}
    for name, value in known.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("python -m dyna seed=1", "python -m dyna seed=1"),
        ("logger.tags=[a,hunter22]", "logger.tags=[a,${oc.env:MY_API_KEY}]"),
        ("+wandb.api_key=abc seed=1", "+wandb.api_key=*** seed=1"),
        ('secret="a b" x=1', "secret=*** x=1"),
        ("tokens=${oc.env:TOKEN}", "tokens=${oc.env:TOKEN}"),
        ("env.path=/data/mine", "env.path=/data/mine"),
        ("monkey=qwerty-us", "monkey=qwerty-us"),
    ],
)
def test_a_command_keeps_its_secrets(text: str, written: str) -> None:
    assert masked(text) == written
    found = results.provenance(text)["command"]
    assert shlex.split(found) == shlex.split(written)
    assert results.clean({"rows": [{"error": text}]}) == {"rows": [{"error": written}]}


def test_a_secret_with_blanks_is_left_out_whole() -> None:
    command = shlex.join(["python", "+password=a b", "x=c d"])
    assert results.provenance(command)["command"] == "python '+password=***' 'x=c d'"


def test_a_config_is_resolved_but_for_the_environment() -> None:
    cfg = OmegaConf.create(
        {
            "name": "${oc.env:DATA}",
            "folder": "outputs/${name}/${seed}",
            "seed": 3,
            "twice": ["${.0}", "${seed}"][1:],
            "default": "${oc.env:NOWHERE,x}",
            "number": "${oc.decode:${oc.env:TOKEN}}",
            "api_key": "abc",
            "tags": ["hunter22"],
            "none": None,
        }
    )
    assert writable(cfg) == {
        "name": "${oc.env:DATA}",
        "folder": "outputs/${oc.env:DATA}/3",
        "seed": 3,
        "twice": [3],
        "default": "${oc.env:NOWHERE,x}",
        "number": "${oc.env:TOKEN}",
        "api_key": "***",
        "tags": ["${oc.env:MY_API_KEY}"],
        "none": None,
    }
    assert cfg.folder == "outputs//data/mine/3"  # who works with it still gets the value
    assert OmegaConf.to_container(cfg, resolve=True)["number"] == 1  # type: ignore[index,call-overload]


def test_what_a_number_needs_stays_as_it_is() -> None:
    cfg = OmegaConf.structured(results_of := OmegaConf.create({"seed": 1}))
    cfg = OmegaConf.create({"x": "${oc.decode:'a${oc.env:TOKEN}['}", "y": results_of, "z": cfg})
    assert writable(cfg)["x"] == "${oc.decode:'a${oc.env:TOKEN}['}"
