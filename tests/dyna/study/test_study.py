"""Studies: what they run, what they keep, what they say when a run breaks."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from dyna.scores import results
from dyna.study import study
from dyna.study.plan import Job, Study
from tests.conftest import ROOT
from tests.dyna.rows import HEADER

SMALL = {
    "name": "small",
    "arms": ["none", "air"],
    "tiers": ["plain"],
    "real_frames": [1000, 4000],
    "imagined_frames": 120000,
    "seeds": [0, 1],
}


def plan(**changes: object) -> Study:
    return Study.from_config(OmegaConf.create({**SMALL, **changes}))


def test_every_setting_once_and_model_free_imagines_nothing():
    extra = [
        {"arms": ["none", "air"], "real_frames": [1000], "imagined_frames": 120000},  # known
        {"arms": ["air", "oracle"], "real_frames": [1000], "imagined_frames": 300000},
    ]
    assert sorted(plan(extra=extra).settings()) == [
        ("air", 1000, 120000),
        ("air", 1000, 300000),
        ("air", 4000, 120000),
        ("none", 1000, 0),
        ("none", 4000, 0),
    ]


def test_jobs_are_commands_paired_by_seed():
    jobs = plan(references={"kcf": 64}, overrides=["effort=0.5"]).jobs(["env.horizon=10"])
    assert len(jobs) == len({job.folder for job in jobs}) == 9
    assert [job.row["seed"] for job in jobs] == sorted(job.row["seed"] for job in jobs)
    by_seed = [{results.key(j.row)[:-1] for j in jobs if j.row["seed"] == s} for s in (0, 1)]
    assert by_seed[0] - by_seed[1] == {("reference", "kcf", "plain", 0, 0)}
    first = jobs[0]
    assert first.row["arm"] == "air"  # the longest is not left for the end
    assert first.command[:3] == ["-m", "dyna", "env.tier=plain"]
    assert {"world_model=air", "effort=0.5", "env.horizon=10", "seed=0"} <= set(first.command)
    kcf = next(job for job in jobs if job.row["agent"] == "kcf")
    assert {"agent=kcf", "episodes=64", "env.horizon=10"} <= set(kcf.command)
    assert "effort=0.5" not in kcf.command


def test_variants_share_the_fits_of_what_they_are_variants_of():
    jobs = plan(arms=["air_black", "air", "none", "vae_rnn", "oracle"], seeds=[0]).jobs()
    sharing = {job.row["arm"] for job in jobs if "fits='outputs/small/fits'" in job.command}
    assert sharing == {"air", "air_black"}
    order = [job.row["arm"] for job in jobs if job.row["real_frames"] == 1000]
    assert order.index("air") < order.index("air_black"), "the fit is there by then"
    assert not any("fits=" in text for job in plan().jobs() for text in job.command)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"arms": []}, "study.arms"),
        ({"seeds": 3}, "seeds"),
        ({"workers": 0}, "study.workers"),
        ({"confidence": 1.0}, "study.confidence must be below 1, got 1.0"),
        ({"arms": ["foo"]}, "study.arms.*foo.*air"),
        ({"references": {"foo": 1}}, "study.references.*foo.*kcf"),
        ({"imagined_frames": -1}, "imagined_frames"),
        ({"imagined_frames": "many"}, "study.imagined_frames=many is not a whole number"),
        ({"real_frames": [0]}, "an entry of study.real_frames must be at least 1"),
        ({"seeds": [0.5]}, "an entry of study.seeds=0.5 is not a whole number"),
        ({"references": [3]}, "study.references"),
        ({"extra": [{"arm": 3}]}, "study.extra: unknown"),
        ({"extra": [{"arms": "air"}]}, "study.arms must be a filled list"),
        ({"sedes": [0]}, "sedes"),
        ({"name": None}, "name"),
    ],
)
def test_bad_studies_are_refused(changes, named):
    with pytest.raises(ValueError, match=named):
        plan(**changes)


@pytest.mark.parametrize("argument", ["seed=3", "world_model=air", "+real_frames=7", "folder=x"])
def test_what_the_study_varies_is_not_overruled_in_silence(argument):
    with pytest.raises(ValueError, match="study"):
        plan().jobs([argument])


RUN = """
import json, pathlib, sys
folder, count = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1]) / "count"
count.write_text(count.read_text() + "x" if count.exists() else "x")
if sys.argv[2] == "break":
    raise ValueError("the disk is full")
rows = [{"real_frames": n, "imagined_frames": 0, "agent_frames": n, "eval/iou": n / 1000,
         "world_model/elbo": 7.0, "speed/fps": 1.0, "time/cpu_seconds": 2.5} for n in (300, 600)]
