"""Follows one object through a video: ``python -m dyna.track video.mp4 --box x,y,w,h ...``."""

import hydra
from omegaconf import DictConfig

from dyna.command_line import call, clear_errors_of_one
from dyna.running.track import arguments, run


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="track")
def _task(cfg: DictConfig) -> None:
    with clear_errors_of_one():
        run(cfg)


def main() -> None:
    """Entry point of the command line."""
    call(_task, arguments)


if __name__ == "__main__":
    main()
