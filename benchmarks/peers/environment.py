"""Environments of the peers, and processes in them that are measured.

Each peer has a small virtual environment under ``.venv-peers``, for some need packages that do not
go with ours (spriteworld: pillow below 10). It sees our packages behind its own: PyTorch is the
very same, and is not downloaded twice.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

from benchmarks.peers.contest import Missing

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-peers"
REQUIREMENTS = {
    "sb3-contrib": ["sb3-contrib==2.9.2"],
    "spriteworld": ["spriteworld==1.0.2", "pillow<10"],
}
"""What to install for each peer; everything else is as in ``constraints.txt``."""
STAMP = "stamp.json"
"""In an environment that is ready: what was installed, beside what."""


def prepared(peer: str, folder: Path = FOLDER) -> Path:
    """The interpreter that knows a peer; its environment is made if there is none yet.

    Args:
        peer: A key of `REQUIREMENTS`.
        folder: Where the environments are.

    Raises:
        Missing: It cannot be installed.
    """
    place = folder / peer
    python = place / "bin" / "python"
    wanted = {"requirements": REQUIREMENTS[peer], "beside": sys.prefix}
    stamp = place / STAMP
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return python
    venv.create(place, clear=True, with_pip=True)
    (site,) = place.glob("lib/python*/site-packages")
    (site / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    constraints = place / "constraints.txt"
    own = [line for line in REQUIREMENTS[peer] if not line.startswith(peer)]
    constraints.write_text(_without((ROOT / "constraints.txt").read_text(), own))
    # Binaries alone: building an old pillow takes libraries that few have.
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary", "pillow", "-c", constraints, *REQUIREMENTS[peer]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{peer} cannot be installed: {_last(done.stderr)}")
    stamp.write_text(json.dumps(wanted))
    return python


def _without(constraints: str, requirements: list[str]) -> str:
    """The lines of constraints but those of packages that a peer has its own version of."""
    names = {text.split("<")[0].split("=")[0] for text in requirements}
    kept = [line for line in constraints.splitlines() if line.split("==")[0] not in names]
    return "\n".join(kept) + "\n"


def _last(text: str) -> str:
    """The last line that says something of an error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no reason was given"])[-1][:200]


class Worker:
    """A process of a peer that takes a turn whenever it is asked; see ``theirs.serving``.

    It starts at the first turn, and waits between turns without using any time.

    Args:
        peer: Whose environment it runs in.
        module: What is run, with its arguments.
        folder: Where the environments are.
    """

    def __init__(self, peer: str, *module: str, folder: Path = FOLDER) -> None:
        self._peer, self._module, self._folder = peer, module, folder
        self._process: subprocess.Popen[str] | None = None
        self._errors: Any = None

    def __call__(self) -> float:
        """One turn: frames per CPU second of that process.

        Raises:
            Missing: The peer cannot be installed, or fails.
        """
        if self._process is None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("\n")
            process.stdin.flush()
            return float(json.loads(process.stdout.readline()))
        except (OSError, ValueError):
            raise Missing(f"{self._peer} fails: {_last(self.close())}") from None

    def _start(self) -> subprocess.Popen[str]:
        python = prepared(self._peer, self._folder)
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # it outlives this call
        return subprocess.Popen(
            [python, "-m", *self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def close(self) -> str:
        """Ends the process, and returns its errors; another turn would begin a new one."""
        if self._process is None:
            return ""
        process, self._process = self._process, None
        process.kill()
        process.communicate()
        with self._errors:
            self._errors.seek(0)
            return str(self._errors.read())
