"""What a study runs: arms x tiers x real frames x seeds, and trackers to compare with.

Every run is a command of its own, so a study does nothing that cannot be repeated by hand. Seeds
are paired across arms: the same seed draws the same episodes.
"""

import dataclasses
import functools
import importlib.resources
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from conf import settings_of
from conf.members import names
from dyna.running.checks import check_name
from dyna.scores import results
from dyna.scores.arms import FAULT, arm, arms, expanded, faults, tracker
from envs.settings import check

OWN_KEYS = ("env.tier", "world_model", "real_frames", "imagined_frames", "seed")
"""What a study varies itself: ``study.*`` sets these."""
TAKEN = (*OWN_KEYS, "folder", "name")


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a study, or the score of a reference tracker (``arm`` is "reference").

    Attributes:
        row: What identifies it (``dyna.scores.results.KEY``).
        command: Arguments after ``python``.
        folder: Where it leaves its files.
        place: Its place in the results file.
        episodes: That a reference is scored on.
    """

    row: results.Row
    command: list[str]
    folder: Path
    place: int = 0
    episodes: int = 0

    @property
    def title(self) -> str:
        """For the progress line."""
        row = self.row
        if row["arm"] == "reference":
            return f"{row['agent']} on {row['tier']}"
        frames = f"{row['real_frames']:,} real + {row['imagined_frames']:,} imagined"
        return f"{row['arm']} on {row['tier']}, {frames}, seed {row['seed']}"

    @property
    def weight(self) -> float:
        """Guess of its cost, in frames to train on, for the remaining time."""
        if self.row["arm"] == "reference":
            return 5_000 + tracker(self.row["agent"]).cost * self.episodes
        learned = arm(self.row["arm"]).kind == "learned"
        # Those that dream in another way come later: they find a fit that they can share.
        fit = 200_000 if learned and not _dreaming(self.row["arm"]) else 0
        return 20_000 + 3 * self.row["real_frames"] + self.row["imagined_frames"] + fit


@dataclasses.dataclass(frozen=True)
class Study:
    """What to run; the ``study`` node of a config.

    Attributes:
        name: Of the experiment; runs go to ``outputs/<name>``.
        arms: Of ``conf/arms.yaml``, world models, or faults of the simulator
            (``oracle:box_jitter`` with all its levels, ``oracle:box_jitter=4``).
        tiers: Of the env.
        real_frames: One or more budgets.
        imagined_frames: Of every arm with a world model.
        seeds: Shared by all arms.
        extra: Further settings, each with its own ``arms``, ``real_frames`` and
            ``imagined_frames``; arms that are not among ``arms`` are left out.
        references: Trackers to score beside the runs, each with its number of episodes.
        overrides: Further arguments for every run.
        confidence: No more seeds are begun on a tier once every learned model is told apart from
            its rivals there, with so much confidence (`dyna.study.enough`); None: all are run.
        workers: Runs at a time.
        results: The file to write; ``outputs/<name>/results.json`` if left empty.
        publish: Whether that is ``results/<name>.json`` instead (``publish=true``).
    """

    name: str
    arms: list[str]
    tiers: list[str]
    real_frames: list[int]
    imagined_frames: int
    seeds: list[int]
    extra: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    references: dict[str, int] = dataclasses.field(default_factory=dict)
    overrides: list[str] = dataclasses.field(default_factory=list)
    confidence: float | None = None
    workers: int = 2
    results: str = ""
    publish: bool = False

    def __post_init__(self) -> None:
        _check(vars(self))

    @classmethod
    def from_config(cls, node: DictConfig, publish: bool = False) -> "Study":
        """Reads the node; ``publish`` is a key beside it.

        Raises:
            ValueError: A key is unknown or missing, or a value is out of range.
        """
        values = OmegaConf.to_container(node, resolve=True)
        if not isinstance(values, dict):
            raise ValueError(f"study must be a mapping, got {values!r}")
        given = {str(name): value for name, value in values.items() if value is not None}
        known = {field.name for field in dataclasses.fields(cls)} - {"publish"}
        unknown = sorted(set(given) - known)
        if unknown:
            raise ValueError(f"study does not know {unknown}; it knows {sorted(known)}")
        _check({**given, "publish": publish})
        try:
            return cls(**given, publish=publish)
        except TypeError as error:
            raise ValueError(f"study is not complete: {error}") from None

    @property
    def folder(self) -> Path:
        """Where the runs go."""
        return Path("outputs") / self.name

    @property
    def path(self) -> Path:
        """The results file."""
        own = self.folder / "results.json"
        return results.destination(self.results, self.publish, own, f"{self.name}.json")

    def settings(self) -> Iterator[tuple[str, int, int]]:
        """(arm, real frames, imagined frames) of every curve point, without repetition."""
        blocks = [dataclasses.asdict(self)]
        blocks += [{**blocks[0], **block} for block in self.extra]
        seen, among = set(), {one for name in self.arms for one in expanded(name)}
        for block in blocks:
            names = [one for name in block["arms"] for one in expanded(name)]
            for real, name in itertools.product(block["real_frames"], names):
                dreams = arm(name).kind != "model_free"
                setting = (name, real, block["imagined_frames"] if dreams else 0)
                if name in among and setting not in seen:
                    seen.add(setting)
                    yield setting

    def jobs(self, forwarded: Sequence[str] = ()) -> list[Job]:
        """Every run and reference, first to be started first.

        Seeds are outermost, so that what is there early is paired; within a seed the longest come
        first, so that no worker is left alone with one in the end.

        Args:
            forwarded: Arguments that the user gave beside ``experiment`` and ``study``.

        Raises:
            ValueError: One of them sets what the study varies.
        """
        for argument in forwarded:
            name = argument.lstrip("+~").split("=")[0]
            if name in TAKEN:
                raise ValueError(
                    f"{argument} would be overruled by the study: set study.* instead "
                    "(arms, tiers, real_frames, imagined_frames, seeds)"
                )
        jobs: list[Job] = []
        for tier, (agent, episodes) in itertools.product(self.tiers, self.references.items()):
            row = _row("reference", agent, tier, 0, 0, 0)
            folder = self.folder / "references" / f"{tier}_{agent}"
            given = (*self.overrides, *forwarded)
            env = [a for a in given if re.match(r"[+~]*(env[.=]|generalise=|path=)", a)]
            options = [f"env.tier={tier}", f"agent={agent}", f"episodes={episodes}", *env]
            options.append(f"folder='{folder}'")
            jobs.append(Job(row, ["-m", "dyna.evaluate", *options], folder, len(jobs), episodes))
        for seed, tier in itertools.product(self.seeds, self.tiers):
            for name, real, imagined in self.settings():
                agent = _chosen("agent", [*arm(name).overrides, *self.overrides, *forwarded])
                row = _row(name, agent, tier, real, imagined, seed)
                readable = name.replace(FAULT, "-")
                folder = self.folder / f"{tier}_{readable}_real={real}_imagined={imagined}"
                folder = folder / f"seed={seed}"
                options = [f"env.tier={tier}", *arm(name).overrides, f"real_frames={real}"]
                options += [f"imagined_frames={imagined}", f"seed={seed}"]
                if sum(_fitted(one) == _fitted(name) for one in self.arms) > 1:
                    options.append(f"fits='{self.folder / 'fits'}'")
                options += [*self.overrides, *forwarded, f"folder='{folder}'", f"name={self.name}"]
                jobs.append(Job(row, ["-m", "dyna", *options], folder, len(jobs)))
        return sorted(jobs, key=lambda job: (job.row["seed"], -job.weight))


LISTS: dict[str, tuple[type, dict[str, int]]] = {
    "arms": (str, {}),
    "tiers": (str, {}),
    "real_frames": (int, {"least": 1}),
    "seeds": (int, {"least": 0}),
}
"""What must be filled lists, of what."""
SINGLE: dict[str, tuple[type, dict[str, int]]] = {
    "imagined_frames": (int, {"least": 0}),
    "workers": (int, {"least": 1}),
    "name": (str, {}),
    "results": (str, {}),
}


def _check(given: Mapping[str, Any]) -> None:
    """Refuses what keys of a study cannot be; those that are not there are not looked at.

    Raises:
        ValueError: One is of another type, out of its range, or names what there is not.
    """
    for name in LISTS.keys() & given.keys():
        if not isinstance(given[name], list) or not given[name]:
            raise ValueError(f"study.{name} must be a filled list, got {given[name]}")
        _check_each(name, given[name], *LISTS[name])
    for name in SINGLE.keys() & given.keys():
        check(f"study.{name}", given[name], *SINGLE[name])
    for text in given.get("tiers", []):
        check_name("study.tiers", text)
    if "name" in given:
        check_name("study.name", given["name"])
    limits = {"above": 0, "below": 1}
    check("study.confidence", given.get("confidence"), float | None, limits)
    check("publish", given.get("publish", False), bool, {})
    extra, overrides = given.get("extra", []), given.get("overrides", [])
    references = given.get("references", {})
    if not isinstance(references, dict):
        raise ValueError(f"study.references={references}: give {{NAME: EPISODES}}")
    if not isinstance(extra, list) or not all(isinstance(block, dict) for block in extra):
        raise ValueError(f"study.extra={extra}: give a list of {{arms: [...], ...}}")
    if not isinstance(overrides, list):
        raise ValueError(f"study.overrides={overrides}: give a list of key=value")
    _check_each("overrides", overrides, str, {})
    _check_each("references", references.values(), int, {"least": 1})
    known = {x.name for x in arms()} | names("world_model")
    known |= {name for fault in faults().values() for name in (*fault.arms, fault.every)}
    _check_known("arms", given.get("arms", []), known)
    _check_known("references", references, names("agent"))
    for block in extra:
        _check_known("extra", block, {"arms", "real_frames", "imagined_frames"})
        _check(block)


def _check_each(name: str, given: Iterable[Any], kind: type, told: dict[str, int]) -> None:
    for item in given:
        check(f"an entry of study.{name}", item, kind, told)


def _check_known(name: str, given: Iterable[str], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        told = sorted(one for one in known if "=" not in one)  # levels of faults would fill pages
        raise ValueError(f"study.{name}: unknown {unknown}; choose of {told}")


def _dreaming(name: str) -> list[str]:
    """The overrides of an arm that only say how a fitted model dreams."""
    told = arm(name).overrides
    path = (
        importlib.resources.files("conf") / "world_model" / f"{_chosen('world_model', told)}.yaml"
    )
    if not path.is_file():  # of a folder of the user's own
        return []
    node: Any = OmegaConf.to_container(OmegaConf.create(path.read_text()))
    settings = settings_of(node["_target_"]) if node.get("_target_") else None
    keys = {f"world_model.{key}" for key in getattr(settings, "DREAMING", ())}
    return [text for text in told if text.partition("=")[0] in keys]


@functools.cache
def _fitted(name: str) -> tuple[str, ...]:
    """What arms share whose models are fitted alike: all other overrides; of others their name."""
    if arm(name).kind != "learned":
        return (name,)
    return tuple(text for text in arm(name).overrides if text not in _dreaming(name))


def _chosen(group: str, overrides: Sequence[str]) -> str:
    """The member of a group that a run with such overrides has; the last one given counts."""
    train = OmegaConf.create(importlib.resources.files("conf").joinpath("train.yaml").read_text())
    found = [str(entry[group]) for entry in train.defaults if group in entry]
    found += [text.partition("=")[2] for text in overrides if text.startswith(f"{group}=")]
    return found[-1]


def _row(name: str, agent: str, tier: str, real: int, imagined: int, seed: int) -> results.Row:
    values = (name, agent, tier, real, imagined, seed)
    return dict(zip(results.KEY, values, strict=True))
