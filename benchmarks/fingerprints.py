"""The same bits? One small seeded run of every arm, each told by a hash of its metrics.

A change that only moves code leaves every hash as it was; times and speeds are left out. Hashes
repeat on one machine with one version of torch, so compare two checkouts side by side:

    git worktree add ../before COMMIT
    python -m benchmarks.fingerprints --checkout ../before
    python -m benchmarks.fingerprints
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

SMALL = (
    *("real_frames=200", "imagined_frames=640", "effort=0.3", "seed=0", "logger=jsonl"),
    *("evaluations=2", "evaluation_episodes=16", "final_episodes=32"),
    *("progress=false", "pictures=false"),
)
"""Of every run of the loop."""
FIXED = " ".join(
    f"world_model.{key}={value}"
    for key, value in {
        **{"typical_side": 18, "window": 28, "inhibition": 0.33, "presence_prior": 1e-8},
        **{"keep_background": "true", "camera": "given", "canvas": "false", "margin": 0},
        **{"occluders": "false", "transition": "rnn", "relation": "none"},
    }.items()
)
"""AIR's usual choices."""
BARS = "world_model.occluders=true world_model.canvas=true world_model.transition=kalman"
CAMERA = "world_model.keep_background=false world_model.camera=inferred world_model.canvas=true"
ARMS = {
    "none": "world_model=none imagined_frames=0 real_frames=840",
    "rigid": "world_model=rigid env.tier=medium",
    "cut_paste": "world_model=cut_paste env.tier=medium",
    "air": f"world_model=air {FIXED}",
    "air_auto": "world_model=air",
    "vae_rnn": "world_model=vae_rnn effort=0.02",
    "linear": "world_model=linear effort=0.05",
    "oracle": "world_model=oracle env.tier=medium",
    "hart": "agent=hart_full world_model=rigid env.tier=medium",
    "hart_supervised": "agent=hart_supervised world_model=rigid env.tier=medium",
    "hart_template": "agent=hart_template world_model=rigid env.tier=medium",
    "ratm": "agent=ratm world_model=rigid env.tier=medium",
    "collage": "env=collage agent=hart_supervised world_model=none imagined_frames=0",
    "shapes": "env=shapes world_model=rigid",
    "active": "env.tier=active world_model=cut_paste",
    "rounds": "env.tier=medium world_model=rigid rounds=2 real_frames=1000",
}
"""Runs of the loop: ``python -m dyna``."""
MODELS = {
    "air_bars": f"env.tier=hard {FIXED} {BARS}",
    "air_camera": f"env.tier=active agent=random_actions {FIXED} world_model.margin=12 {CAMERA}",
    "air_pairwise": f"env.tier=interaction {FIXED} world_model.relation=pairwise "
    "world_model.transition=kalman",
    "air_shapes": f"env=shapes {FIXED} world_model.anisotropic=true world_model.typical_side=25",
    "air_stills": "env=stills world_model=air_stills env.background=grid",
    "air_recurrent": "env=stills world_model=air_stills world_model.inference=recurrent",
}
"""World models alone: ``python -m dyna.diagnose``."""
SHORT = (
    *("seeds=[0]", "episodes=12", "test_episodes=6", "ahead=10", "samples=2", "pictures=false"),
    *("world_model.static_steps=40", "world_model.sequence_steps=12"),
    "world_model.motion_steps=20",
)
TRACKERS = {
    "compare": "episodes=4 agents=[last_box,ncc,ncc_updated,medianflow] env.tier=medium",
}
"""References: ``python -m dyna.compare``."""
TIMES = (
    "seconds",
    "cpu_second",
    "fps",
    "speed/",
    "commit",
    "date",
    "machine",
    "dirty",
    "command",
    "time/",
)
"""Keys with one of these in their name differ from run to run."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--checkout", type=Path, default=Path.cwd(), help="another one to run")
    parser.add_argument("arms", nargs="*", help="some of them; none: all")
    options = parser.parse_args()
    every = {**ARMS, **MODELS, **TRACKERS}
    unknown = sorted(set(options.arms) - set(every))
    if unknown:
        parser.error(f"unknown {unknown}: choose of {sorted(every)}")
    for arm in options.arms or every:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{arm:16} {fingerprint(arm, Path(folder), options.checkout)}", flush=True)


def fingerprint(arm: str, folder: Path, checkout: Path) -> str:
    """Runs one arm in a process of its own and hashes what it measured.

    Raises:
        RuntimeError: The run failed.
    """
    if arm in ARMS:
        command = ["-m", "dyna", *SMALL, f"folder={folder}", *ARMS[arm].split()]
        output = folder / "metrics.jsonl"
    elif arm in MODELS:
        output = folder / "results.json"
        command = ["-m", "dyna.diagnose", *SHORT, f"output={output}", f"folder={folder}"]
        command += MODELS[arm].split()
    else:
        output = folder / "results.json"
        command = ["-m", "dyna.compare", f"output={output}", *TRACKERS[arm].split()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(checkout)}
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{arm}: {ended.stderr.strip().splitlines()[-1]}")
    text = output.read_text()
    found = map(json.loads, text.splitlines()) if output.suffix == ".jsonl" else [json.loads(text)]
    return digest(found)


def digest(rows: Iterable[object]) -> str:
    """Twelve hexadecimal digits of what does not depend on the clock."""
    told = json.dumps([_timeless(row) for row in rows], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if not any(word in k for word in TIMES)}
        return {key: _timeless(inner) for key, inner in kept.items()}
    if isinstance(value, list):
        return [_timeless(inner) for inner in value]
    return value


if __name__ == "__main__":
    main()
