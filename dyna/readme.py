"""Draws the tables and figures of the documents: ``python -m dyna.readme [--check]``.

``--check`` writes nothing and fails if anything is out of date.
"""

import sys
from pathlib import Path

from dyna.command_line import call
from dyna.reporting import blocks


def _task() -> None:
    if sys.argv[1:] not in ([], ["--check"]):
        raise ValueError("give nothing, or --check, which writes nothing")
    raise SystemExit(blocks.draw(Path(), check=bool(sys.argv[1:])))


def main() -> None:
    """Entry point of the command line."""
    call(_task)


if __name__ == "__main__":
    main()
