"""``python -m dyna``."""

from dyna.train import main

if __name__ == "__main__":
    main()
