"""What can be set about HART's policy."""

import dataclasses
from typing import Any

from envs.settings import Settings, setting


@dataclasses.dataclass(frozen=True)
class HARTSettings(Settings):
    """What can be set: the compact network, which PPO trains as fast per frame as larger ones."""

    channels: Any = setting([8, 16], "maps of V1's two convolutions", pair=int, least=1, most=4096)
    features: int = setting(64, "size of v_t (equation 4)", least=1, most=16384)
    memory: int = setting(100, "size of the LSTM", least=1, most=16384)
    glimpse: int = setting(20, "rows and columns of the glimpse; even", least=8, most=512)
    scale: float = setting(1.8, "extent of the attended window, in own boxes", least=1)
    learn_scale: bool = setting(False, "the extent (per axis) is learned, starting from scale")
    attention_update: bool = setting(
        False, "the window moves by tanh(c) * delta_a, too (equation 7); twice the time"
    )
    # Rewards tell little of the size, and a wrong tendency adds up over an episode.
    size_pace: float = setting(
        0.1, "how fast the update of the box's size is learned against that of its centre"
    )
    appearance: bool = setting(True, "appearance attention; false: the location map is 1")
    zoneout: float = setting(
        0.0,
        "probability that a number of the LSTM stays as it was, while learning; the paper: 0.05, "
        "for days of training",
        least=0,
        below=1,
    )
    dropout: float = setting(
        0.0,
        "probability that a number of the ventral stream is 0, while learning; the paper: 0.25",
        least=0,
        below=1,
    )
    keep_bias: float = setting(
        0.0, "of the LSTM's forget gates at the start; above 0, memory lasts longer"
    )
    template: bool = setting(
        False,
        "the ventral stream is told, too, where the first glimpse's target matches "
        "(agents.hart.correlation); the paper's HART is not",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.glimpse % 2:
            raise ValueError(f"glimpse must be even, got {self.glimpse}")
