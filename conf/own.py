"""Members of one's own, in a folder that the user names on the command line: ``path=FOLDER``.

The folder holds modules, and a YAML for each member in ``conf/GROUP/NAME.yaml``, as this
repository does. It is never taken from a config: that of a checkpoint may be from anybody.
"""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

import yaml
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from conf import SCHEMAS, register
from conf.members import FOLDERS, HOME, PLACES, declared, names


class OwnFolders(SearchPathPlugin):
    """Shows Hydra the YAMLs of own folders, after ours."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Appends them."""
        for folder in FOLDERS:
            search_path.append("path", f"file://{folder}")


Plugins.instance().register(OwnFolders)


@contextlib.contextmanager
def own_folders(arguments: Sequence[str]) -> Iterator[None]:
    """Makes members of what lies in the folders of ``path=``, as long as the command runs.

    Args:
        arguments: Of the command line, as Hydra reads them. Several folders are separated as in
            the variable PATH, by a colon.

    Raises:
        ValueError: One is no folder, or a name in it is taken; the message says which.
    """
    known, modules, schemas = list(sys.path), set(sys.modules), dict(SCHEMAS)
    places = {target: set(at) for target, at in PLACES.items()}
    try:
        for folder in _folders(arguments):
            _add(folder)
        yield
    finally:
        _forget(set(sys.modules) - modules, [x for x in sys.path if x not in known])
        sys.path[:] = known
        FOLDERS.clear()
        for kept, all_of_it in ((PLACES, places), (SCHEMAS, schemas)):
            kept.clear()
            kept.update(all_of_it)  # type: ignore[arg-type]


def _folders(arguments: Sequence[str]) -> Iterator[Path]:
    for argument in arguments:
        key, equals, _ = argument.partition("=")
        if key.lstrip("+") != "path" or not equals:
            continue
        override = OverridesParser.create().parse_override(argument)
        if override.is_sweep_override():
            raise ValueError(f"{argument} is a sweep: separate folders by {os.pathsep}")
        given = override.value()
        text = OmegaConf.create({"path": given}).path
        for one in [] if text is None else str(text).split(os.pathsep):
            if not Path(one).is_dir():
                raise ValueError(
                    f"path={one} is no folder: give one that holds your modules, and the YAML of "
                    "each member in conf/GROUP/NAME.yaml"
                )
            yield Path(one).resolve()


def _add(folder: Path) -> None:
    here = folder / "conf"
    sys.path.append(str(folder))
    if here.resolve() == HOME or not here.is_dir():
        return
    for path in sorted(here.glob("*/*.yaml")):
        if path.stem in names(path.parent.name):
            raise ValueError(f"{path} has the name of a member of ours: give it another one")
    try:
        targets = {target for target, *_ in declared(here)}
    except yaml.YAMLError as error:
        raise ValueError(f"{here} holds a YAML that cannot be read: {error}") from None
    for target in targets - PLACES.keys():
        _check_home(str(target), folder)
    FOLDERS.append(here)
    try:
        register(here)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"a YAML in {here} names what is not there: {error}") from error


def _forget(names: Collection[str], folders: Sequence[str]) -> None:
    """Lets go of those modules that are of own folders, so that the next may use their names."""
    tops = {name.partition(".")[0] for name in names}
    gone = {top for top in tops if any(_lies_in(_spec(top), Path(x)) for x in folders)}
    for name in names:
        if name.partition(".")[0] in gone:
            del sys.modules[name]


def _spec(module: str) -> ModuleSpec | None:
    with contextlib.suppress(ImportError, ValueError):
        return importlib.util.find_spec(module)
    return None


def _lies_in(spec: ModuleSpec | None, folder: Path) -> bool:
    """Whether a module or a package lies in a folder itself, not somewhere below it.

    An environment may be below it, and what comes with Python lies nowhere.
    """
    if spec is None:
        return False
    file = spec.origin if spec.has_location else None
    places = spec.submodule_search_locations or [file or ""]
    return any(place and Path(place).parent.resolve() == folder for place in places)


def _check_home(target: str, folder: Path) -> None:
    """Makes sure that a target of a YAML is code of the same folder.

    Raises:
        ValueError: It is not.
    """
    module = target.partition(".")[0]
    if _lies_in(_spec(module), folder):
        return
    raise ValueError(
        f"_target_={target} is named in {folder / 'conf'}, but {module} is no module of {folder}: "
        "give it a name that no installed package has"
    )
