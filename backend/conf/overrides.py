"""Finds and loads a team's ``local_settings``: it can be absent, but not broken.

A team can provide three files: ``settings.py``, ``urls.py``, and ``gunicorn_conf.py``, in
``src_files/local_settings/`` (a mounted checkout) or ``local_settings/`` (copied into the image).
All of them come from the first folder that exists.

If gunicorn's command names a configuration, that is used in place of ``gunicorn_conf.py``.
"""

from __future__ import annotations

import importlib
import os
import stat
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from backend.conf import source
from backend.conf.errors import StartupError, explain
from backend.conf.places import CODE, ROOT

PACKAGES: tuple[str, ...] = ("src_files.local_settings", "local_settings")
GUNICORN = "gunicorn_conf"
MODULES = ("settings", "urls", GUNICORN)
# The file that gunicorn's command names, and its name as a module.
NAMED, NAMED_MODULE = "BACKEND_GUNICORN_CONFIGURATION", "gunicorn_conf_of_the_command"


def find(module: str, root: Path = ROOT) -> tuple[str, Path] | None:
    """Return the dotted name and the file of a local_settings module, or None if absent.

    It looks for the file first, to tell "absent" from "broken": an ImportError can mean either.

    Raises StartupError if the file exists but is a folder or unreadable.
    """
    if module == GUNICORN and (named := os.environ.get(NAMED)):
        return NAMED_MODULE, Path(named)
    for package in PACKAGES:
        folder = root.joinpath(*package.split("."))
        mode = _mode(folder)
        if mode is None:
            continue
        if not stat.S_ISDIR(mode):
            raise StartupError(
                f"{folder} is a file, not a folder.",
                f"Make it a folder. It can contain {', '.join(f'{name}.py' for name in MODULES)}.",
            )
        file = folder / f"{module}.py"
        mode = _mode(file)
        if mode is None:
            return None
        if stat.S_ISDIR(mode):
            raise StartupError(
                f"{file} is a folder, not a file.",
                "Docker creates a folder if the file to mount does not exist on the host. Delete "
                "the folder, correct the path in the mount, and start again.",
            )
        if not os.access(file, os.R_OK):
            raise StartupError(
                f"{file} cannot be read by the application's user (UID {os.geteuid()}).",
                f"Make it readable: chmod a+r {file.name}",
            )
        return f"{package}.{module}", file
    return None


def load(module: str, root: Path = ROOT) -> ModuleType | None:
    """Import a local_settings module under its real name; None if it is absent.

    Raises StartupError, with file, line and a hint, for anything that goes
    wrong while it is imported.
    """
    location = find(module, root)
    if location is None:
        return None
    name, file = location
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        loaded = _named(file) if name == NAMED_MODULE else importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise explain(error, file) from error
    if Path(loaded.__file__ or "").resolve() != file.resolve():
        raise StartupError(
            f"{file} is hidden by an installed package of the same name, {loaded.__file__}.",
            f"Add an empty __init__.py to {file.parent}, or uninstall that package.",
        )
    return loaded


def _named(file: Path) -> ModuleType:
    """A module from a file whose name need not be one, such as gunicorn.conf.py."""
    if NAMED_MODULE not in sys.modules:
        module = ModuleType(NAMED_MODULE)
        module.__file__ = str(file)
        SourceFileLoader(NAMED_MODULE, str(file)).exec_module(module)
        sys.modules[NAMED_MODULE] = module
    return sys.modules[NAMED_MODULE]


def forget(module: str) -> None:
    """Let the next ``load`` read a local_settings module from its file again."""
    if location := find(module):
        sys.modules.pop(location[0], None)
        importlib.invalidate_caches()


def place_of(name: str, module: str) -> str:
    """File and line where a local_settings module sets ``name``, or only the file if it imports it.

    If there is no such module, it is the image's own file.
    """
    location = find(module)
    if location is None:
        return str(CODE / f"{module}.py")
    file = location[1]
    lines = [each.line for each in source.bindings(file).get(name, []) if not each.module]
    return f"{file}, line {lines[-1]}" if lines else str(file)


def _mode(path: Path) -> int | None:
    """The file mode, or None if absent. Path.exists() would treat an unreadable file as absent."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StartupError(
            f"{path} cannot be accessed: {error.strerror}.",
            f"Let the application's user (UID {os.geteuid()}) enter the folder: "
            f"chmod a+rx {path.parent}",
        ) from error
