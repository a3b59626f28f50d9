"""Writes pages anew: ``python -m dyna.report study NAME`` or ``run FOLDER``; or ``readme``."""

import sys
from pathlib import Path

from dyna.command_line import call
from dyna.reporting import blocks, pages
from dyna.running.checks import check_name


def _task() -> None:
    match sys.argv[1:]:
        case ["study", name]:
            check_name("NAME", name)
            own = Path("outputs") / name / "results.json"
            table = own if own.exists() else Path("results") / f"{name}.json"
            print(pages.write_study(table, Path("outputs") / name).resolve())
        case ["run", folder]:
            print(pages.write_run(Path(folder)).resolve())
        case ["readme"] | ["readme", "--check"]:
            raise SystemExit(blocks.draw(Path(), check="--check" in sys.argv))
        case _:
            raise ValueError("give study NAME, run FOLDER, or readme [--check]")


def main() -> None:
    """Entry point of the command line."""
    call(_task)


if __name__ == "__main__":
    main()
