"""What commands check of their configuration before any work starts."""

import contextlib
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch
from omegaconf import DictConfig, ListConfig

from envs.settings import check


def check_keys(
    cfg: DictConfig,
    whole: Mapping[str, int],
    numbers: Iterable[str] = (),
    flags: Iterable[str] = (),
    optional: Collection[str] = (),
    texts: Iterable[str] = (),
) -> None:
    """Makes sure that keys hold values of the kind that they should.

    Args:
        cfg: A composed configuration.
        whole: Keys of whole numbers, and the least that each may be.
        numbers: Keys of numbers from 0 up.
        flags: Keys that are true or false.
        optional: Those that may be null, too.
        texts: Keys of texts, which may be null.

    Raises:
        ValueError: A value is bad; the message names it and the mend.
    """
    for key, least in whole.items():
        check(key, cfg[key], int | None if key in optional else int, {"least": least})
    for key in numbers:
        check(key, cfg[key], float, {"least": 0})
    for key in flags:
        check(key, cfg[key], bool, {})
    for key in texts:
        check(key, cfg[key], str | None, {})


def check_list(key: str, given: object, kind: type, least: int | None = None) -> None:
    """Makes sure that a key holds a list of such values, and not an empty one.

    Raises:
        ValueError: It does not.
    """
    if not isinstance(given, list | ListConfig) or not given:
        raise ValueError(f"{key} must be a filled list, got {given}: give {key}=[...]")
    for item in given:
        check(f"an entry of {key}", item, kind, {} if least is None else {"least": least})


def check_factors(key: str, given: object) -> None:
    """Makes sure that a key holds factors of scenes, by name, or none.

    Raises:
        ValueError: It does not.
    """
    if not isinstance(given, DictConfig | None):
        raise ValueError(f"{key}={given}: give factors, {{max_objects: 6}}, or null")


def check_name(key: str, name: object) -> None:
    """Makes sure that a name can be that of a folder under ``outputs/``, and leads nowhere else.

    Raises:
        ValueError: It cannot.
    """
    text = str(name)
    if not text.strip(". ") or set(text) & set("/\\\0\n") or len(text.encode()) > 120:
        raise ValueError(
            f"{key}={text} is no name of a folder: give one word, without / and \\, or all of the "
            "folder by folder=..."
        )


def check_folder(key: str, folder: str | Path | None) -> None:
    """Makes sure that files can be written in a folder, and leaves nothing there.

    Raises:
        ValueError: They cannot.
    """
    if folder is None:
        raise ValueError(f"{key}=null is no folder: give one, or leave {key} out")
    folder, made = Path(folder), []
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(
            f"{key}={folder}: no file can be written there ({why}); give another {key}"
        ) from None
    finally:
        for path in made:
            with contextlib.suppress(OSError, ValueError):
                path.rmdir()


def check_device(name: str) -> None:
    """Makes sure that torch can compute on the device.

    Raises:
        ValueError: It cannot, or does not know the name.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device={name} is unknown: give cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name}, but torch sees no CUDA device: give device=cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={name}, but torch sees {torch.cuda.device_count()} CUDA device(s): "
            "give a lower number"
        )
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device={name} is not supported: give cpu, cuda or cuda:N")
