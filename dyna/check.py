"""Tests what a world model imagines: ``python -m dyna.check world_model=air env.tier=medium``."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dyna.checking.command import run
from dyna.command_line import call, clear_errors_of_one


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="check")
def _task(cfg: DictConfig) -> None:
    with clear_errors_of_one():
        run(cfg, list(HydraConfig.get().overrides.task))


def main() -> None:
    """Entry point of the command line."""
    call(_task)


if __name__ == "__main__":
    main()
