"""Trains world models from scratch and measures them: ``python -m dyna.diagnose ...``."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dyna.command_line import call, clear_errors_of_one
from dyna.running.diagnose import run


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="diagnose")
def _task(cfg: DictConfig) -> None:
    with clear_errors_of_one():
        run(cfg, list(HydraConfig.get().overrides.task))


def main() -> None:
    """Entry point of the command line."""
    call(_task)


if __name__ == "__main__":
    main()