(folder / "metrics.jsonl").write_text("".join(json.dumps(row) + chr(10) for row in rows))
"""


def job(folder: Path, arm: str, how: str = "work", place: int = 0) -> Job:
    values = (arm, "hart", "plain", 600, 0, 0)
    row = dict(zip(results.KEY, values, strict=True))
    return Job(row, ["-c", RUN, str(folder), how], folder, place)


def gather(tmp_path: Path, jobs: list[Job]) -> dict[str, results.Row]:
    rows = study.Rows(tmp_path / "x.json", HEADER, jobs)
    study.run_all(jobs, 2, rows)
    return {row["arm"]: row for row in results.read(tmp_path / "x.json")["rows"]}


def test_rows_of_good_and_broken_runs(tmp_path, capsys):
    jobs = [job(tmp_path / "b", "rigid", "break", 1), job(tmp_path / "a", "none", place=0)]
    rows = gather(tmp_path, jobs)
    assert list(rows) == ["none", "rigid"]  # as planned, not as they ended
    good, bad = rows["none"], rows["rigid"]
    assert (good["status"], good["iou"], good["cpu_seconds"]) == ("ok", 0.6, 2.5)
    assert good["world_model/elbo"] == 7.0
    assert "speed/fps" not in good
    assert good["curve"] == {
        "real_frames": [300, 600], "agent_frames": [300, 600], "iou": [0.3, 0.6]
    }  # fmt: skip
    assert bad["status"] == "failed"
    assert bad["error"].startswith("ValueError: the disk is full")
    printed = capsys.readouterr().out
    assert "FAILED: ValueError: the disk is full" in printed
    assert "IoU 0.600" in printed


def test_what_the_seeds_before_decided_is_not_run(tmp_path, monkeypatch, capsys):
    jobs = [job(tmp_path / "a", "none"), job(tmp_path / "b", "rigid")]
    monkeypatch.setattr(study, "needless", lambda one, *told: one.row["arm"] == "rigid")
    rows = study.Rows(tmp_path / "x.json", HEADER, jobs)
    study.run_all(jobs, 2, rows, 0.95)
    assert [row["arm"] for row in rows.planned()] == ["none"]
    assert not (tmp_path / "b").exists()
    assert "seed 0: not run, decided by the seeds before" in capsys.readouterr().out


def test_finished_runs_are_not_repeated_and_broken_ones_are(tmp_path):
    jobs = [job(tmp_path / "a", "none"), job(tmp_path / "b", "rigid", "break")]
    first = gather(tmp_path, jobs)
    assert gather(tmp_path, jobs) == first
    assert (tmp_path / "a" / "count").read_text() == "x"
    assert (tmp_path / "b" / "count").read_text() == "xx"
    changed = [Job(j.row, [*j.command, "more"], j.folder) for j in jobs]
    gather(tmp_path, changed)
    assert (tmp_path / "a" / "count").read_text() == "xx"


def test_rows_of_other_runs_stay(tmp_path):
    gather(tmp_path, [job(tmp_path / "a", "none")])
    later = {**HEADER, "command": "another"}
    for _ in range(2):  # the second time nothing is new
        jobs = [job(tmp_path / "b", "rigid")]
        study.run_all(jobs, 2, study.Rows(tmp_path / "x.json", later, jobs))
    found = results.read(tmp_path / "x.json")
    assert [row["arm"] for row in found["rows"]] == ["rigid", "none"]
    assert found["command"] == f"{HEADER['command']} && another", "all that made it are named"


def test_runs_have_one_thread(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    script = "import os; raise ValueError(os.environ['OMP_NUM_THREADS'])"
    broken = Job(job(tmp_path, "none").row, ["-c", script], tmp_path / "a")
    assert gather(tmp_path, [broken])["none"]["error"].startswith("ValueError: 1 ")
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_metrics_that_a_kill_cut_off_are_left_out(tmp_path):
    whole = json.dumps({"agent_frames": 1, "eval/iou": 0.5})
    (tmp_path / "metrics.jsonl").write_text(f"{whole}\n{whole[:9]}")
    assert len(results.read_metrics(tmp_path)) == 1
    assert results.read_metrics(tmp_path / "nowhere") == []


def test_provenance_names_code_and_machine():
    found = results.provenance("python -m dyna")
    assert found["command"] == "python -m dyna"
    assert found["packages"]["torch"]
    assert found["machine"]["cores"] == os.cpu_count()
    assert found["machine"]["python"] == ".".join(map(str, sys.version_info[:3]))


STUDY = """
import pathlib, sys
from dyna.study import study
from dyna.study.plan import Job
folder = pathlib.Path(sys.argv[1])
script = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
job = Job(dict.fromkeys(study.results.KEY, 0) | {"arm": "none"}, ["-c", script], folder / "a")
study.run_all([job], 1, study.Rows(folder / "x.json", {}, [job]))
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_run_outlives_its_study(tmp_path, number):
    parent = subprocess.Popen([sys.executable, "-c", STUDY, str(tmp_path)], cwd=ROOT)
    log = tmp_path / "a" / "output.txt"
    for _ in range(600):
        if log.exists() and log.read_text().strip():
            break
        time.sleep(0.1)
    child = int(log.read_text())
    assert is_running(child)
    parent.send_signal(number)
    parent.wait(30)
    for _ in range(100):
        if not is_running(child):
            break
        time.sleep(0.1)
    assert not is_running(child)


def test_rows_are_named_after_the_agent_that_ran(tmp_path):
    study = Study("x", ["none", "air"], ["plain"], [100], 200, [0], overrides=["agent=hart_full"])
    assert {job.row["agent"] for job in study.jobs()} == {"hart_full"}
    assert {job.row["agent"] for job in study.jobs(["agent=ratm"])} == {"ratm"}
    assert all("world_model=" + job.row["arm"] in job.command for job in study.jobs())


def test_a_study_is_published_only_where_asked():
    assert plan().path == Path("outputs/small/results.json")
    assert plan(results="mine.json").path == Path("mine.json")
    config = OmegaConf.create(SMALL)
    assert Study.from_config(config, publish=True).path == Path("results/small.json")
    with pytest.raises(ValueError, match="study does not know"):
        plan(publish=True)


def test_references_meet_the_same_env_as_the_runs():
    study = Study("x", ["none"], ["shapes"], [100], 200, [0], references={"ncc": 8})
    jobs = study.jobs(["env=shapes", "env.horizon=30"])
    assert all({"env=shapes", "env.horizon=30"} <= set(job.command) for job in jobs)
    jobs = dataclasses.replace(study, overrides=["env=shapes", "effort=0.5"]).jobs()
    assert all("env=shapes" in job.command for job in jobs)
