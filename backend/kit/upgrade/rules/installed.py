"""What can be imported in the image, by the files on disk, without running anything."""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path

# Packages of the image whose names old projects import.
CARRIED = {
    *("django", "rest_framework", "rest_framework_gis", "django_filters", "corsheaders"),
    *("whitenoise", "drf_yasg", "health_check", "environ", "psycopg2", "gunicorn", "backend"),
}
# Standard modules that Python 3.12 and 3.13 no longer have.
# https://docs.python.org/3/whatsnew/3.12.html#removed https://peps.python.org/pep-0594/
REMOVED_FROM_PYTHON = {
    *("asynchat", "asyncore", "distutils", "imp", "smtpd", "aifc", "audioop", "cgi", "cgitb"),
    *("chunk", "crypt", "imghdr", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes"),
    *("sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib", "lib2to3"),
}
# Only exists while tests run.
OUTBOX = "django.core.mail.outbox"


def exists(dotted: str) -> bool:
    """Whether ``package.module.name`` can be imported. True for packages that are not the image's.

    A module whose names are only known at run time has all names.
    """
    parts = dotted.split(".")
    if parts[0] in REMOVED_FROM_PYTHON:
        return False
    if parts[0] not in CARRIED or f"{dotted}.".startswith(f"{OUTBOX}."):
        return True
    place = _root(parts[0])
    if place is None:
        return True
    for part in parts[1:]:
        below = _module(place, part)
        if below is None:
            # Attributes of a name, such as those of a class, are not checked.
            return _has_name(place, part)
        place = below
    return True


@functools.cache
def _root(package: str) -> Path | None:
    folders = (Path(entry or ".") / package for entry in sys.path)
    return next((folder for folder in folders if (folder / "__init__.py").is_file()), None)


def _module(place: Path, name: str) -> Path | None:
    """The folder of a package, or the file of a module."""
    if place.is_file():
        return None
    folder, file = place / name, place / f"{name}.py"
    if file.is_file():
        return file
    return folder if folder.is_dir() else next(place.glob(f"{name}.*.so"), None)


def _has_name(place: Path, name: str) -> bool:
    file = place / "__init__.py" if place.is_dir() else place
    if file.suffix != ".py" or not file.is_file():
        return file.suffix == ".so"
    names = _names(file)
    return "*" in names or name in names


@functools.cache
def _names(file: Path) -> frozenset[str]:
    """The names of a module, and ``*`` if it can have other names."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_bytes())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add("*" if node.name == "__getattr__" else node.name)
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name == "*" and isinstance(node, ast.ImportFrom):
                    names |= _of_star(file, node)
                else:
                    names.add((alias.asname or alias.name).partition(".")[0])
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        waiting.extend(ast.iter_child_nodes(node))
    return frozenset(names)


def _of_star(file: Path, node: ast.ImportFrom) -> set[str]:
    """The names from ``from module import *``, or ``*`` if the module is not found."""
    folder: Path | None
    if node.level:
        folder = file.parent
        for _ in range(node.level - 1):
            folder = folder.parent
        parts = node.module.split(".") if node.module else []
    else:
        root, *parts = (node.module or "").split(".")
        folder = _root(root)
    for part in parts:
        folder = _module(folder, part) if folder else None
    if folder is None:
        return {"*"}
    return set(_names(folder / "__init__.py" if folder.is_dir() else folder))
