"""The command that measures world models on their own."""

import json
from pathlib import Path

import hydra
import pytest
from omegaconf import DictConfig

from dyna import probe


def compose(*overrides: str) -> DictConfig:
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose("diagnose", overrides=list(overrides))


def test_no_episodes_are_refused() -> None:
    with pytest.raises(ValueError, match="episodes=0"):
        probe.run(compose("episodes=0"), [])


def test_models_that_cannot_see_are_refused() -> None:
    with pytest.raises(ValueError, match="choose world_model=air"):
        probe.run(compose("world_model=rigid"), [])


def test_figures_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "figures.json"
    small = {"background": 60, "static": 60, "sequence": 2, "motion": 5}
    steps = [f"world_model.{stage}_steps={number}" for stage, number in small.items()]
    config = compose("episodes=20", "test_episodes=10", "seeds=[3]", f"output={output}", *steps)
    probe.run(config, ["seeds=[3]"])
    document = json.loads(output.read_text())
    (row,) = document["rows"]
    assert row["seed"] == 3
    assert 0 < row["box_iou"] < 1
    assert document["command"] == "python -m dyna.diagnose 'seeds=[3]'"
    assert f"box IoU {row['box_iou']:.3f}" in capsys.readouterr().out
