"""Which generated classes belong to one table, and which names a text uses."""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from backend.tables.generator.units import Unit, module

Path = tuple[str, ...]


class References:
    """Who uses whom across files, in one or more versions of them: ``models.Stops``."""

    def __init__(self, versions: Iterable[Mapping[str, str]]) -> None:
        self._versions = list(versions)

    def to(self, path: Path) -> set[Path]:
        """The units that use a class."""
        return {user for user, used in self._uses.items() if path in used}

    def same_table(self, path: Path) -> set[Path]:
        """The classes that are connected with a class, and the statements that use no others."""
        if path not in self._classes:
            return {path}
        table = {path}
        waiting = [path]
        while waiting:
            each = waiting.pop()
            more = {*self._uses[each], *self.to(each)} & self._classes - table
            table |= more
            waiting += more
        return table | {user for user, used in self._uses.items() if used and used <= table}

    @functools.cached_property
    def _classes(self) -> set[Path]:
        return {path for path, unit in self._units if isinstance(unit.node, ast.ClassDef)}

    @functools.cached_property
    def _uses(self) -> dict[Path, set[Path]]:
        files = {PurePath(path[0]).stem: path[0] for path, _ in self._units}
        uses: dict[Path, set[Path]] = defaultdict(set)
        for path, unit in self._units:
            for node in ast.walk(unit.node) if unit.node else ():
                match node:
                    case ast.Attribute(value=ast.Name(id=stem), attr=name) if stem in files:
                        uses[path].add((files[stem], name))
        return uses

    @functools.cached_property
    def _units(self) -> list[tuple[Path, Unit]]:
        return [
            ((name, unit.key), unit)
            for files in self._versions
            for name, text in files.items()
            if name.endswith(".py")
            for unit in module(text).units
        ]


@functools.lru_cache(maxsize=1024)
def words(text: str) -> frozenset[str]:
    """The names in Python code, also those in strings: ``ForeignKey("Stops")``."""
    return frozenset(_words(ast.parse(text)))


def _words(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                yield name
            case ast.keyword(arg=str(name)) | ast.alias(name=name):
                yield name
            case ast.Constant(value=str(text)):
                yield text.rpartition(".")[2]
