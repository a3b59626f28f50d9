"""Follows one object through a video: ``python -m dyna.track video.mp4 --box x,y,w,h ...``."""

import sys

import hydra
from omegaconf import DictConfig

from dyna.command_line import clear_errors, clear_errors_of_one
from dyna.running.track import arguments, run


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="track")
def _task(cfg: DictConfig) -> None:
    with clear_errors_of_one():
        run(cfg)


def main() -> None:
    """Entry point of the command line."""
    with clear_errors():
        sys.argv[1:] = arguments(sys.argv[1:])
        _task()


if __name__ == "__main__":
    main()
