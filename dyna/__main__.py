"""``python -m dyna``."""

from dyna.cli import main

if __name__ == "__main__":
    main()
