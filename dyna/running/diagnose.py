"""Trains world models from scratch and measures them: from a config to a results file."""

import dataclasses
import shlex
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from conf.members import find
from dyna.diagnosis.beside import EPISODES, beside, with_whole_truth
from dyna.diagnosis.extrapolation import camera_path
from dyna.diagnosis.measure import diagnose
from dyna.diagnosis.protocol import Protocol
from dyna.diagnosis.simulator import foresee
from dyna.evaluation.heldout import SEED
from dyna.loop import seeding
from dyna.loop.rollout import rollout
from dyna.pictures import beside as strip
from dyna.pictures import sheet
from dyna.reporting import model_page
from dyna.running import checkpoint, foreign, model_log
from dyna.running.build import harder, has_model, imagined, make
from dyna.running.checks import check_device, check_factors, check_folder, check_keys, check_list
from dyna.running.lock import locked, locked_file
from dyna.scores import results
from dyna.scores.privacy import writable
from envs.tracking import Tracking
from envs.trajectory import Trajectory
from envs.watching import watch
from world_models.base import WorldModel

PUBLISHED_STEPS = (1, 5, 10, 20, 30)
"""Steps ahead whose figures have columns of their own in the results."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found of one model on one kind of episodes, and what it dreams, if it was asked."""

    row: dict[str, Any]
    model: WorldModel
    episodes: Trajectory
    dreams: Trajectory | None = None


