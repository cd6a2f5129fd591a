"""Finds the Django project in a repository: its manage.py, and the settings that it names."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from backend.kit.upgrade.source import Source, constant

VARIABLE = "DJANGO_SETTINGS_MODULE"
# Names of settings that are for servers.
SERVER = {"production", "prod", "deploy", "live"}
# Folders whose manage.py is for something else.
ASIDE = {"tests", "test", "testproject", "example", "examples", "sandbox", "docs", "demo"}


@dataclass(frozen=True)
class DjangoProject:
    """A project with its own settings. Paths are relative to the repository, with slashes.

    ``settings`` is the module that the server uses, which wsgi.py names. manage.py can name
    another one, ``managed``.
    """

    manage: str
    settings: str
    managed: str

    @property
    def folder(self) -> str:
        """The folder of manage.py, empty if it is the top folder."""
        return str(PurePosixPath(self.manage).parent).removesuffix(".")


def find(sources: Mapping[str, Source]) -> DjangoProject | None:
    """The project whose manage.py is nearest to the top folder.

    None without one, or if it uses the image's settings, as a project from 2019 does.
    """
    found = [path for path in sources if PurePosixPath(path).name == "manage.py"]
    found.sort(key=lambda path: (bool(set(path.split("/")) & ASIDE), path.count("/"), path))
    for path in found:
        names = _server_settings(sources, str(PurePosixPath(path).parent).removesuffix("."))
        managed = next(_named(sources[path]), "")
        names = names or [*([managed] if managed else []), *_by_name(sources, path)][:1]
        settings = managed if managed in names else next(iter(names), "")
        # A project from 2019 names the image's own settings, which are not among its files.
        if settings and module_path(sources, path, settings):
            return DjangoProject(path, settings, managed)
    return None


def _server_settings(sources: Mapping[str, Source], folder: str) -> list[str]:
    """The modules that wsgi.py and asgi.py below the folder name, in this order."""
    names: list[str] = []
    for file in ("wsgi.py", "asgi.py"):
        for path, source in sorted(sources.items()):
            if PurePosixPath(path).name == file and PurePosixPath(path).is_relative_to(folder):
                names += [name for name in _named(source) if name not in names]
    return names


def _by_name(sources: Mapping[str, Source], manage: str) -> list[str]:
    """Settings modules below manage.py, by the names of their files, those for servers first."""
    here = PurePosixPath(manage).parent
    found = []
    for path in sorted(sources):
        pure = PurePosixPath(path)
        if pure.is_relative_to(here) and (
            pure.name == "settings.py" or (pure.parent.name == "settings" and pure.stem in SERVER)
        ):
            module = ".".join(pure.relative_to(here).with_suffix("").parts)
            found.append((pure.stem not in SERVER, path.count("/"), module))
    return [module for *_, module in sorted(found)]


def _named(source: Source) -> Iterator[str]:
    """The modules that a file sets DJANGO_SETTINGS_MODULE to, if it is not set."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and node.args and constant(node.args[0]) == VARIABLE:
            values: list[ast.AST] = [*node.args[1:], *(each.value for each in node.keywords)]
        elif (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Subscript)
            and constant(node.targets[0].slice) == VARIABLE
        ):
            values = [node.value]
        else:
            continue
        for value in values:
            for each in ast.walk(value):
                text = constant(each)
                if isinstance(text, str) and all(part.isidentifier() for part in text.split(".")):
                    yield text


def module_path(sources: Mapping[str, Source], manage: str, module: str) -> str:
    """The file of a module that is imported beside manage.py, or empty if there is none."""
    base = PurePosixPath(manage).parent.joinpath(*module.split("."))
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if path in sources), "")


def settings_files(sources: Mapping[str, Source], project: DjangoProject) -> list[str]:
    """The files of the server's settings, from the first that is read to the last."""
    files: list[str] = []
    _collect(sources, project, project.settings, files, set())
    return files


def _collect(
    sources: Mapping[str, Source],
    project: DjangoProject,
    module: str,
    files: list[str],
    seen: set[str],
) -> None:
    path = module_path(sources, project.manage, module)
    if not path or path in seen:
        return
    seen.add(path)
    is_package = path.endswith("__init__.py")
    for node in ast.walk(sources[path].tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            parts = module.split(".")
            above = parts[: len(parts) - node.level + is_package] if node.level else []
            name = ".".join([*above, *([node.module] if node.module else [])])
            _collect(sources, project, name, files, seen)
    files.append(path)
