"""Draws the tables and figures of the documents: ``python -m dyna.readme [--check]``.

``--check`` writes nothing and fails if anything is out of date.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from dyna.reporting import blocks


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or, with ``--check``, compares; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    return blocks.draw(Path(), check=bool(given))


if __name__ == "__main__":
    sys.exit(main())
