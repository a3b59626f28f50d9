"""Writes pages anew: ``python -m dyna.report study NAME`` or ``run FOLDER``; or ``readme``."""

import sys
from collections.abc import Sequence
from pathlib import Path

from dyna.reporting import blocks, pages
from dyna.running.checks import check_name


def main(arguments: Sequence[str] | None = None) -> int:
    """``study NAME`` | ``run FOLDER`` | ``readme [--check]``; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        match given:
            case ["study", name]:
                check_name("NAME", name)
                own = Path("outputs") / name / "results.json"
                table = own if own.exists() else Path("results") / f"{name}.json"
                page_path = pages.write_study(table, Path("outputs") / name)
                print(page_path.resolve())
            case ["run", folder]:
                print(pages.write_run(Path(folder)).resolve())
            case ["readme"] | ["readme", "--check"]:
                return blocks.draw(Path(), check="--check" in given)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
