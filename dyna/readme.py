"""Draws the tables and figures of the documents: ``python -m dyna.readme [--check]``."""

import sys

from dyna.reporting.blocks import main

if __name__ == "__main__":
    sys.exit(main())