def probe(cfg: DictConfig, seed: int) -> list[Finding]:
    """Trains (or loads) one model and measures it, also on ``cfg.generalise`` if that is given.

    Returns:
        Findings; the row of each is one for the results file.
    """
    train = _task(cfg, cfg.env, "train", cfg.episodes, seeding.child(seed, "env/train"))
    with seeding.initialised(seed, "world_model/init"):
        model = make(cfg.world_model, frame_shape=train.scene.frame_shape).to(cfg.device)
    fitted = _load(cfg, seed, model) if cfg.load else _fit(cfg, seed, model, train)
    known = {
        "arm": cfg.label or _arm(cfg),
        "tier": _scene(cfg.env),
        "seed": seed,
        "episodes": cfg.episodes,
        "cpu_seconds": fitted["cpu_seconds"],
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    training = {f"fit/{name}": value for name, value in fitted["metrics"].items()}
    training |= model_log.flat(model.choices)
    episodes = _held_out(cfg, cfg.env, seed)
    found = diagnose(model, episodes, seed, _protocol(cfg), _foreseen(cfg, seed, episodes))
    dreams = _dreams(cfg, seed, model, train)
    row = {**known, **flat(found), **training}
    if dreams is not None:
        row |= beside(with_whole_truth(train.scene, episodes), dreams, model)
    findings = [Finding(row, model, episodes, dreams)]
    if cfg.generalise is not None:
        factors = OmegaConf.to_container(cfg.generalise)
        episodes = _held_out(cfg, harder(cfg.env, cfg.generalise), seed)
        trained_slots, model.num_slots = model.num_slots, _slots(cfg, model, episodes)
        found = diagnose(model, episodes, seed, _protocol(cfg))
        row = {**known, "test_factors": factors, "test_slots": model.num_slots, **flat(found)}
        findings.append(Finding(row, model, episodes))
        model.num_slots = trained_slots
    return findings


def flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """The diagnostics as one row: figures at `PUBLISHED_STEPS`, and all steps in ``steps``."""
    rows = found["rollout"]
    ahead = {
        f"{name}_at_{int(row['step'])}": value
        for row in rows
        if row["step"] in PUBLISHED_STEPS
        for name, value in row.items()
        if name != "step"
    }
    groups = [found[name] for name in ("perception", "target", "occlusion", "trust")]
    return {k: v for group in groups for k, v in group.items()} | ahead | {"steps": rows}


def episodes_of(cfg: DictConfig, env: Tracking, seed: int, last: int | None = None) -> Trajectory:
    """Episodes of the agent that moves the box (and so, on some scenes, the camera).

    Scenes that may be empty have no target to follow; they are watched. With ``last`` the scene
    stops there: it shows that frame.
    """
    if env.scene.min_objects == 0:
        frames = env.horizon if last is None else last + 1
        return watch(env.scene, env.batch_size, frames, env.rng)
    with seeding.initialised(seed, "agent/init"):
        agent = make(
            cfg.agent,
            frame_shape=env.scene.frame_shape,
            seed=seeding.child(seed, "agent"),
            device=cfg.device,
        )
    return rollout(env, agent, last, explore=False)


def _fit(cfg: DictConfig, seed: int, model: WorldModel, train: Tracking) -> dict[str, Any]:
    real = episodes_of(cfg, train, seed).without_truth()
    begin = time.process_time()
    metrics = model.fit(real, seeding.generator(seed, "world_model/fit", cfg.device))
    fitted = {"metrics": metrics, "cpu_seconds": time.process_time() - begin}
    if cfg.save:
        path = _file(cfg.save, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        config = writable(cfg.world_model)
        checkpoint.save(path, {"config": config, "world_model": model.state_dict(), **fitted})
    return fitted


def _load(cfg: DictConfig, seed: int, model: WorldModel) -> dict[str, Any]:
    state = checkpoint.load(_file(cfg.load, seed))
    try:
        model.load_state_dict(state["world_model"])
        return {name: state[name] for name in ("metrics", "cpu_seconds")}
    except foreign.ODD as error:
        raise ValueError(
            f"load={cfg.load} holds another world model, or none that save=... wrote: give the "
            f"overrides that it was made with, {str(state.get('config'))[:300]}"
        ) from error


def _file(folder: str, seed: int) -> Path:
    return Path(folder) / f"seed-{seed}.pt"


def _task(cfg: DictConfig, env: Any, split: str, number: int, seed: int, **more: Any) -> Tracking:
    return make(env, split=split, batch_size=number, seed=seed, device=cfg.device, **more)


def _tested(cfg: DictConfig, env: DictConfig, seed: int) -> Tracking:
    horizon = cfg.test_horizon or test_horizon(_frames(cfg.env), cfg.context, cfg.ahead)
    return _task(cfg, env, "test", cfg.test_episodes, SEED + seed, horizon=horizon)


def _held_out(cfg: DictConfig, env: DictConfig, seed: int) -> Trajectory:
    return episodes_of(cfg, _tested(cfg, env, seed), SEED + seed)


def _dreams(cfg: DictConfig, seed: int, model: WorldModel, env: Tracking) -> Trajectory | None:
    """What the model dreams, as long as it was trained, while the same kind of agent acts."""
    number = min(cfg.test_episodes, EPISODES)
    dream = imagined(model, env, number, seeding.child(seed, "beside"))
    try:
        return episodes_of(cfg, dream, SEED + seed)
    except RuntimeError as error:  # in single images a model may have found nothing at all
        if env.horizon > 1:
            raise
        warnings.warn(f"there are no dreams to compare: {error}", stacklevel=2)
        return None


def _foreseen(cfg: DictConfig, seed: int, episodes: Trajectory) -> Tensor | None:
    """Where the simulator takes the objects after the context; None if it cannot be asked."""
    now = cfg.context - 1
    steps = min(cfg.ahead, episodes.horizon - cfg.context)
    if now < 1 or steps < 1:
        return None
    env = _tested(cfg, cfg.env, seed)
    episodes_of(cfg, env, SEED + seed, last=now)  # the same episodes, as far as the context goes
    camera = camera_path(episodes)
    path = None if camera is None else camera[:, now : now + steps]
    return foresee(env.scene, env.rng, steps, path)


def test_horizon(frames: int, context: int, ahead: int) -> int:
    """Frames of held-out episodes: enough for all steps ahead; single images stay single."""
    return frames if frames == 1 else max(frames, context + ahead)


test_horizon.__test__ = False  # type: ignore[attr-defined]  # no test, whatever pytest thinks


def _frames(env: DictConfig) -> int:
    return int(env.get("horizon", 1))


def _protocol(cfg: DictConfig) -> Protocol:
    frames = _frames(cfg.env)
    settled = (0 if frames == 1 else 2) if cfg.settled is None else cfg.settled
    return Protocol(settled, frames, cfg.context, cfg.ahead, cfg.samples)


def _slots(cfg: DictConfig, model: WorldModel, episodes: Trajectory) -> int:
    assert episodes.truth is not None
    return cfg.generalise_slots or max(model.num_slots, episodes.truth.id.shape[-1] + 1)


def _arm(cfg: DictConfig) -> str:
    return str(cfg.world_model._target_).split(".")[-2]


def _scene(env: DictConfig) -> str:
    return str(env.get("tier") or env.get("background") or str(env._target_).split(".")[-2])


def validate(cfg: DictConfig) -> None:
    """Checks what can be checked before any work.

    Raises:
        ValueError: A value is bad; the message names it and the mend.
    """
    check_keys(
        cfg,
        {"episodes": 1, "test_episodes": 1, "threads": 1, "context": 1, "ahead": 0, "samples": 1}
        | {"settled": 0, "test_horizon": 1, "generalise_slots": 1},
        flags=("publish", "pictures", "debug"),
        optional=("settled", "test_horizon", "generalise_slots"),
        texts=("label", "output", "folder", "save", "load"),
    )
    check_list("seeds", cfg.seeds, int, least=0)
    check_factors("generalise", cfg.generalise)
    check_device(str(cfg.device))
    if not has_model(cfg):
        raise ValueError("world_model=none is nothing to measure: choose world_model=air")
    if not getattr(find(cfg.world_model._target_), "sees", False):
        raise ValueError(
            f"{cfg.world_model._target_} cannot look at frames, so there is nothing to measure: "
            "choose world_model=air"
        )
    _protocol(cfg)
    check_folder("output", _output(cfg).parent)
    check_folder("folder", _folder(cfg))
    if cfg.save:
        check_folder("save", cfg.save)


def _folder(cfg: DictConfig) -> Path:
    return Path(cfg.folder or Path("outputs") / "diagnose" / _output(cfg).stem)


def _output(cfg: DictConfig) -> Path:
    name = f"world_model_{cfg.env.get('tier') or 'scene'}.json"
    return results.destination(cfg.output, cfg.publish, Path("outputs/diagnose", name), name)


def run(cfg: DictConfig, overrides: list[str]) -> list[dict[str, Any]]:
    """Probes one seed after the other; prints each, and writes all after each."""
    validate(cfg)
    torch.set_num_threads(cfg.threads)
    output, folder = _output(cfg), _folder(cfg)
    with locked_file(output), locked(folder):
        return _measure(cfg, output, folder, overrides)


def _measure(
    cfg: DictConfig, output: Path, folder: Path, overrides: list[str]
) -> list[dict[str, Any]]:
    command = shlex.join(["python", "-m", "dyna.diagnose", *overrides])
    rows: list[dict[str, Any]] = []
    for seed in cfg.seeds:
        findings = probe(cfg, seed)
        for finding in findings:
            rows.append(finding.row)
            print(model_log.text(finding.row), flush=True)
        results.write(output, results.provenance(command), rows)
        asked, place, pictures = findings[0], folder / f"seed={seed}", []
        if cfg.pictures:
            pictures = sheet.write(place, asked.model, asked.episodes, cfg.context, cfg.ahead)
            if asked.dreams is not None:
                pictures.append(strip.write(place, asked.episodes, asked.dreams))
        model_log.log(cfg, place, asked.row, pictures)
    print(f"written: {output}")
    if cfg.pictures:
        print(f"written: {model_page.write(output, folder)}")
    return rows
