"""Writes pages anew: ``python -m dyna.report study NAME``, ``run FOLDER`` or ``readme``."""

import sys

from dyna.reporting.pages import main

if __name__ == "__main__":
    sys.exit(main())
