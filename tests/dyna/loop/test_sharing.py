"""Runs that would fit the same world model share it, and end with the numbers of their own fit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from agents.last_box import LastBox
from dyna.loop import sharing
from dyna.loop.rollout import rollout
from dyna.loop.sharing import Fits
from dyna.running.run import run
from envs.digits import make
from envs.trajectory import Trajectory
from tests.dyna.loop.runs import rows, tiny, weights
from world_models.air.model import AIR
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
    assert spent == pytest.approx(first["time/fit_cpu"], rel=0.3)
    assert second["time/cpu_seconds"] > spent > 2 * second["time/fit_cpu"]
    (runs / "second" / "summary.json").unlink()
    shared = f"fits={runs / 'fits'}"
    again = run(tiny(runs / "second", *TINY_AIR, shared, DARK))
    assert again["time/shared_cpu"] == spent
    assert again["time/cpu_seconds"] < second["time/cpu_seconds"] + 0.9 * spent


@pytest.fixture(scope="module")
def real() -> Trajectory:
    return rollout(make(tier="plain", batch_size=4, horizon=6), LastBox()).without_truth()


def test_a_fit_is_another_where_anything_that_decides_it_is(real: Trajectory) -> None:
    def key(seed: int = 0, effort: float = 1.0, first: int = 0, **settings: Any) -> str:
        torch.manual_seed(0)
        model = AIR((1, 48, 48), **settings)
        return sharing._key(model, real[first:], torch.Generator().manual_seed(seed), effort)

    with torch.random.fork_rng():
        same = key()
        assert same == key(recombine=False) == key(behind="mean") == key(more_objects=2)
        assert same == key(most_objects=1)
        changed = [key(seed=1), key(effort=0.5), key(first=1), key(motion_steps=1)]
        assert len({same, *changed}) == 5


def test_damage_is_mended_and_what_cannot_be_written_costs_nothing(
    tmp_path: Path, real: Trajectory
) -> None:
    def fit(folder: Path) -> Rigid:
        model = Rigid((1, 48, 48))
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
