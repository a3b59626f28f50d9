"""Runs that would fit the same world model share it, and end with the numbers of their own fit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from agents.last_box import LastBox
from dyna.loop.rollout import rollout
from dyna.loop.sharing import Fits
from dyna.running.run import run
from envs.digits import make
from envs.trajectory import Trajectory
from tests.dyna.loop.runs import rows, tiny, weights
from world_models.air.settings import AIRSettings
from world_models.rigid import Rigid

TINY_AIR = ["world_model=air", "real_frames=200", "effort=0.02", "imagined_frames=80"]
DARK = "world_model.behind=black"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two that share a fit, and one that has its own."""
    folder = tmp_path_factory.mktemp("runs")
    shared = f"fits={folder / 'fits'}"
    run(tiny(folder / "first", *TINY_AIR, shared))
    run(tiny(folder / "second", *TINY_AIR, shared, DARK))
    run(tiny(folder / "alone", *TINY_AIR, DARK))
    return folder


def _summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


def test_a_shared_fit_ends_with_the_numbers_of_an_own_one(runs: Path) -> None:
    assert len(list((runs / "fits").iterdir())) == 1
    assert rows(runs / "second") == rows(runs / "alone")
    ours, theirs = weights(runs / "second"), weights(runs / "alone")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_seconds_of_another_run_are_counted_once(runs: Path) -> None:
    first, second = _summary(runs / "first"), _summary(runs / "second")
    assert "time/shared_cpu" not in first
    spent = second["time/shared_cpu"]
    assert 0 < spent <= first["time/fit_cpu"]
    assert second["time/cpu_seconds"] > spent
    (runs / "second" / "summary.json").unlink()
    shared = f"fits={runs / 'fits'}"
    again = run(tiny(runs / "second", *TINY_AIR, shared, DARK))
    assert again["time/shared_cpu"] == spent
    assert again["time/cpu_seconds"] < second["time/cpu_seconds"] + 0.9 * spent


@pytest.fixture(scope="module")
def real() -> Trajectory:
    return rollout(make(tier="plain", batch_size=4, horizon=6), LastBox()).without_truth()


class Small(Rigid):
    """A model that is soon fitted, with settings of its own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__((1, 48, 48))
        self.settings = AIRSettings(**settings)


def test_a_fit_is_another_where_anything_that_decides_it_is(
    tmp_path: Path, real: Trajectory
) -> None:
    def kept(seed: int = 0, effort: float = 1.0, first: int = 0, **settings: Any) -> int:
        rng = torch.Generator().manual_seed(seed)
        Fits(tmp_path).fit(Small(**settings), real[first:], rng, effort)
        return len(list(tmp_path.iterdir()))

    assert kept() == 1
    for same in ({"recombine": False}, {"behind": "mean"}, {"more_objects": 2, "most_objects": 3}):
        assert kept(**same) == 1
    changed: list[dict[str, Any]] = [{"seed": 1}, {"effort": 0.5}, {"first": 1}]
    for number, other in enumerate([*changed, {"motion_steps": 1}, {"looks": "frozen"}], 2):
        assert kept(**other) == number


def test_a_model_without_settings_is_not_shared(tmp_path: Path, real: Trajectory) -> None:
    """What its fit depends on is not known."""
    Fits(tmp_path).fit(Rigid((1, 48, 48)), real, torch.Generator(), 1.0)
    assert not list(tmp_path.iterdir())


def test_damage_is_mended_and_what_cannot_be_written_costs_nothing(
    tmp_path: Path, real: Trajectory
) -> None:
    def fit(folder: Path) -> Small:
        model = Small()
        Fits(folder).fit(model, real, torch.Generator().manual_seed(0), 1.0)
        return model

    fit(tmp_path / "fits")
    [kept] = (tmp_path / "fits").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match="is damaged .* fitted anew"):
        fit(tmp_path / "fits")
    assert len(kept.read_bytes()) == len(whole)
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="was not written"):
        model = fit(tmp_path / "file" / "fits")
    assert model.start(2, torch.Generator()) is not None
